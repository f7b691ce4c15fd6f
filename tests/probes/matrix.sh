#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# matrix.sh GOVERSION MODE: compares gort's view of 10,000 parked goroutines with the program's own
# SIGQUIT dump. MODE: as build-target.sh takes it; or newer: the stripped one calls itself a version
# that gort does not know, and gort says so.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
compare=("$here/compare.py" "$GORT_BUILD/bin/gort")
if [ "$2" != newer ]; then
	exec "${compare[@]}" "$("$here/build-target.sh" "$1" "$2")" -n 10000
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
LC_ALL=C sed "s/go$1/go1.29.9/g" "$("$here/build-target.sh" "$1" stripped)" >"$work/newer"
chmod +x "$work/newer"
# What labels look like has changed between versions, too.
GODEBUG=tracebacklabels=0 "${compare[@]}" "$work/newer" -n 500 2>"$work/err"
grep -q 'go1.29.9 is newer than gort knows: read as Go 1.27, every check passed$' "$work/err"
