#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# leaks.sh: t_no_leaks blames each test for its own goroutines, also when others run meanwhile.
set -u
out=$(mktemp)
trap 'rm -f "$out"' EXIT

fail() {
	echo "FAIL: $*" >&2
	cat "$out" >&2
	exit 1
}

timeout 120 "$GORT_BUILD/tests/testing/leaks" -v -parallel 2 >"$out" 2>&1
[ $? = 1 ] || fail "the tests do not fail"
for want in "FAIL: TestLost" "PASS: TestClean" "FAIL: TestParent" "PASS: TestParent/sub" \
	"PASS: TestQuiet"; do
	grep -q -- "--- $want " "$out" || fail "no $want"
done
[ "$(grep -c 'found unexpected goroutines' "$out")" = 2 ] || fail "not two messages"
grep -q 'in state chan receive (unreachable), with forever' "$out" || fail "no proof"
grep -q 'in state chan receive, with forever' "$out" || fail "none that is kept"
