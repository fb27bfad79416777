#!/bin/sh
# SPDX-License-Identifier: MIT
# headers.sh C_COMPILER INCLUDE_DIR...: each public header alone is pedantic C11 and C++17.
set -eu
root=$(dirname "$0")/..
cc=$1
shift
for dir in "$@"; do set -- "$@" -I"$dir"; shift; done
flags="-Wall -Wextra -Wpedantic -Wconversion -Werror -fsyntax-only"
for header in "$root"/include/luge/*.h; do
    name=luge/$(basename "$header")
    echo "#include <$name>" | "$cc" -std=c11 -Wstrict-prototypes $flags "$@" -x c -
    echo "#include <$name>" | "$cc" -std=c++17 $flags "$@" -x c++ -
    echo "headers: $name is pedantic C11 and C++17"
done
