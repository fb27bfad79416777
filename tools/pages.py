#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The pages of the methods, docs/methods.md and docs/methods/NAME.md, as the program prints them, and docs/evidence.md.

    pages.py PROGRAM            write them, and remove those of methods that are gone
    pages.py PROGRAM --check    only compare; status 1 where a page differs, is missing or is left over
"""
import json
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


EVIDENCE = """# Evidence

What shows each method to be the one whose name it bears. *authors*: their released code was run on recorded gradients;
*library*: a widely used library's was. `luge replay` gives the parameters of such a recording to the tolerance that stands in
its file. *reference*: an independent reference, written from the paper in another form, in long double; every method has one,
and it fails when a single token of the formula is changed (`tools/mutate.py`).

| method | kind | authors | library | reference |
|---|---|---|---|---|
"""


def evidence(methods):
    """The table of all methods' evidence."""
    text = EVIDENCE
    for method in methods:
        of = lambda tier: "<br>".join(f"`{row['source']}`" for row in method["evidence"] if row["tier"] == tier)
        text += (f"| [`{method['name']}`](methods/{method['name']}.md) | {method['kind']} | {of('authors')} | {of('library')} |"
                 f" {of('reference')} |\n")
    tiers = [{row["tier"] for row in method["evidence"]} for method in methods]
    return text + (f"\n{len(methods)} names: {sum('authors' in t for t in tiers)} with authors' code, "
                   f"{sum('library' in t for t in tiers)} with a library's, {sum('reference' in t for t in tiers)} with a reference.\n")


def pages(program):
    """Yields (path, text)."""
    run = lambda *arguments: subprocess.run([program, "methods", *arguments], check=True, stdout=subprocess.PIPE,
                                            text=True, encoding="utf-8").stdout
    yield DOCS / "methods.md", run("--markdown")
    methods = [json.loads(line) for line in run("--json").splitlines()]
    yield DOCS / "evidence.md", evidence(methods)
    for name in (method["name"] for method in methods):
        yield DOCS / "methods" / f"{name}.md", run(name, "--markdown")


def text_of(path):
    return path.read_text(encoding="utf-8") if path.exists() else None


def main(program, check=None):
    wanted = dict(pages(program))
    stale = [path for path in (DOCS / "methods").glob("*.md") if path not in wanted]
    other = [path for path, text in wanted.items() if text_of(path) != text]
    if check:
        for path in stale:
            print(f"{path.relative_to(DOCS.parent)}: there is no such method")
        for path in other:
            print(f"{path.relative_to(DOCS.parent)}: is not what the program prints; tools/pages.py writes it")
        return 1 if stale or other else 0
    (DOCS / "methods").mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.unlink()
    for path in other:
        path.write_text(wanted[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--check"]):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
