#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# valgrind.sh VICTIM: memcheck takes switches between goroutines for what they are: no report
# about a clean program, and in the other the planted mistake with the goroutine's stack.
set -eu
victim=$1
command -v valgrind >/dev/null || {
	echo "SKIP: no valgrind"
	exit 77
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

check() { # MODE: valgrind's exit status, its words in $tmp/log
	valgrind --log-file="$tmp"/log --error-exitcode=99 "$victim" "$1" && return 0 || return $?
}

fail() {
	echo "valgrind: $*" >&2
	cat "$tmp"/log >&2
	exit 1
}

for procs in 1 2; do
	GORT_GOMAXPROCS=$procs check noleak || fail "exit status $? of a clean program, $procs Ps"
	grep -q 'ERROR SUMMARY: 0 errors' "$tmp"/log || fail "errors in a clean program"
	! grep -q 'client switching stacks' "$tmp"/log || fail "a stack is not known"
done
status=0
check uninitialized || status=$?
[ $status = 99 ] || fail "status $status: the planted mistake is not found"
grep -q 'ERROR SUMMARY: 1 errors' "$tmp"/log || fail "not one error"
grep -A2 'Conditional jump or move depends on uninitialised' "$tmp"/log |
	grep -Eq ': branch_on \(([^ )]*/)?victim\.c:[0-9]+\)' || fail "not in the goroutine"
