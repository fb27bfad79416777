#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""luge sample as programs see it: keys and numbers, plots, and one clear line for what cannot be.

LUGE_COMMAND names the program.
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

LUGE = os.environ.get("LUGE_COMMAND", "luge")
WRONG = [  # arguments, what the line must say
    (["--order", "6"], ["order = 6", "(0,5]"]),
    (["--order", "-1"], ["order = -1"]),
    (["--beta", "0"], ["beta = 0", "(0,1]"]),
    (["--order", "2.8", "--beta", "0.5"], ["beta 0.8 already"]),
    (["dpm", "--order", "3"], ["dpm is not 1 or 2"]),
    (["adams"], ["rule = \"adams\"", "ghvb"]),
    (["--to", "-1"], ["--to = -1", "[0,1e6]"]),
    (["--from", "-3"], ["--from = -3"]),
    (["--from", "0.3", "--to", "3"], ["from 0.3 to 3"]),
    (["--to", "0", "--log"], ["do not reach 0"]),
    (["--steps", "0"], ["--steps = 0"]),
    (["--steps", "1000000", "--halvings", "11"], ["2^30"]),
    (["--mixture", "1:2"], ["part 1", "weight:mean:sd"]),
    (["--mixture", "1:2:1 0:1:1"], ["weight 0 of part 2"]),
    (["--mixture", "1:2:-1"], ["sd -1 of part 1"]),
    (["--mixture", "1:2:1 1:2,3:1"], ["part 2", "2 numbers"]),
    (["--mixture", ""], ["no part"]),
    (["--conditional", "1:1,2:1"], ["1 coordinates"]),
    (["--guidance", "3"], ["--conditional"]),
    (["--set", "projections=2"], ["conditional field"]),
    (["--set", "nothing=2"], ["nothing"]),
    (["--at", "1,2"], ["--at has 2 numbers"]),
    (["dpm", "--stability"], ["--stability"]),
    (["--plot", "x.jpg"], [".svg"]),
]


def run(*arguments):
    return subprocess.run([LUGE, "sample", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def lines(*arguments):
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_runs():
    *runs, moments = lines("ghvb", "--order", "1.8", "--at", "2.2", "--steps", "80", "--halvings", "4")
    assert [r["steps"] for r in runs] == [80, 160, 320, 640, 1280] and runs[0]["order"] is None
    assert 1.97 < runs[-1]["order"] < 2.02 and abs(runs[-1]["rms_error"] - 2.5e-6) < 5e-8, runs
    assert moments["states"] == moments["finite"] == 1
    *runs, _ = lines("ghvb", "--order", "3.8", "--start", "rk4", "--at", "2.2", "--steps", "80", "--halvings", "3")
    assert runs[-1]["order"] > 3.9
    *_, moments = lines("ghvb", "--order", "3.8", "--steps", "40", "--to", "0.01", "--count", "1000")
    mean, square = 0.3 * -2 + 0.45 * 0.5 + 0.25 * 3, 0.3 * 4.25 + 0.45 * 0.41 + 0.25 * 9.49
    assert abs(moments["mean"] - mean) < 0.15 and abs(moments["sd"] - (square - mean * mean) ** 0.5) < 0.15, moments


def check_samples():
    rows = [r for r in lines("--count", "700", "--samples", "--threads", "1") if r["kind"] == "sample"]
    assert len(rows) == 700
    again = [r for r in lines("--count", "700", "--samples", "--threads", "3", "--set", "block=9") if r["kind"] == "sample"]
    assert rows == again
    two = lines("--mixture", "1:0,1:1 2:3,4:0.5", "--conditional", "1:3,4:0.5", "--guidance", "2", "--set",
                "projections=2", "--count", "5", "--samples")
    assert all(len(r["x"]) == 2 for r in two if r["kind"] == "sample")


def check_stability():
    for rule in "hb", "ghvb":
        rows = lines(rule, "--stability", "--order", "2", "--beta", "0.8")
        intervals = [r for r in rows if r["kind"] == "interval"]
        assert [r["order"] for r in intervals] == [1, 2, 3, 4, 5]
        for row in intervals:
            for a, b in zip(row["closed_form"], row["from_roots"]):
                assert abs(a / b - 1) < 1e-9, (rule, row["order"], a, b)
    plane, = (r for r in rows if r["kind"] == "plane")
    assert len(plane["radius"]) == len(plane["im"]) and len(plane["radius"][0]) == len(plane["re"])


def check_plots():
    with tempfile.TemporaryDirectory() as folder:
        for name, more in ("a.svg", ["--halvings", "2"]), ("b.svg", ["--stability"]), ("c.svg", ["--at", "1"]):
            done = run("--steps", "8", "--count", "200", *more, "--plot", str(Path(folder) / name))
            assert done.returncode == 0, done.stderr
            assert "prefers-color-scheme" in (Path(folder) / name).read_text()


def check_wrong():
    for arguments, said in WRONG:
        done = run(*arguments)
        assert done.returncode in (1, 2) and done.stderr.count("\n") == 1, (arguments, done.stderr)
        assert done.stdout == "" and all(word in done.stderr for word in said), (arguments, done.stderr)
    shown = run("--help").stdout
    assert "Examples" in shown and "projections" in shown


def main():
    for check in check_runs, check_samples, check_stability, check_plots, check_wrong:
        check()
    print("sample: runs, samples, stability, plots and messages as documented")


if __name__ == "__main__":
    sys.exit(main())
