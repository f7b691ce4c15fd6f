#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# golocals.sh GOVERSION KIND: compares the variables of calls that gort shows with those that a
# program built by that toolchain says it has. KIND: debug, dwarf, stripped.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
target=$("$here/build-target.sh" "$1" "$2" golocals)
"$here/golocals.py" "$GORT_BUILD/bin/gort" "$target" "$2"
