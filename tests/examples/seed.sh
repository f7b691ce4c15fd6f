#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# seed.sh: seed.c prints what the same examples print in Go, in this run, section by section, with
# one P and with two.
set -u
command -v go >/dev/null || { echo "SKIP: no Go in PATH"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$GORT_SOURCE/tests/examples/seed" && go build -o "$work/seed" .) || exit 1
"$work/seed" >"$work/go" || exit 1
sections=$(sed -n 's/^== //p' "$work/go")
[ "$(wc -w <<<"$sections")" = 8 ] || { echo "FAIL: sections: $sections"; exit 1; }
for procs in 1 2; do
	for section in $sections; do
		"$work/seed" "$section" >"$work/go" || exit 1
		GOMAXPROCS=$procs "$GORT_BUILD/examples/seed" "$section" >"$work/c" 2>&1 ||
			{ cat "$work/c"; echo "FAIL: section $section"; exit 1; }
		diff "$work/c" "$work/go" || { echo "section $section: < gort, > Go"; exit 1; }
	done
done
