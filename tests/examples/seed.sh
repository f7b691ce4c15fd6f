#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# seed.sh: seed.c and seed_runtime.c print what the same examples print in Go, in this run, section
# by section, with one P and with two.
set -u
command -v go >/dev/null || { echo "SKIP: no Go in PATH"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$GORT_SOURCE/tests/examples/seed" || exit 1

# compare PROGRAM PACKAGE NUMBER: of so many sections.
compare() {
	local procs section sections
	go build -o "$work/go" "$2" || exit 1
	"$work/go" >"$work/want" || exit 1
	sections=$(sed -n 's/^== //p' "$work/want")
	[ "$(wc -w <<<"$sections")" = "$3" ] || { echo "FAIL: $1: sections $sections"; exit 1; }
	for procs in 1 2; do
		for section in $sections; do
			"$work/go" "$section" >"$work/want" || exit 1
			GOMAXPROCS=$procs "$GORT_BUILD/examples/$1" "$section" >"$work/have" 2>&1 ||
				{ head -50 "$work/have"; echo "FAIL: section $section"; exit 1; }
			diff "$work/have" "$work/want" ||
				{ echo "section $section: < gort, > Go"; exit 1; }
		done
	done
}

compare seed . 8
compare seed_runtime ./runtime 6
