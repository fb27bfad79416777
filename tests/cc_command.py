#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Methods of one's own, as a user makes them: luge cc and --plugin, from an installed prefix outside the source.

    cc_command.py [unittest arguments]

LUGE_BUILD is the build folder that is installed; the rest is as in command.py."""

import json
import os
import pathlib
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import user
from user import SOURCE, Test, lines

DRIFT = r"""/*
 * Drift: momentum under another name.
 *
 *     m = mu m + g,   "quoted" and \escaped
 *     x = x - lr m
 *
 * Ref   None.
 * SPDX-License-Identifier: MIT
 */
#define NAME  drift
#define TITLE "Drift"
#define PAPER "none"
#define HYPER(_) \
    _(rate, lr,       0.01, "[0,inf)", "step size") \
    _(real, momentum, 0.9,  "[0,1)",   "momentum")
#define SLOTS(_) _(buffer, 1, 0, update, "momentum m")
#define COEFS(_) _(lr) _(mu)
#define ALIASES(_) _(drift_half, "Half a drift", "momentum=0.5", "", "none")
#include "engine/method.h"

PREPARE
{
    c->lr = h->lr;
    c->mu = h->momentum;
}

UPDATE
{
    s->buffer = c->mu * s->buffer + g;
    return x - c->lr * s->buffer;
}
"""


def setUpModule():
    """The command of an installation in a folder of its own, which was moved after it was installed."""
    global prefix
    prefix = pathlib.Path(tempfile.mkdtemp(prefix="luge-prefix-"))
    unittest.addModuleCleanup(shutil.rmtree, prefix, ignore_errors=True)
    subprocess.run(["cmake", "--install", os.environ["LUGE_BUILD"], "--prefix", prefix / "first"], check=True,
                   stdout=subprocess.DEVNULL)
    (prefix / "first").rename(prefix / "moved")
    user.COMMAND = next((prefix / "moved").glob("*bin/luge"))


class Plugin(Test):
    def write(self, text, name="drift.h"):
        (self.folder / name).write_text(text)
        return self.folder / name

    def made(self, text=DRIFT, name="drift.h"):
        out = (self.folder / name).with_suffix(".so")
        self.good("cc", self.write(text, name), "--out", out)
        return out

    def train(self, *arguments):
        return self.last("train", "--problem", "rosenbrock", "--lr", "1e-3", "--steps", "300", *arguments)


class Making(Plugin):
    def test_is_the_method(self):
        """The same rule under another name takes the same steps, at every level, and its page is printed."""
        out = self.made()
        own = self.train("--plugin", out, "--method", "drift")
        for level in ["v2", "v3", "v4"]:
            if not user.luge("methods", "lion", env={"LUGE_ISA": level}).returncode:
                self.assertEqual(self.train("--method", "heavy_ball")["checksum"], own["checksum"])
        half = self.train("--plugin", out, "--method", "drift_half")
        self.assertEqual(half["checksum"], self.train("--method", "heavy_ball", "--momentum", "0.5")["checksum"])
        listed = [m["name"] for m in lines(self.good("methods", "--plugin", out, "--json"))]
        self.assertEqual(listed, ["drift", "drift_half", *sorted(listed[2:])])
        self.assertLessEqual({"drift", "drift_half", "adamw"}, set(listed))
        page = lines(self.good("methods", "drift", "--plugin", out, "--json"))[0]
        self.assertEqual(page["formula"], "Drift: momentum under another name.\n\n    m = mu m + g,   \"quoted\" and "
                                          "\\escaped\n    x = x - lr m\n\nRef   None.")
        self.assertTrue(page["flow"])
        self.assertIsNone(page["example"])  # no test has run it
        self.assertIn("signs", lines(self.good("methods", "lion", "--json"))[0]["no_flow"])

    def test_formulas(self):
        """The opening comment is read here as the build reads those of luge's own methods."""
        for name in ["lion", "lamb", "adam"]:
            text = (SOURCE / "src" / "methods" / f"{name}.h").read_text()
            text = text.replace(f"#define NAME  {name}", "#define NAME  copy").replace("ALIASES(_)", "UNUSED_(_)")
            text = text.replace(f"_({name},", "_(copy,")
            out = self.made(text, "copy.h")
            copy, own = (lines(self.good("methods", n, "--json", "--plugin", out))[0] for n in ["copy", name])
            for key in ["formula", "parameters", "state", "kind", "bytes_per_parameter"]:
                self.assertEqual(copy[key], own[key], name)

    def test_default_name(self):
        """In the present folder, with messages in the words that the user gave."""
        (self.folder / "sub").mkdir()
        self.write(DRIFT, "sub/drift.h")
        self.good("cc", "sub/drift.h", cwd=self.folder)
        self.assertTrue((self.folder / "drift.so").exists())
        self.good("methods", "--plugin", "drift.so", "drift", cwd=self.folder)

    def test_mistakes(self):
        rows = [
            (DRIFT.replace("NAME  drift", "OTHER drift"), "drift.h", "#define NAME"),
            (DRIFT.replace("#define COEFS", "#define WORK 1\n#define COEFS"), "drift.h", "matrix method", "no plugins"),
            (DRIFT.replace("NAME  drift", "NAME  9lives"), "drift.h", "9lives"),
            (DRIFT.replace("NAME  drift", "NAME  adamw"), "drift.h", "adamw", "another NAME"),
            (DRIFT.replace("drift_half", "adam"), "adam", "another NAME"),
            (DRIFT.replace("TITLE", "TITEL"), "#define TITLE"),
            (DRIFT.replace(" 0.9, ", " 1.5, "), "drift: momentum = 1.5 is not in [0,1)"),
            (DRIFT.replace("momentum=0.5", "speed=0.5"), "drift_half", '"speed"'),
            (DRIFT.replace("#define COEFS", '#define REPEATED(_) _(a, 1, 0, update, "a") _(b, 1, 0, update, "b")\n'
                                            "#define COEFS"), "drift: its slots come to 17"),
            (DRIFT.replace("rate, lr, ", "rate, schedule, ").replace("h->lr", "h->schedule"), "schedule"),
            (DRIFT.replace("#define COEFS", '#define RULES(_) _(h->lr > 1, "lr is above 1")\n#define COEFS'),
             "drift: as its settings come: lr is above 1"),
        ]
        for text, *words in rows:
            with self.subTest(words=words):
                self.refused(1, ["cc", self.write(text), "--out", self.folder / "bad.so"], *words)
                self.assertFalse((self.folder / "bad.so").exists())
        self.refused(1, ["cc", self.folder / "none.h"], "none.h")
        self.refused(2, ["cc"], "FILE.h")
        self.refused(1, ["cc", self.write(DRIFT)], "/no/such/cc", env={"CC": "/no/such/cc"})

    def test_messages_of_the_compiler(self):
        wrong = user.luge("cc", self.write(DRIFT.replace("+ g;", "+ gradient;")))
        self.assertEqual((wrong.returncode, wrong.stdout), (1, ""))
        line = 1 + DRIFT[:DRIFT.index("+ g;")].count("\n")
        self.assertIn(f"drift.h:{line}:", wrong.stderr)
        self.assertIn("luge cc: ", wrong.stderr.splitlines()[-1])
        twice = user.luge("cc", self.write(DRIFT.replace('_(real, momentum', '_(real, lr, 1, "[0,1]", "") _(real, momentum')))
        self.assertEqual(twice.returncode, 1)
        self.assertIn("duplicate member", twice.stderr)


