#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Are the references of the methods sharp?  Every method file, and what it shares with others in support/, is changed in
one token at a time, and the test of the method must fail.  A change that cannot be seen stands in tools/equivalent.txt
with its proof.

Each method is built in a copy of the tree, alone but for those that its test compares it with.
Exit status: 0 every change is caught or proved equivalent, 1 one survives or a proof is stale, 2 the unchanged fails.
"""
import argparse
import concurrent.futures
import os
import platform
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
METHODS = ROOT / "src/methods"
SAMPLE = 12
SERIES = "power.h"  # a function of numbers: the last terms of its series are below rounding
ROOM = "_bytes("  # room for work is no part of a rule: more than enough is right, and too little is what sanitizers find
INCLUDE = '#include "engine/method.h"'
CONDITIONS = [(r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > "), (r" == ", " != "), (r" != ", " == "),
              (r" && ", " || "), (r" \|\| ", " && "), (r"!(?=[\w(])", "")]
# Spaces tell an operator from a pointer, an arrow or a sign.
TOKENS = CONDITIONS + [
    (r" \+ ", " - "), (r" - ", " + "), (r" \* ", " / "), (r" / ", " * "), (r" \+= ", " -= "), (r" -= ", " += "),
    (r"(?<=[=:(?] )-(?=\w)", ""), (r"(?<=return )-(?=\w)", ""),
    (r"([hc]->\w+|(?<![>.])\b[a-z_]\w*)(?= \?)", r"!\1"), (r"\bif \(((?!!)[^()]*(?:\([^()]*\)[^()]*)*)\)", r"if (!(\1))"),
    (r"\b1 - (?=h->)", ""), (r"(?<![\w.])1(?![\w.])", "0"), (r"(?<![\w.])0(?![\w.])", "1"), (r"(?<![\w.])2(?![\w.])", "3"),
    (r"h->beta1\b", "h->beta2"), (r"h->beta2\b", "h->beta1"), (r"c->b1\b", "c->b2"), (r"c->b2\b", "c->b1"),
    (r"c->a1\b", "c->a2"), (r"c->a2\b", "c->a1"), (r"(?<=[, ])k(?=\))", "k + 1"),
    (r"\b(?:r_sqrt|sqrt|fabs|r_abs|r_sign)(?=\()", ""), (r"\bfmax\b", "fmin"), (r"\bfmin\b", "fmax"),
    (r"\br_max\b", "r_min"), (r"\br_min\b", "r_max"), (r"\bc->\w+\b(?:\[\w+\])?(?! *[-+*/]?=[^=]| \?)", "0"), (r"\breturn;", ";"),
    (r"(r_sqrt\([^()]*)\) \+ c->eps", r"\1 + c->eps)"),
]


class Mutant:
    def __init__(self, method, path, text, start, end, put):
        self.method, self.path = method, path
        self.text = text[:start] + put + text[end:]
        first, last = text.rfind("\n", 0, start) + 1, text.find("\n", end)
        self.number = text.count("\n", 0, start) + 1
        self.before = text[first:last].strip()
        self.after = self.text[first:last + len(self.text) - len(text)].strip()
        self.key = (path.stem, self.before, self.after)

    def __str__(self):
        return f"{self.method}, {self.path.name}:{self.number}\n    - {self.before}\n    + {self.after}"


def spans(text):
    """What may be changed, without comments and strings: conditions in the tables, and all of the code."""
    code = text.index(INCLUDE) + len(INCLUDE) if INCLUDE in text else 0
    tables = re.finditer(r"^#define (?:RULES|SWITCHES|MEASURES|ROW_LENGTH)\b(?:.*\\\n)*.*", text[:code], re.M)
    quiet = [found.span() for found in re.finditer(r'/\*.*?\*/|"[^"\n]*"', text, re.S)]
    for at, end, changes in [*((m.start(), m.end(), CONDITIONS) for m in tables), (code, len(text), TOKENS)]:
        for first, last in [*(q for q in quiet if at <= q[0] < end), (end, end)]:
            yield at, first, changes
            at = last


def mutants(method):
    own = METHODS / f"{method}.h"
    shared = re.findall(r'#include "methods/(support/\w+\.h)"', own.read_text(encoding="utf-8"))
    found = {}
    for path in [own, *(METHODS / name for name in shared if not name.endswith(SERIES))]:
        text = path.read_text(encoding="utf-8")
        for start, end, changes in spans(text):
            for find, put in changes:
                for m in re.finditer(find, text):
                    if start <= m.start() and m.end() <= end:
                        mutant = Mutant(method, path, text, m.start(), m.end(), m.expand(put))
                        if ROOM not in mutant.before:
                            found.setdefault(mutant.text, mutant)
    return sorted(found.values(), key=lambda m: (m.path != own, m.number, m.after))


def names():
    """The file of every method and alias."""
    of = {}
    for path in METHODS.glob("*.h"):
        text = path.read_text(encoding="utf-8")
        aliases = re.search(r"^#define ALIASES\b(?:.*\\\n)*.*", text, re.M)
        of[path.stem] = path.stem
        of.update((name, path.stem) for name in re.findall(r"[ \t]_\((\w+),", aliases[0] if aliases else ""))
    return of


class Tree:
    """A copy of the sources and a build of the test of one method, with loops for the lowest level alone."""

    def __init__(self, method, folder):
        self.method, self.source, self.build, self.log = method, folder / "source", folder / "build", ""
        self.source.mkdir()
        for part in ["CMakeLists.txt", "cmake", "include", "src", "tests"]:
            (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, self.source / part)
        lists = self.source / "CMakeLists.txt"
        lists.write_text(lists.read_text().replace("KERNEL_FLAGS -O2", "KERNEL_FLAGS -O0"))  # compiled once for each change
        test = (ROOT / "tests/methods" / f"{method}.c").read_text(encoding="utf-8")
        needed = {method} | {file for name, file in names().items() if f'"{name}"' in test}
        level = ["-DLUGE_LEVELS=v2"] if platform.machine() in {"x86_64", "AMD64"} else []
        subprocess.run(["cmake", "-S", self.source, "-B", self.build, "-G", "Ninja", "-DLOCALEDEF=LOCALEDEF-NOTFOUND",
                        "-DCMAKE_BUILD_TYPE=None", "-DCMAKE_C_FLAGS=-O1", "-DLUGE_COMMAND=OFF", f"-DLUGE_METHODS={';'.join(sorted(needed))}", *level],
                       check=True, stdout=subprocess.DEVNULL)

    def outcome(self, mutant=None):
        """passed, failed, or not built"""
        if mutant:
            changed = self.source / mutant.path.relative_to(ROOT)
            whole, made = changed.read_text(encoding="utf-8"), changed.stat().st_mtime
            changed.write_text(mutant.text, encoding="utf-8")
            os.utime(changed, (made, made))  # the same time, or the whole build would be configured anew
        try:
            return self.build_and_run()
        finally:
            if mutant:
                changed.write_text(whole, encoding="utf-8")
                os.utime(changed, (made, made))

    def build_and_run(self):
        for stale in self.build.rglob("*.o"):
            if stale.name in {"registry.c.o", "point.c.o", f"{self.method}.c.o"} and "tests" not in stale.parts:
                stale.unlink()
        run = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "check": False}
        done = subprocess.run(["ninja", "-C", self.build, f"method_{self.method}"], **run)
        self.log = done.stdout
        if done.returncode:
            return "not built"
        try:
            done = subprocess.run([self.build / f"tests/method_{self.method}"], timeout=300,
                                  env={**os.environ, "OMP_WAIT_POLICY": "passive"}, **run)
        except subprocess.TimeoutExpired:
            return "failed"
        self.log = done.stdout
        return "failed" if done.returncode else "passed"


def proofs():
    """tools/equivalent.txt: blocks of a file's name, "- the line", "+ the changed line", and the proof."""
    known = {}
    text = (ROOT / "tools/equivalent.txt").read_text(encoding="utf-8")
    for block in filter(None, re.split(r"\n\s*\n", re.sub(r"^#.*\n", "", text, flags=re.M).strip())):
        rows = [row.strip() for row in block.splitlines()]
        if len(rows) < 4 or not rows[1].startswith("- ") or not rows[2].startswith("+ "):
            raise SystemExit(f"tools/equivalent.txt: no name, two lines and a proof: {block!r}")
        known[(rows[0], rows[1][2:], rows[2][2:])] = " ".join(rows[3:])
    return known


