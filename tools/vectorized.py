#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Are the loops of every method vectorized?  A compiler that leaves one scalar does not say so.

Each method file is compiled once for each type with a function of its own for every pass, variant, and way through rows;
in the disassembly a function that computes on single numbers must also compute on whole registers.
Exit status: 0 all are, 1 one is not (it is printed), 2 the compiler or objdump failed.
"""
import argparse
import concurrent.futures
import itertools
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FLAGS = "-std=gnu11 -O2 -fPIC -fopenmp -fno-math-errno -fno-trapping-math -ffp-contract=off -w".split()
TYPES = {"f32": 32, "f64": 64, "bf16": 16}
REGISTER = {"v2": "%xmm", "v3": "%ymm", "v4": "%[yz]mm"}
PASSES, VARIANTS = 5, 16
ARITHMETIC = "(mul|div|add|sub|sqrt)"
SCALAR = re.compile(rf"\bv?{ARITHMETIC}s[sd]\b")


def source(path, method, kind):
    """C with a function for each loop.  The empty asm differs in each of them, or equal ones would be folded into one."""
    lines = [f"#define REAL {TYPES[kind]}", f'#include "{path}"', '#include "engine/loop_cpu.inc"']
    for p, v, rows in itertools.product(range(PASSES), range(VARIANTS), range(2 if "LG_ROWS" in path.read_text() else 1)):
        name = f"void probe_{p}_{v}_{rows}(const lg_piece *w)"
        lines += [f"{name};", f"{name}", "{", f'    __asm__ volatile("" : : "i"({100 * p + 2 * v + rows}));',
                  f"    if ({p} <= {method}_pass_update_{kind} && {v} < {method}_variants_{kind})",
                  f"        {method}_run_{kind}(w, {p}, {rows}, {v});", "}"]
    return "\n".join(lines) + "\n"


def functions(listing):
    """Yields the name and the instructions of each probe and of the parts that were split from it."""
    for block in re.split(r"\n(?=[0-9a-f]+ <)", listing):
        if found := re.match(r"[0-9a-f]+ <(probe_\d+_\d+_\d)\S*>:", block):
            yield found[1], block


def look(path, kind, cc, level, root, scratch):
    """The probes of one method and type: how many compute, and which of them only on single numbers."""
    method = path.stem
    unit = scratch / f"{method}_{kind}.c"
    unit.write_text(source(path, method, kind), encoding="utf-8")
    includes = [f"-I{root / 'src'}", f"-I{root / 'include'}", f"-I{scratch}"]
    subprocess.run([cc, *FLAGS, f"-march=x86-64-{level}", *includes, "-c", unit, "-o", unit.with_suffix(".o")], check=True)
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", unit.with_suffix(".o")], stdout=subprocess.PIPE,
                             check=True, text=True).stdout
    packed = re.compile(rf"\bv?{ARITHMETIC}p[sd]\b.*{REGISTER[level]}")
    scalar, wide = set(), set()
    for name, block in functions(listing):
        if SCALAR.search(block):
            scalar.add(name)
        if packed.search(block):
            wide.add(name)
    return method, kind, len(scalar | wide), sorted(scalar - wide)


def main():
    ask = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ask.add_argument("--cc", default=os.environ.get("CC", "cc"), help="compiler (default: $CC or cc)")
    ask.add_argument("--level", default="v3", choices=sorted(REGISTER), help="x86-64 level (default: v3)")
    ask.add_argument("--method", action="append", help="only this one (may be given again)")
    given = ask.parse_args()
    root = Path(__file__).resolve().parent.parent
    paths = [p for p in sorted((root / "src/methods").glob("*.h")) if not given.method or p.stem in given.method]
    bad = computing = 0
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        scratch = Path(folder)
        (scratch / "luge").mkdir()
        version = (root / "include/luge/version.h.in").read_text(encoding="utf-8")
        (scratch / "luge/version.h").write_text(re.sub(r"@\w+@", "0", version), encoding="utf-8")
        jobs = [pool.submit(look, path, kind, given.cc, given.level, root, scratch) for path in paths for kind in TYPES]
        for job in jobs:
            try:
                method, kind, count, scalar = job.result()
            except (OSError, subprocess.CalledProcessError) as error:
                print(f"vectorized: {error}", file=sys.stderr)
                return 2
            computing += count
            if not count or scalar:
                bad += 1
                print(f"{method} {kind}: {', '.join(scalar) or 'no loop that computes'}"
                      f"{' left scalar (pass_variant_rows)' if scalar else ''}")
    print(f"vectorized: {len(paths)} methods, {computing} loops at {given.level} by {given.cc}, {bad} types with a scalar one")
    return 1 if bad or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