class Path(Test):
    def test_page(self):
        """docs/your-own-method.md as a new user follows it: its file, and its commands one after the other."""
        page = (SOURCE / "docs" / "your-own-method.md").read_text()
        (self.folder / "coast.h").write_text(re.search(r"```c\n(.*?)```", page, re.S)[1])
        commands = [line for block in re.findall(r"```sh\n(.*?)```", page, re.S) for line in block.splitlines()]
        self.assertGreater(len(commands), 5)
        self.assertLess(len(commands), 10)
        said = {}
        for line in commands:
            word, *arguments = shlex.split(line)
            self.assertEqual(word, "luge")
            if "--plot" in arguments and not shutil.which("gnuplot"):
                arguments = arguments[:arguments.index("--plot")]
            said[line] = self.good(*arguments, cwd=self.folder)
        checks = re.findall(r"(?m)^(good|FAILS|-) ", said["luge cc coast.h"])
        self.assertEqual(checks, ["good"] * 10)
        self.assertIn("# Coast", said["luge cc coast.h"])
        coast, ball = (lines(text)[-1]["checksum"] for line, text in said.items() if line.endswith("--json"))
        self.assertEqual(coast, ball)
        orders = {line: re.findall(r"(?m)^auto:([12]) +order ([0-9.]+)", text) for line, text in said.items()
                  if line.startswith("luge flow")}
        self.assertEqual(len(orders), 2)
        for line, found in orders.items():
            self.assertEqual([round(float(order)) for _, order in found], [1, 2], said[line])
        if shutil.which("gnuplot"):
            for picture in ["coast.svg", "flow.svg", "filter.svg"]:
                self.assertIn("<svg", (self.folder / picture).read_text())

    def test_mistakes_by_order(self):
        """Formulas with a mistake, beside the flow of heavy ball that they were meant to be."""
        rows = [("", "", [1, 2]),
                ("+ g;", "+ g - c->mu * g;", [0, 0]),
                ("c->mu * s->buffer + g;", "g;", [0, 0]),
                ("c->lr * s->buffer;", "c->lr * (c->mu * s->buffer + g);", [1, 1])]
        for right, wrong, orders in rows:
            with self.subTest(wrong=wrong):
                self.assertIn(right, DRIFT)
                (self.folder / "drift.h").write_text(DRIFT.replace(right, wrong) if right else DRIFT)
                self.good("cc", "drift.h", "--json", cwd=self.folder)
                found = lines(self.good(
                    "flow", "--plugin", "drift.so", "--method", "drift", "--set", "momentum=0.5", "--like",
                    "heavy_ball:momentum=0.5", "--problem", "expr:0.5*(1-x)^2+(y-x^2)^2", "--at=-0.5,0.6", "--start", "prepared",
                    "--json", cwd=self.folder))
                self.assertEqual([round(line["order"]) for line in found], orders)

    def test_analyze(self):
        """What analyze says of heavy ball it says of a copy of it."""
        (self.folder / "drift.h").write_text(DRIFT)
        self.good("cc", "drift.h", "--json", cwd=self.folder)
        both = [self.good("analyze", name, "--plugin", self.folder / "drift.so", "--momentum", "0.5", "--lr", "0.01",
                          "--json").replace(name, "*") for name in ["drift", "heavy_ball"]]
        self.assertEqual(*both)

    def test_checks_find(self):
        """What the checks are for: a constant that is no number, a step without a gradient, hidden NaN."""
        rows = [
            (DRIFT.replace("c->lr = h->lr;", "c->lr = h->lr / (1 - lg_pow(h->momentum, k));"), set()),
            (DRIFT.replace("c->lr = h->lr;", "c->lr = h->lr * k / k;"), {"limit"}),
            (DRIFT.replace("return x - c->lr *", "return x - c->lr - c->lr *"), {"zero"}),
            (DRIFT.replace("return x - c->lr * s->buffer", "return x - c->lr * (s->buffer != s->buffer ? x : s->buffer)"),
             {"nan"}),
        ]
        for text, want in rows:
            with self.subTest(want=want):
                (self.folder / "drift.h").write_text(text)
                result = user.luge("cc", "drift.h", "--json", cwd=self.folder)
                *checks, last = lines(result.stdout)
                self.assertEqual({c["check"] for c in checks if not c["pass"]}, want, result.stdout)
                self.assertEqual((result.returncode, last["pass"]), (1, False) if want else (0, True))


