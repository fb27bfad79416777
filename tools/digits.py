#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the example of every method's page, `luge train` on handwritten digits, and asks for 0.88 of them told right.

    digits.py PROGRAM [METHOD...]

The images and labels lie in the folder data of $LUGE_SHARED (else ../shared beside the source).  Exit status: 0 all do; 1
one does not (it is printed), or the data is missing in continuous integration (CI=true), where elsewhere nothing is run.
"""
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

LEAST = 0.88


def accuracy(program, command, data):
    """What a run of the command comes to, or why it does not."""
    words = [program, *shlex.split(command)[1:], "--quiet", "--json"]
    done = subprocess.run(words, cwd=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600, check=False)
    if done.returncode:
        return None, done.stderr.strip()
    return json.loads(done.stdout.splitlines()[-1])["test_accuracy"], ""


def main(program, *names):
    program = str(Path(program).resolve())
    data = Path(os.environ.get("LUGE_SHARED") or Path(__file__).resolve().parents[2] / "shared") / "data"
    if not (data / "t10k-images-idx3-ubyte.gz").exists():
        print(f"skipped: {data} has no digits (LUGE_SHARED names the folder of recorded data)")
        return os.environ.get("CI") == "true"
    listed = subprocess.run([program, "methods", "--json", *names], stdout=subprocess.PIPE, text=True, check=True).stdout
    bad = count = 0
    for method in map(json.loads, listed.splitlines()):
        if not method["example"]:
            print(f"{method['name']:24}not for it: {method['no_example']}")
            continue
        reached, why = accuracy(program, method["example"], data)
        good = reached is not None and reached >= LEAST
        count += 1
        bad += not good
        print(f"{method['name']:24}{why or f'{reached:.4f}'}{'' if good else f'   below {LEAST}'}", flush=True)
    print(f"digits: {count} methods, {bad} below {LEAST}")
    return bool(bad or not count)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
