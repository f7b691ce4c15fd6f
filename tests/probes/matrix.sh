#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# matrix.sh GOVERSION MODE: compares gort's view of 10,000 parked goroutines with the program's own
# SIGQUIT dump. MODE: as build-target.sh takes it; or newer: the stripped one calls itself a version
# that gort does not know, and gort says so; or newer-moved: that one has another layout, which its
# DWARF tells, and without DWARF gort shows nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
compare=("$here/compare.py" "$GORT_BUILD/bin/gort")
if [[ $2 != newer* ]]; then
	exec "${compare[@]}" "$("$here/build-target.sh" "$1" "$2")" -n 10000
fi
work=$(mktemp -d)
target=
ended() {
	if [ "$target" ]; then
		kill -9 "$target"
		wait "$target" 2>/dev/null || true
	fi
	rm -rf "$work"
}
trap ended EXIT

# newer MODE: $work/MODE is that build, calling itself go1.29.9.
newer() {
	LC_ALL=C sed "s/go$1/go1.29.9/g" "$("$here/build-target.sh" "$1" "$2")" >"$work/$2"
	chmod +x "$work/$2"
}

# same_as MODE TEXT: gort says that it read the program so, and it is the same as its own dump.
same_as() {
	# What labels look like has changed between versions, too.
	GODEBUG=tracebacklabels=0 "${compare[@]}" "$work/$1" -n 500 2>"$work/err"
	grep -q "go1.29.9 is newer than gort knows: read $2, every check passed\$" "$work/err"
}

# refused MODE: gort shows nothing of it.
refused() {
	local status=0
	coproc "$work/$1" -n 500
	target=$COPROC_PID
	read -r _ <&"${COPROC[0]}"
	"$GORT_BUILD/bin/gort" stacks "$target" >"$work/out" 2>"$work/err" || status=$?
	[ $status = 5 ] && [ ! -s "$work/out" ] && grep -q 'unknown go1.29.9 layout' "$work/err"
}

if [ "$2" = newer ]; then
	newer "$1" stripped
	same_as stripped 'as Go 1.27'
	exit
fi
newer "$1" moved
same_as moved 'by its own DWARF'
newer "$1" moved-stripped
refused moved-stripped