class Loading(Plugin):
    def altered(self, out, at, data):
        raw = bytearray(out.read_bytes())
        start = raw.index(b"luge plugin\n") + at
        raw[start:start + len(data)] = data
        path = self.folder / f"altered{at}.so"
        path.write_bytes(raw)
        return path

    def test_refused(self):
        out = self.made()
        raw = out.read_bytes()
        (self.folder / "text.so").write_text("luge plugin\n" * 20)
        for size in [0, 3, 100, len(raw) // 2, len(raw) - 1]:
            (self.folder / "cut.so").write_bytes(raw[:size])
            self.refused(1, ["methods", "--plugin", self.folder / "cut.so"], "cut.so")
        library = next((prefix / "moved").rglob("libluge.so"))
        rows = [
            (self.altered(out, 16, b"m68k\0"), "m68k", "runs on"),
            (self.altered(out, 32, b"9.8.7\0"), "luge 9.8.7", "luge cc makes it anew"),
            (self.altered(out, 48, struct.pack("<I", 99)), "format 99"),
            (self.altered(out, 52, struct.pack("<I", 2)), "levels"),
            (self.altered(out, 56, struct.pack("<I", 8)), "laid out otherwise"),
            (self.folder / "text.so", "no shared object"),
            (self.folder / "absent.so", "cannot be opened"),
            (self.folder, "regular file"),
            (library, "no plugin"),
        ]
        for path, *words in rows:
            with self.subTest(words=words):
                self.refused(1, ["methods", "--plugin", path], str(path), *words)
        self.refused(2, ["methods", "--plugin", out, "--plugin", out], "drift", "another plugin")
        self.refused(2, ["train", "--problem", "rosenbrock", "--steps", "3", "--method", "drift"], "drift")

    def test_goes_on(self):
        """A checkpoint of such a method resumes to the same bits, and needs the plugin."""
        out = self.made()
        run = ["train", "--problem", "rosenbrock", "--method", "drift", "--lr", "1e-3", "--out", self.folder / "run"]
        self.good(*run, "--plugin", out, "--steps", "100", "--quiet")
        again = [*run, "--steps", "300", "--resume", self.folder / "run" / "checkpoint.safetensors"]
        self.refused(2, again, "drift")
        whole = self.train("--plugin", out, "--method", "drift")
        self.assertEqual(self.last(*again, "--plugin", out)["checksum"], whole["checksum"])

    def test_bench(self):
        out = self.made()
        rows = lines(self.good("bench", "--plugin", out, "--methods", "drift,sgd", "--n", "4096", "--json"))
        self.assertEqual([r["method"] for r in rows], ["drift", "sgd"])
        self.assertGreater(rows[0]["fraction_of_copy"], 0)

    def test_replay(self):
        """What was recorded of heavy_ball, given out as recorded of a copy of its file."""
        recorded = user.SHARED / "golden" / "heavy_ball__dampening_wd.safetensors"
        if not recorded.exists():
            self.absent(recorded)
        own = self.last("replay", recorded)
        raw = recorded.read_bytes()
        size, = struct.unpack("<Q", raw[:8])
        head = json.loads(raw[8:8 + size])
        head["__metadata__"]["method"] = "copy"
        text = json.dumps(head).encode()
        run = self.folder / "run.safetensors"
        run.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + size:])
        copy = (SOURCE / "src" / "methods" / "heavy_ball.h").read_text()
        copy = copy.replace("#define NAME  heavy_ball", "#define NAME  copy").replace("ALIASES(_)", "UNUSED_(_)")
        out = self.made(copy, "copy.h")
        self.refused(1, ["replay", "--json", run], "copy")
        again = self.last("replay", "--plugin", out, run)
        self.assertEqual((again["max_rel_error"], again["pass"]), (own["max_rel_error"], True))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
