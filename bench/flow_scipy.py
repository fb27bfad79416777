#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SciPy's solvers on the flows of bench/flow.c, and bench_flow itself between them, in one session.

    flow_scipy.py BENCH_FLOW [ROUNDS]

Prints a JSON line for each solver with its fastest time and its error, then the ratios.  What is compared are the
fastest solvers that reach the relative accuracy that was asked for.
"""
import json
import subprocess
import sys
import time

import numpy as np
from scipy.integrate import solve_ivp

RTOL = 1e-10
LARGE = 10000
CURVATURE = 1 + 9 * np.arange(LARGE) / (LARGE - 1)


def rosenbrock(t, u):
    q = u[1] - u[0] * u[0]
    return (2 * (1 - u[0]) + 400 * q * u[0], -200 * q)


def rosenbrock_jacobian(t, u):
    return ((-2 + 400 * (u[1] - 3 * u[0] * u[0]), 400 * u[0]), (400 * u[0], -200))


def quartic(t, u):
    return -(CURVATURE + u * u) * u


FLOWS = {
    "rosenbrock": (rosenbrock, np.array([-1.2, 1.0]), 20, ("RK45", "DOP853", "LSODA", "BDF", "Radau"), rosenbrock_jacobian),
    "quartic": (quartic, 1 + 0.5 * np.cos(0.01 * np.arange(LARGE)), 2, ("RK45", "DOP853"), None),
}


def solve(flow, method, rtol=RTOL):
    rhs, start, end, _, jacobian = FLOWS[flow]
    extra = {"jac": jacobian} if jacobian and method in ("BDF", "Radau") else {}
    begin = time.perf_counter()
    y = solve_ivp(rhs, (0, end), start, method=method, rtol=rtol, atol=rtol / 100, t_eval=(end,), **extra).y[:, -1]
    return time.perf_counter() - begin, y


def main():
    bench, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    rows = {}
    for _ in range(rounds):
        for line in subprocess.run([bench], stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines():
            row = json.loads(line)
            key = row["flow"], row["solver"]
            if key not in rows or row["fastest"] < rows[key]["fastest"]:
                rows[key] = row
        for flow, (_, _, _, methods, _) in FLOWS.items():
            exact = solve(flow, "DOP853", 1e-13)[1]
            for method in methods:
                seconds, y = solve(flow, method)
                error = float(np.max(np.abs(y - exact)) / np.max(np.abs(exact)))
                row = {"flow": flow, "solver": "scipy " + method, "rtol": RTOL, "fastest": seconds, "error": error}
                key = flow, row["solver"]
                if key not in rows or seconds < rows[key]["fastest"]:
                    rows[key] = row
    for row in rows.values():
        print(json.dumps(row))
    for flow in FLOWS:
        # A hundred tolerances of slack: tolerances bound local errors, and no solver is to lose by its caution.
        best = {}
        for (name, solver), row in rows.items():
            library = solver.split()[0]
            if name == flow and 0 <= row["error"] < 100 * RTOL and row["fastest"] < best.get(library, (9e9,))[0]:
                best[library] = row["fastest"], solver
        ours = best["luge"]
        for library, other in best.items():
            if library != "luge":
                print(json.dumps({"flow": flow, "luge": ours[1], "beside": other[1], "times_faster": other[0] / ours[0]}))


if __name__ == "__main__":
    main()
