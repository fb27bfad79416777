#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The pages of the methods, docs/methods.md and docs/methods/NAME.md, as the program prints them.

    pages.py PROGRAM            write them, and remove those of methods that are gone
    pages.py PROGRAM --check    only compare; status 1 where a page differs, is missing or is left over
"""
import json
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


def pages(program):
    """Yields (path, text)."""
    run = lambda *arguments: subprocess.run([program, "methods", *arguments], check=True, stdout=subprocess.PIPE,
                                            text=True, encoding="utf-8").stdout
    yield DOCS / "methods.md", run("--markdown")
    for line in run("--json").splitlines():
        name = json.loads(line)["name"]
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
