#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The runs of bench/samplers.c in NumPy, written straight from the formulas, in the same session.

    samplers_numpy.py BENCH_SAMPLERS [ROUNDS]

Prints a JSON line for each run with both times and their ratio.  One thread each.
"""
import json
import os
import subprocess
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np

WEIGHTS, SDS = np.array([0.3, 0.45, 0.25]), np.array([0.5, 0.4, 0.7])
MEANS = np.array([[-2, 1], [0.5, 0], [3, -1]], dtype=float)
GAMMA = [1, 1 / 2, 5 / 12, 3 / 8, 251 / 720]


def noise(sigma, x):
    """-sigma times the score of the mixture under noise sigma."""
    variance = SDS ** 2 + sigma ** 2
    away = MEANS - x[:, None, :]
    log = np.log(WEIGHTS) - np.log(variance) - (away ** 2).sum(2) / (2 * variance)
    weight = np.exp(log - log.max(1, keepdims=True))
    weight /= weight.sum(1, keepdims=True)
    return -sigma * ((weight / variance)[:, :, None] * away).sum(1)


def differences(values, order):
    """The backward differences of the newest value, up to order - 1."""
    values = values[-order:]
    while values:
        yield values[-1]
        values = [b - a for a, b in zip(values, values[1:])]


def sample(rule, order, beta, x, sigma):
    past, v = [], None
    for now, after in zip(sigma, sigma[1:]):
        f = noise(now, x)
        if rule == "ghvb":
            v = f if v is None else (1 - beta) * v + beta * f
            past = (past + [v])[-order:]
            step = 0
            for j, d in enumerate(differences(past, order)):
                step = step + (GAMMA[j] + ((1 - beta) / beta * GAMMA[j - 1] if j else 0)) * d
        else:
            past = (past + [f])[-order:]
            p = sum(GAMMA[j] * d for j, d in enumerate(differences(past, order)))
            step = v = p if v is None else (1 - beta) * v + beta * p
        x = x + (after - now) * step
    return x


def median_seconds(call, rounds):
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return sorted(times)[len(times) // 2]


def main():
    bench, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 9
    found = subprocess.run([bench, "runs"], stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()
    generator = np.random.default_rng(1)
    for row in map(json.loads, found):
        sigma = np.linspace(3, 0.3, row["steps"] + 1)
        x = 3 * generator.standard_normal((row["rows"], row["dim"]))
        seconds = median_seconds(lambda: sample(row["rule"], 4, 0.8, x, sigma), rounds)
        print(json.dumps({"bench": "samplers_numpy", "rule": row["rule"], "order": row["order"], "rows": row["rows"],
                          "dim": row["dim"], "steps": row["steps"], "luge_seconds": row["seconds"],
                          "numpy_seconds": round(seconds, 9), "ratio": round(seconds / row["seconds"], 1),
                          "numpy": np.__version__}))


if __name__ == "__main__":
    main()
