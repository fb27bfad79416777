#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What every source file has to keep: an SPDX line, no path of one machine, and a length that can be read.

A file has at most 600 lines; a function, from a brace in the first column to the next one, or a def of Python, at most 100.
"""
import ast
import re
import subprocess
import sys
from pathlib import Path

FILE_LINES, FUNCTION_LINES = 600, 100
C = {".c", ".h", ".inc", ".cu", ".in"}
CODE = C | {".py", ".cmake", ".sh", ".1"}
WITHOUT_SPDX = {"LICENSE", "luge.pc.in", "luge-config.cmake.in"}
MACHINE = re.compile(r"(?<![\w.~}/)-])/(home|root|work|Users|mnt|media|srv|opt)/\w")


def files(root):
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            stdout=subprocess.PIPE, check=True, text=True).stdout
    return [Path(name) for name in sorted(listed.split("\0")) if name and (root / name).is_file()]


def functions(path, text):
    """Yields (first line, lines) of each function."""
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                yield node.lineno, node.end_lineno - node.lineno + 1
        return
    start = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            yield start, number - start + 1
            start = None


def wrong(root):
    for path in files(root):
        try:
            text = (root / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        lines = text.splitlines()
        script = text.startswith("#!")
        code = path.suffix in CODE or path.name == "CMakeLists.txt" or script
        if code and path.name not in WITHOUT_SPDX and "SPDX-License-Identifier: MIT" not in text:
            yield f"{path}: no line \"SPDX-License-Identifier: MIT\""
        for number, line in enumerate(lines, 1):
            if MACHINE.search(line):
                yield f"{path}:{number}: a path of one machine: {line.strip()[:80]}"
        if code and len(lines) > FILE_LINES:
            yield f"{path}: {len(lines)} lines, at most {FILE_LINES} are allowed"
        if path.suffix in C | {".py"}:
            for number, length in functions(path, text):
                if length > FUNCTION_LINES:
                    yield f"{path}:{number}: a function of {length} lines, at most {FUNCTION_LINES} are allowed"


def main():
    root = Path(__file__).resolve().parent.parent
    lines = list(wrong(root))
    print("\n".join(lines) or f"check: {len(files(root))} files, nothing to say against them")
    return bool(lines)


if __name__ == "__main__":
    sys.exit(main())
