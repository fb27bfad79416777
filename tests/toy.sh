#!/bin/sh
# SPDX-License-Identifier: MIT
# toy.sh SOURCE BUILD: a method in a folder of its own needs one new file and nothing else: it is in the registry, in
# `luge methods`, has a page, and goes through the property tests.
set -eu
source=$1 build=$2/toy
cmake -S "$source" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DLUGE_METHOD_DIRS="$source/tests/toy" \
    -DLUGE_METHODS="toy_drift;toy_all" > "$build.log" 2>&1 || { cat "$build.log"; exit 1; }
cmake --build "$build" --target luge method_toy_all test_properties > "$build.log" 2>&1 || { tail -40 "$build.log"; exit 1; }
"$build/tests/method_toy_all"
"$build/tests/test_properties"
"$build/luge" methods | grep toy_drift
"$build/luge" methods toy_drift --markdown | grep "smallest method file"
