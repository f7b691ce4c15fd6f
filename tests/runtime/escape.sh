#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# escape.sh: the check for pointers to finished frames accuses no example and no stress model.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# clean COMMAND...
clean() {
	timeout 120 "$@" >"$work/out" 2>"$work/err"
	if grep -q '^gort: a pointer' "$work/err"; then
		echo "FAIL: $*" >&2
		cat "$work/err" >&2
		exit 1
	fi
}

export ASAN_OPTIONS=detect_leaks=0
for example in hello fan leak_fixed seed; do
	GORT_DEBUG=escapecheck=1,gcstress=20 clean "$GORT_BUILD/examples/$example"
done
for procs in 1 2 8; do
	GORT_DEBUG=escapecheck=1 GORT_GOMAXPROCS=$procs \
		clean "$GORT_BUILD/tests/runtime/stress" 1 $procs
done
