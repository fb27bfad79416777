# SPDX-License-Identifier: MIT
"""What tests of the program share: running it as a user does, and making files for it."""

import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import tempfile
import unittest

COMMAND = os.environ.get("LUGE_COMMAND", "luge")
SOURCE = pathlib.Path(os.environ.get("LUGE_SOURCE", pathlib.Path(__file__).resolve().parent.parent))
SHARED = pathlib.Path(os.environ.get("LUGE_SHARED", SOURCE.parent / "shared"))


def luge(*arguments, env=None, **more):
    """Run the program; what it prints is text.  Its threads sleep where they wait: the processors may be shared."""
    return subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "OMP_WAIT_POLICY": "passive", **(env or {})}, **more)


def lines(text):
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def refuse(word):
    raise ValueError(f"{word} is no JSON")


class Test(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="luge-command-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def absent(self, what):
        """Something that the test needs is not there."""
        if os.environ.get("CI") == "true":
            self.fail(f"{what} is needed where CI=true")
        self.skipTest(f"{what} is not there")

    def good(self, *arguments, **more):
        result = luge(*arguments, **more)
        self.assertEqual(result.returncode, 0, f"{arguments}: {result.stderr}")
        return result.stdout

    def last(self, *arguments, **more):
        """The last JSON line of a run."""
        return lines(self.good(*arguments, "--json", **more))[-1]

    def refused(self, status, arguments, *words, **more):
        """It ends with the status, says nothing on standard output and one line with the words on the other."""
        result = luge(*arguments, **more)
        note = f"{arguments}: {result.stderr!r}"
        self.assertEqual(result.returncode, status, note)
        self.assertEqual(result.stdout, "", note)
        self.assertEqual(len(result.stderr.splitlines()), 1, note)
        self.assertTrue(result.stderr.startswith("luge"), note)
        for word in words:
            self.assertIn(word, result.stderr, note)


# ---- files that the tests make ----

def idx(shape, data, kind=8):
    return struct.pack(f">HBB{len(shape)}I", 0, kind, len(shape), *shape) + bytes(data)


def safetensors(path, tensors, metadata):
    """tensors: name -> (dtype, shape, bytes)"""
    header, data = {"__metadata__": metadata}, b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


class Digits:
    """Small images whose label can be read off the first bright column."""

    def __init__(self, folder, rows=120):
        order = random.Random(7)
        self.labels = [order.randrange(4) for _ in range(rows)]
        pixels = bytearray()
        for label in self.labels:
            pixels += bytes(200 * (i % 6 == label) + order.randrange(40) for i in range(36))
        self.images = bytes(pixels)
        self.rows, self.folder = rows, folder
        self.write(idx([rows, 6, 6], self.images), idx([rows], self.labels))

    def write(self, images, labels):
        (self.folder / "images").write_bytes(images)
        (self.folder / "labels").write_bytes(labels)

    def arguments(self):
        return ["train", "--problem", "mlp", "--data", f"images={self.folder}/images", "--data",
                f"labels={self.folder}/labels", "--hidden", "16", "--method", "adamw", "--batch", "32"]
