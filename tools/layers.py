#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The layers of src: a file may include its own folder and the folders to its left in ORDER.

Prints each #include that goes to the right, and each of a public header that is not from the C library.
"""
import re
import sys
from pathlib import Path

ORDER = ["core", "io", "linalg", "engine methods", "samplers federated", "problems", "flows", "analysis", "experiments", "dist", "cli"]
PLACE = {folder: place for place, folders in enumerate(ORDER) for folder in folders.split()}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
PUBLIC = re.compile(r"(stddef|stdint|luge/\w+)\.h")


def includes(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if found := INCLUDE.match(line):
            yield number, found[1], found[2]


def wrong(root):
    for path in sorted((root / "include").rglob("*.h")):
        for number, _, name in includes(path):
            if not PUBLIC.fullmatch(name):
                yield f"{path.relative_to(root)}:{number}: a public header includes {name}"
    for path in sorted((root / "src").rglob("*")):
        folder = path.relative_to(root / "src").parts[0]
        if path.suffix not in {".c", ".h", ".inc", ".cu"}:
            continue
        if folder not in PLACE:
            yield f"{path.relative_to(root)}: the folder {folder} has no layer"
            continue
        for number, quote, name in includes(path):
            to = name.split("/")[0] if quote == '"' else ""
            if PLACE.get(to, 0) > PLACE[folder]:
                yield f"{path.relative_to(root)}:{number}: {folder} may not include {name}"


def main():
    lines = list(wrong(Path(__file__).resolve().parent.parent))
    print("\n".join(lines) or "layers: every include goes to the left")
    return bool(lines)


if __name__ == "__main__":
    sys.exit(main())
