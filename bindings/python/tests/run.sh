#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh VENV PREFIX: the package as a user gets it, installed into the virtual environment VENV (which holds
# requirements.txt) from the luge that is installed at PREFIX; its tests and its tutorial; removed again, without a trace.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=$(realpath "$1")
prefix=$(realpath "$2")
# Threads that wait sleep; no file of luge's is found but the installed ones; figures need no screen.
export OMP_WAIT_POLICY=passive PIP_DISABLE_PIP_VERSION_CHECK=1 MPLBACKEND=agg
"$venv/bin/pip" install -q --no-build-isolation --no-deps "$here/../../.." -C cmake.define.LUGE_PREFIX="$prefix"
cd "$venv"
bin/python -m pytest -q -p no:cacheprovider "$here"
bin/python "$here/../../../docs/tutorial.py"
bin/pip uninstall -q -y luge
left=$(find . -iname '*luge*')
[ ! "$left" ] || { echo "uninstalling left $left"; exit 1; }
