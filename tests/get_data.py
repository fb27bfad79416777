#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""get_data.py SOURCE: scripts/get-data against a server on the loopback address."""

import contextlib
import hashlib
import http.server
import importlib.machinery
import importlib.util
import io
import os
import re
import sys
import tempfile
import threading
import unittest

sys.dont_write_bytecode = True
SOURCE = sys.argv.pop(1)
FILES = {"big.gz": bytes(i * 7919 % 251 for i in range(300000)), "small.gz": b"0123456789" * 5}


def load():
    loader = importlib.machinery.SourceFileLoader("get_data", os.path.join(SOURCE, "scripts", "get-data"))
    spec = importlib.util.spec_from_loader("get_data", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves server.files; what the server's attributes say goes wrong, goes wrong."""

    def do_GET(self):
        server = self.server
        name = self.path.strip("/")
        span = re.match(r"bytes=(\d+)-$", self.headers.get("Range", ""))
        server.asked.append((name, int(span[1]) if span else None))
        body = server.files.get(name)
        if body is None:
            self.send_error(404)
            return
        first = int(span[1]) if span and server.ranges else 0
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - first))
        self.end_headers()
        end = len(body)
        if server.cuts and len(body) - first > 1000:
            server.cuts -= 1
            end = first + (len(body) - first) // 2
        self.wfile.write(body[first:end])

    def log_message(self, *_):
        pass


class GetData(unittest.TestCase):
    def setUp(self):
        self.script = load()
        listed = {n: (len(b), hashlib.sha256(b).hexdigest()) for n, b in FILES.items()}
        self.script.SETS = {"toy": (["http://127.0.0.1:9/"], listed)}
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.files, self.server.asked, self.server.ranges, self.server.cuts = dict(FILES), [], True, 0
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.folder = tempfile.TemporaryDirectory()
        os.environ["LUGE_DATA"] = self.folder.name

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()
        self.folder.cleanup()

    def run_it(self, *urls):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = self.script.main(["toy"] + [a for u in urls or (self.url,) for a in ("--url", u)])
        return status, out.getvalue(), err.getvalue()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def put(self, name, body):
        with open(self.path(name), "wb") as f:
            f.write(body)

    def check_all_there(self):
        self.assertEqual(sorted(os.listdir(self.folder.name)), sorted(FILES))
        for name, body in FILES.items():
            with open(self.path(name), "rb") as f:
                self.assertEqual(f.read(), body)

    def test_full_and_then_nothing_more(self):
        self.assertEqual(self.run_it()[0], 0)
        self.check_all_there()
        self.assertEqual(self.server.asked, [("big.gz", None), ("small.gz", None)])
        status, out, _ = self.run_it()
        self.assertEqual((status, out.count("there already")), (0, 2))
        self.assertEqual(len(self.server.asked), 2)

    def test_what_is_left_of_a_download_is_taken_up(self):
        self.put("big.gz.part", FILES["big.gz"][:123456])
        self.put("small.gz.part", FILES["small.gz"])
        self.assertEqual(self.run_it()[0], 0)
        self.check_all_there()
        self.assertEqual(self.server.asked, [("big.gz", 123456)])

    def test_broken_connections(self):
        self.server.cuts = 2
        self.assertEqual(self.run_it()[0], 0)
        self.check_all_there()
        self.assertEqual(self.server.asked[:3], [("big.gz", None), ("big.gz", 150000), ("big.gz", 225000)])

    def test_a_server_without_ranges(self):
        self.server.ranges = False
        self.put("big.gz.part", FILES["big.gz"][:1000])
        self.assertEqual(self.run_it()[0], 0)
        self.check_all_there()

    def test_a_wrong_beginning_is_thrown_away(self):
        self.put("big.gz.part", b"x" * 1000)
        self.put("small.gz.part", b"x" * 1000)
        self.assertEqual(self.run_it()[0], 0)
        self.check_all_there()
        self.assertEqual(self.server.asked, [("big.gz", 1000), ("big.gz", None), ("small.gz", None)])

    def test_corrupted_files_are_refused(self):
        for body in (FILES["big.gz"][:-1] + b"?", FILES["big.gz"] + b"more"):
            self.server.files["big.gz"] = body
            status, _, err = self.run_it()
            self.assertEqual(status, 1)
            self.assertIn("big.gz", err)
            self.assertRegex(err, "checksum [0-9a-f]{64} instead of [0-9a-f]{64}|more than the 300000 bytes")
            self.assertEqual(os.listdir(self.folder.name), ["small.gz"])

    def test_a_damaged_file_is_replaced_only_by_a_right_one(self):
        self.put("small.gz", b"damaged")
        self.server.files["small.gz"] = b"0" * 50
        self.assertEqual(self.run_it()[0], 1)
        with open(self.path("small.gz"), "rb") as f:
            self.assertEqual(f.read(), b"damaged")
        self.server.files["small.gz"] = FILES["small.gz"]
        self.assertEqual(self.run_it()[0], 0)
        self.check_all_there()

    def test_the_next_mirror(self):
        status, _, err = self.run_it(self.url + "/nothing", self.url)
        self.assertEqual(status, 0)
        self.assertIn("404", err)
        self.check_all_there()

    def test_nobody_answers(self):
        self.server.files = {}
        status, _, err = self.run_it()
        self.assertEqual(status, 1)
        self.assertEqual(err.count("could not be downloaded"), 2)

    def test_usage(self):
        for arguments in (["toys"], [], ["toy", "--url", "ftp://x"]):
            with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit) as end:
                self.script.main(arguments)
            self.assertEqual(end.exception.code, 2)

    def test_the_real_list_is_well_formed(self):
        for mirrors, files in load().SETS.values():
            self.assertTrue(all(m.startswith("https://") for m in mirrors))
            for size, digest in files.values():
                self.assertGreater(size, 0)
                self.assertRegex(digest, "^[0-9a-f]{64}$")

    def test_pinned_checksums_are_those_of_the_recorded_files(self):
        shared = os.environ.get("LUGE_SHARED") or os.path.join(SOURCE, "..", "shared")
        here = [n for n in load().SETS["mnist"][1] if os.path.exists(os.path.join(shared, "data", n))]
        if not here and os.environ.get("CI") != "true":
            self.skipTest("no recorded files (LUGE_SHARED names their folder)")
        self.assertTrue(here)
        for name in here:
            path = os.path.join(shared, "data", name)
            self.assertEqual((os.path.getsize(path), self.script.checksum(path)), load().SETS["mnist"][1][name])


if __name__ == "__main__":
    unittest.main()