def examine(method, chosen, known):
    """Yields every chosen mutant with what became of it."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(method, Path(folder))
        if tree.outcome() != "passed":
            print(tree.log)
            return [(None, "fails unchanged")]
        found = []
        for mutant in chosen:
            outcome = tree.outcome(mutant)
            word = {"failed": "caught", "not built": "not built", "passed": "survives"}[outcome]
            if mutant.key in known:
                word = "equivalent" if outcome == "passed" else "caught, but called equivalent"
            found.append((mutant, word))
        return found


def main():
    ask = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ask.add_argument("--method", action="append", help="only this one (may be given again)")
    ask.add_argument("--sample", action="store_true", help=f"{SAMPLE} changes, always the same")
    ask.add_argument("--list", action="store_true", help="print the changes and make none")
    given = ask.parse_args()
    known = proofs()
    tested = sorted(p.stem for p in (ROOT / "tests/methods").glob("*.c") if (METHODS / p.name).with_suffix(".h").exists())
    methods = given.method or tested
    chosen = {method: mutants(method) for method in methods}
    keys = {m.key for method in methods for m in chosen[method]}
    stale = [key for key in known if key not in keys and key[0] in {name for name, _, _ in keys}]
    if given.sample:
        every = [m for method in methods for m in chosen[method] if m.key not in known]
        picked = random.Random(1).sample(every, min(SAMPLE, len(every)))
        chosen = {method: [m for m in picked if m.method == method] for method in methods}
    if given.list:
        for mutant in (m for method in methods for m in chosen[method]):
            print(mutant)
        return 0
    total, bad = Counter(), [f"stale proof: {' | '.join(key)}" for key in stale]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {method: pool.submit(examine, method, chosen[method], known) for method in methods if chosen[method]}
        for method, job in jobs.items():
            count = Counter(word for _, word in job.result())
            total += count
            print(f"{method:24}" + "  ".join(f"{word} {n}" for word, n in sorted(count.items())), flush=True)
            bad += [f"{word}: {mutant or method}" for mutant, word in job.result()
                    if word not in {"caught", "equivalent", "not built"}]
    print("\n".join(bad))
    print(f"mutate: {len(methods)} methods, " + ", ".join(f"{n} {word}" for word, n in sorted(total.items())))
    return 2 if total["fails unchanged"] else 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
