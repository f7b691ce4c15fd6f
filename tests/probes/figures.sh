#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# figures.sh GOVERSION: compares the figures of gort's commands with those that a program built by
# that toolchain, stripped, gives of itself.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
target=$("$here/build-target.sh" "$1" stripped)
"$here/figures.py" "$GORT_BUILD/bin/gort" "$target"
