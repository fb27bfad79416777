#!/bin/sh
# SPDX-License-Identifier: MIT
# api.sh LIBRARY: the symbols that the shared library exports are those of api.txt.
# After a change that is meant: nm -D --defined-only LIBRARY | cut -d' ' -f3 | LC_ALL=C sort > tests/api.txt
set -eu
nm -D --defined-only "$1" | cut -d' ' -f3 | LC_ALL=C sort | diff -u "$(dirname "$0")/api.txt" -
echo "api: $(wc -l < "$(dirname "$0")/api.txt") symbols, as listed"
