#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# benchstat.sh: benchstat reads the benchmarks of sample and of its twin as of one kind: it compares
# them name by name.
set -u
command -v go >/dev/null || { echo "SKIP: no Go in PATH"; exit 77; }
export PATH=$PATH:$GORT_BUILD/tests/testing/bin
if ! command -v benchstat >/dev/null; then
	version=v0.0.0-20260908200009-22c9c6c9d4da
	GOBIN=$GORT_BUILD/tests/testing/bin timeout 200 \
		go install golang.org/x/perf/cmd/benchstat@$version >/dev/null 2>&1 ||
		{ echo "SKIP: no benchstat in PATH, and Go does not get it"; exit 77; }
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-run Nothing -bench . -benchtime 100x -count 6)
"$GORT_BUILD/tests/testing/sample" "${flags[@]}" >"$work/c" || exit 1
(cd "$GORT_SOURCE/tests/testing/twin" && go test "${flags[@]}" . >"$work/go") || exit 1
benchstat -ignore pkg "$work/go" "$work/c" >"$work/out" 2>"$work/err" ||
	{ cat "$work/err"; exit 1; }
[ -s "$work/err" ] && { cat "$work/err"; exit 1; }
for name in Loop CountedN; do
	grep -qE "^$name(-[0-9]+)? .*±.*±.* \(p=" "$work/out" || { cat "$work/out"; exit 1; }
done
