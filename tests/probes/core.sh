#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# core.sh CASE GOVERSION MODE | core.sh libgort PROGRAM: a case of core.py on gotarget, built as
# build-target.sh takes it, or on a program of the build tree.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
core=("$here/core.py" "$GORT_BUILD/bin/gort" "$1")
if [ "$1" = libgort ]; then
	exec "${core[@]}" "$GORT_BUILD/bin/$2" 20
fi
exec "${core[@]}" "$("$here/build-target.sh" "$2" "$3")" -n 1000
