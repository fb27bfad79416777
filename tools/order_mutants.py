#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does the order to which a method shadows its flow tell a wrong momentum rule from a right one?

The update of every method that has a flow is changed in one token at a time, as tools/mutate.py does, on lines that a
momentum term stands on: those of UPDATE and PREPARE that name the slots of first moments, or the constants made of their
decays.  Each mutant becomes a plugin by `luge cc`, and its iterates stand beside the flow of the unchanged method: it is
found out where the orders are not 1 and 2.

    tools/order_mutants.py [--build BUILD] [--method NAME ...]        BUILD has luge and tests/test_auto_orders
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
import mutate

SLOTS = r"exp_avg(?!_sq)\w*|momentum_buffer\w*|buffer\w*|velocity|ema|[zdm]"
TERM = re.compile(rf"s->(?:{SLOTS})\b|h->(?:beta1|betas?|beta3|momentum|nu1?|alpha|lam)\b|c->(?:b1|a1|b3|a3|mu|b|a|on_m|on_g)\b")


def momentum(method):
    """The mutants of the method's own file that change a momentum term."""
    own = mutate.METHODS / f"{method}.h"
    code = own.read_text(encoding="utf-8")
    first = code.count("\n", 0, code.index(mutate.INCLUDE)) + 1
    return [m for m in mutate.mutants(method) if m.path == own and m.number > first and TERM.search(m.before)]


def plugin_of(text, method):
    """The file with another NAME, and without the rows that are of the registry's methods alone."""
    text = re.sub(r"^#define (?:ALIASES|EVIDENCE|DIGITS)\b(?:.*\\\n)*.*\n", "", text, flags=re.M)
    return re.sub(rf"^(#define NAME +){method}\b", r"\1mutant", text, flags=re.M)


def outcome(build, method, text):
    """caught, not told apart, or not built; and the orders"""
    with tempfile.TemporaryDirectory() as folder:
        source, plugin = Path(folder) / "mutant.h", Path(folder) / "mutant.so"
        source.write_text(plugin_of(text, method), encoding="utf-8")
        quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "check": False}
        made = subprocess.run([build / "luge", "cc", source, "--out", plugin, "--json"], **quiet)
        if not plugin.exists():
            return ("refused" if "cc: " in made.stdout and "error:" not in made.stdout else "not built"), ""
        seen = subprocess.run([build / "tests/test_auto_orders", method, plugin], **quiet)
        return ("caught" if seen.returncode else "not told apart"), seen.stdout.strip().splitlines()[-1]


def flowing(build):
    """The methods that have a flow, as the test of the orders finds them."""
    shown = subprocess.run([build / "tests/test_auto_orders"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    found = re.findall(r"^ {10}(\w+) +\d\.\d{3} \d\.\d{3}$", shown.stdout, re.M)
    files = {mutate.names()[name] for name in found}
    return sorted(files & set(found))


def main():
    ask = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ask.add_argument("--build", type=Path, default=mutate.ROOT / "build")
    ask.add_argument("--method", action="append", help="only this one (may be given again)")
    given = ask.parse_args()
    build, total = given.build.resolve(), Counter()
    for method in given.method or flowing(build):
        original = (mutate.METHODS / f"{method}.h").read_text(encoding="utf-8")
        word, orders = outcome(build, method, original)
        if word != "not told apart":
            print(f"{method}: the unchanged file is {word}: {orders}")
            return 2
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = list(pool.map(lambda m: (m, *outcome(build, method, m.text)), momentum(method)))
        count = Counter(word for _, word, _ in found)
        total += count
        print(f"{method:24}" + "  ".join(f"{word} {n}" for word, n in sorted(count.items())), flush=True)
        for mutant, word, orders in found:
            if word == "not told apart":
                print(f"    {mutant.number}: {mutant.before}\n      + {mutant.after}    {orders}")
    print("orders: " + ", ".join(f"{n} {word}" for word, n in sorted(total.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
