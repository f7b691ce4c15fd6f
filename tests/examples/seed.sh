#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# seed.sh: seed.c, seed_runtime.c and seed_testing.c print what the same examples print in Go, in
# this run, section by section, with one P and with two.
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

# tested FAIL FLAGS...: section 16, by the flags and in the format of go test.
tested() {
	local fail=$1 code
	local places='s/[0-9]+\.[0-9]+s/T/; s/(seed|testing)_test(ing)?\.(c|go):[0-9]+/PLACE/
		s/seed_testing\.c:[0-9]+/PLACE/; s/^(ok|FAIL|pkg:)([ \t]+)[a-z_\/]+/\1\2NAME/
		s/ +[0-9.]+ ns\/op/ N/; s/-[0-9]+ +\t/\t/'
	shift
	env "$fail" "$GORT_BUILD/examples/seed_testing" "$@" >"$work/have" 2>&1
	code=$?
	env "$fail" go test -count=1 "$@" ./testing >"$work/want" 2>&1
	[ $? = $code ] || { cat "$work/have"; echo "FAIL: 16, $fail $*: exit $code"; exit 1; }
	diff <(sed -E "$places" "$work/have") <(sed -E "$places" "$work/want") ||
		{ echo "section 16, $fail $*: < gort, > Go"; exit 1; }
}

tested SEED_PASS=1 -v
tested SEED_FAIL=1 -v
tested SEED_FAIL=1
tested SEED_PASS=1 -run Double/pos -v
tested SEED_PASS=1 -run Nothing -bench . -benchtime 100x
