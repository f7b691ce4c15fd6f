#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# linked.sh: objects that gcc instrumented, linked with libgort-race.so in the place of libtsan, by
# themselves and under gort-race.
set -u
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset TSAN_OPTIONS GORT_RACE GORACE

fail() {
	echo "FAIL: $*"
	cat out
	exit 1
}

# expect CODE COMMAND...
expect() {
	local code=$1 got
	shift
	timeout 60 "$@" >out 2>&1
	got=$?
	[ $got -eq "$code" ] || fail "$*: exit $got, not $code"
	grep -q '^done$' out || fail "$*: did not finish"
}

gcc -fsanitize=thread -g -O1 -fno-optimize-sibling-calls -Wno-tsan -c "$here/cases.c" >out 2>&1 ||
	fail "compile"
gcc cases.o -o cases "$GORT_BUILD/lib/libgort-race.so" -Wl,-rpath,"$GORT_BUILD/lib" -pthread \
	>out 2>&1 || fail "link"
for run in "" "$GORT_BUILD/bin/gort-race"; do
	expect 0 ${run:+"$run"} ./cases counter clean
	expect 66 ${run:+"$run"} ./cases counter race
	grep -q '^WARNING: ThreadSanitizer: data race' out || fail "no report"
done
grep -q '#0 early_access ' out || fail "early_access is not in the launcher's report"
grep -q '#0 late_access ' out || fail "late_access is not in the launcher's report"
