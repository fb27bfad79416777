#!/bin/sh
# SPDX-License-Identifier: MIT
# install.sh BUILD_DIR C_COMPILER: what is installed, and moved afterwards, serves a program through pkg-config and
# find_package, shared and static.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cmake --install "$1" --prefix "$tmp/first" > "$tmp/log" || { cat "$tmp/log"; exit 1; }
mv "$tmp/first" "$tmp/moved"

pc=$(find "$tmp/moved" -name luge.pc)
lib=$(cd "$(dirname "$pc")/.." && pwd)
export PKG_CONFIG_PATH="$(dirname "$pc")${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
"$2" "$here/use.c" -o "$tmp/shared" $(pkg-config --cflags --libs luge)
LD_LIBRARY_PATH=$lib "$tmp/shared"
# The archive by its name, as there is no archive of every library that it needs.
"$2" "$here/use.c" -o "$tmp/static" $(pkg-config --cflags luge) "$lib/libluge.a" \
    $(pkg-config --static --libs luge | sed 's/-lluge//')
"$tmp/static"

cmake -S "$here" -B "$tmp/build" -DCMAKE_C_COMPILER="$2" -DCMAKE_PREFIX_PATH="$tmp/moved" > "$tmp/log" &&
    cmake --build "$tmp/build" >> "$tmp/log" || { cat "$tmp/log"; exit 1; }
"$tmp/build/use_static"
"$tmp/build/use_shared"

if [ -x "$tmp/moved/bin/luge" ]; then
    "$tmp/moved/bin/luge" --version
    for command in $("$tmp/moved/bin/luge" --help | sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
        grep -qx "\.B $command" "$tmp/moved/share/man/man1/luge.1" || { echo "luge.1 does not have $command"; exit 1; }
    done
fi
