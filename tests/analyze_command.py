#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""luge analyze as programs see it: keys and numbers, plots, and one clear line for what cannot be.

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
    (["nestrov"], ["no method", "did you mean nesterov?"]),
    (["heavy_ball", "--momentum", "1"], ["momentum = 1", "[0,1)"]),
    (["heavy_ball", "--momentum", "nan"], ["momentum = \"nan\""]),
    (["qhm", "--momentum", "1"], ["momentum = 1", "[0,1)"]),
    (["aggmo", "--momentum", "0.9"], ["aggmo has neither momentum nor beta1"]),
    (["heavy_ball", "--condition", "0.5"], ["--condition = 0.5", "[1,1e12]"]),
    (["heavy_ball", "--curvature", "0"], ["--curvature = 0"]),
    (["heavy_ball", "--lr", "0"], ["lr = 0"]),
    (["heavy_ball", "--lr", "1e300"], ["lr = 1e+300"]),
    (["lamb"], ["sums over all tensors"]),
    (["adamp"], ["sums over rows"]),
    (["adahessian"], ["hutchinson"]),
    (["heavy_ball", "--step", "1.5"], ["1.5 is not a whole number"]),
    (["heavy_ball", "--step", "1,2,3,4,5,6,7"], ["at most 6"]),
    (["adam", "--step", "1000000"], ["one by one"]),
    (["heavy_ball", "--at", "1"], ["--at"]),
    (["adam", "--set", "eps=0", "--at", "0,0"], ["no derivative"]),
    (["adam", "--convert"], ["not linear"]),
    (["fsgdm"], ["never forgets", "--step"]),
    (["heavy_ball", "--plot", "x.jpg"], [".svg"]),
    (["heavy_ball", "--set", "lr"], ["KEY=VALUE"]),
    ([], ["NAME"]),
]


def run(*arguments):
    return subprocess.run([LUGE, "analyze", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kinds(*arguments):
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        row = json.loads(line)
        found.setdefault(row["kind"], []).append(row)
    return found


def near(a, b, within=1e-9):
    assert abs(a - b) <= within * max(1, abs(b)), (a, b)


def check_heavy_ball():
    """Polyak's parameters for condition 25: the best rate on quadratics, and no certificate."""
    found = kinds("heavy_ball", "--lr", str(1 / 9), "--momentum", str(4 / 9), "--curvature", "25", "--condition", "25")
    assert list(found) == ["filter", "stability", "noise", "certificate", "conventions", "map"]
    (response,), (stability,), (noise,) = found["filter"], found["stability"], found["noise"]
    assert response["method"] == "heavy_ball" and response["linear"] is True and response["step"] is None
    near(response["gain"], 1.8)
    near(response["high_gain"], 9 / 13)
    near(response["impulse_response"][3], (4 / 9) ** 3)
    near(response["step_response"][-1], 1.8)
    assert len(response["frequency"]) == len(response["magnitude"]) == len(response["phase"])
    near(stability["stable_below"], 26 / 9)
    near(stability["monotone_below"], 1 / 9)
    near(stability["rate"], 2 / 3, 1e-7)
    near(stability["best_lr"], 1 / 9, 1e-6)
    for q, r in zip(stability["lr_curvature"], stability["radius"]):
        assert (r < 1) == (q < stability["stable_below"]), (q, r)
    for a, b in zip(noise["variance"], noise["variance_by_lyapunov"]):
        assert a is b is None or abs(a / b - 1) < 1e-8, (a, b)
    certificate, = found["certificate"]
    assert certificate["certified"] is False and certificate["rate"] is None and certificate["margin"] < 0
    near(certificate["rate_on_quadratics"], 2 / 3, 1e-7)
    area, = found["map"]
    assert area["setting"] == "momentum" and len(area["radius"]) == len(area["momentum"]) == len(area["stable_below"])
    assert all(len(row) == len(area["lr_curvature"]) for row in area["radius"])
    near(area["best_momentum"], 4 / 9, 1e-5)
    for momentum, limit in zip(area["momentum"], area["stable_below"]):
        near(limit, 2 * (1 + momentum))


def check_triple_momentum():
    certificate, = kinds("triple_momentum", "--set", "m=0.04", "--condition", "25")["certificate"]
    assert certificate["certified"] is True
    near(certificate["rate"], 0.8, 1e-6)


def check_steps():
    rows = kinds("fsgdm", "--step", "1,390,117000")["filter"]
    assert [row["step"] for row in rows] == [1, 390, 117000]
    near(rows[0]["gain"], 1)
    near(rows[2]["gain"], 31.303030303030305)


def check_conventions():
    row, = kinds("qhm", "--momentum", "0.8", "--set", "nu=0.5", "--lr", "0.1", "--convert")["conventions"]
    near(row["kovachki_stuart"]["h"], 0.02)
    near(row["kovachki_stuart"]["a"], 2)
    near(row["primal_averaging"]["c"], 0.2)
    near(row["primal_averaging"]["w"], 0.5)
    assert row["torch"]["exists"] is False
    row, = kinds("nesterov", "--convert")["conventions"]
    near(row["torch"]["momentum"], 0.9)
    assert row["torch"]["nesterov"] == 1


def check_linearization():
    found = kinds("adam", "--at", "1,0.01")
    assert "certificate" not in found and found["stability"][0]["linear"] is False
    assert 0.38 < found["stability"][0]["stable_below"] < 0.39


def check_text():
    text = run("heavy_ball").stdout
    for words in ("linear in the gradient", "gain 10", "stable below 3.8,", "certificate", "best at condition 25"):
        assert words in text, (words, text)
    assert "not linear; its linearization at parameter 1, gradient 1" in run("adam").stdout


def check_plots():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "filter.svg"
        done = run("nesterov", "--step", "1,10", "--plot", str(path))
        assert done.returncode == 0, done.stderr
        picture = path.read_text()
        for text in ("magnitude", "phase", "impulse response", "step response", "spectral radius", "step 10", "radius 0.9", "stable left of"):
            assert text in picture, text


def check_plot_of_the_unstable():
    """In its first steps Adam's linearization grows at every step size: there is a picture of that too."""
    with tempfile.TemporaryDirectory() as folder:
        done = run("adam", "--step", "5", "--plot", str(Path(folder) / "adam.png"))
        assert done.returncode == 0, done.stderr


def check_claims():
    for name in ("fsgdm_filter", "quasi_hyperbolic", "cycle", "certified_rates", "passivity"):
        done = subprocess.run([LUGE, "reproduce", name, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True)
        assert done.returncode == 0 and json.loads(done.stdout)["verdict"] == "holds", (name, done.stdout, done.stderr)


def check_wrong():
    for arguments, texts in WRONG:
        done = run(*arguments)
        assert done.returncode == 2, (arguments, done.returncode, done.stderr)
        assert done.stderr.count("\n") == 1 and done.stderr.startswith("luge analyze: "), done.stderr
        for text in texts:
            assert text in done.stderr, (text, done.stderr)


def main():
    check_heavy_ball()
    check_triple_momentum()
    check_steps()
    check_conventions()
    check_linearization()
    check_text()
    check_plots()
    check_plot_of_the_unstable()
    check_claims()
    check_wrong()
    print("analyze_command: all as it should be")


if __name__ == "__main__":
    sys.exit(main())
