#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""luge flow and luge reproduce as programs see them: keys, orders, plots, and one clear line for what cannot be.

LUGE_COMMAND names the program.
"""
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

LUGE = os.environ.get("LUGE_COMMAND", "luge")
R = ["--problem", "expr:0.5*(1-x)^2+(y-x^2)^2", "--at=-0.5,1", "--momentum", "0.5"]
WRONG = [  # arguments, exit status, what the line must say
    (R + ["--momentum", "1"], 2, ["momentum = 1", "[0,1)"]),
    (R + ["--lr", "3"], 1, ["unstable", "stable below 3", "step size"]),
    (["--problem", "expr:-x^4", "--at", "1", "--lr", "1e-3", "--time", "1"], 1, ["rescaled", "past t = 0.0125"]),
    (["--problem", "expr:x^^2"], 2, ["column 3"]),
    (["--problem", "rosenbrock", "--models", "series:4", "--start", "prepared"], 2, ["power series"]),
    (R + ["--models", "rescaled,,modified"], 2, ["--models"]),
    (R + ["--models", "modfied"], 2, ["no model \"modfied\""]),
    (R + ["--method", "adam"], 2, ["adam has no setting \"momentum\""]),
    (R[:-2] + ["--method", "adam", "--models", "rescaled"], 2, ["heavy_ball, nesterov and sgd", "auto"]),
    (R[:-2] + ["--method", "lion"], 2, ["not smooth", "pseudo_huber"]),
    (R[:-2] + ["--method", "lamb"], 2, ["sums over all tensors"]),
    (R[:-2] + ["--method", "fsgdm", "--start", "prepared"], 2, ["momentum_buffer", "no rest"]),
    ([], 2, ["--problem"]),
    (R + ["--plot", "x.jpg"], 2, [".svg"]),
]


def run(*arguments):
    return subprocess.run([LUGE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def lines(*arguments):
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_lines(start, models):
    rows = lines("flow", *R, "--start", start, "--models", ",".join(models), "--lr", "0.00390625", "--halvings", "3")
    assert [row["model"] for row in rows] == models
    for row in rows:
        assert row["method"] == "heavy_ball" and row["momentum"] == 0.5 and row["start"] == start
        assert len(row["h"]) == len(row["error"]) == 4 and len(row["refused"]) == 3
        assert row["h"] == [2.0 ** -k for k in range(8, 12)]
        assert abs(row["order"] - row["theory_order"]) < 0.12, row
        for e, f, order in zip(row["error"], row["error"][1:], row["pair_order"]):
            assert abs(math.log2(e / f) - order) < 1e-9


def check_refusals():
    """Pairs that come near the reference's own error are refused, and said so."""
    row, = lines("flow", *R, "--models", "series:6", "--start", "prepared", "--halvings", "6", "--rtol", "1e-10")
    assert any(why and "reference" in why for why in row["refused"]), row
    text = run("flow", *R, "--models", "series:6", "--start", "prepared", "--halvings", "6", "--rtol", "1e-10").stdout
    assert "refused: the finer error is within 100 times" in text


def check_plots():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.svg"
        done = run("flow", *R, "--models", "rescaled,modified,manifold:1,manifold:2", "--plot", str(path))
        assert done.returncode == 0, done.stderr
        picture = path.read_text()
        for text in ("largest error", "slope of the theorem", "equal loss", "iterates", "distance to manifold"):
            assert text in picture, text


def check_wrong():
    for arguments, status, texts in WRONG:
        done = run("flow", *arguments)
        assert done.returncode == status, (arguments, done.returncode, done.stderr)
        assert done.stderr.count("\n") == 1 and done.stderr.startswith("luge flow: "), done.stderr
        for text in texts:
            assert text in done.stderr, (text, done.stderr)


def check_claims():
    for row in lines("reproduce"):
        assert row["verdict"] == "holds", row
        assert all(row[key] for key in ("name", "claim", "reference", "run", "expected", "measured")), row
    done = run("reproduce", "theorem_4")
    assert done.returncode == 2 and "did you mean theorem_" in done.stderr, done.stderr
    assert run("reproduce", "network").returncode == 2


def check_network():
    """Orders 1 and 2 on a network, where the recorded data is: $LUGE_SHARED, or beside the source."""
    shared = Path(os.environ.get("LUGE_SHARED") or Path(os.environ.get("LUGE_SOURCE", ".")) / ".." / "shared")
    if not (shared / "data" / "t10k-images-idx3-ubyte.gz").is_file():
        print(f"skipped: the network, {shared} is not there (LUGE_SHARED names the folder of recorded data)")
        assert os.environ.get("CI") != "true", "CI may not skip it"
        return
    row, = lines("reproduce", "network", "--data", str(shared / "data"))
    assert row["verdict"] == "holds", row


def main():
    check_lines("cold", ["rescaled", "second_order", "modified", "composite", "manifold:2", "manifold:3"])
    check_lines("prepared", ["rescaled", "second_order", "modified", "series:3", "series:4"])
    check_refusals()
    check_plots()
    check_wrong()
    check_claims()
    check_network()
    print("flow_command: all as it should be")


if __name__ == "__main__":
    sys.exit(main())
