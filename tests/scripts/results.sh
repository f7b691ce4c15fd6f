#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# results.sh: scripts/lib/results.py over the results of a real ctest run with one test of each
# outcome, with and without a list that expects the skip.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
	echo "$1" >&2
	cat out >&2
	exit 1
}

cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(outcomes NONE)
enable_testing()
add_test(NAME good COMMAND sh -c "exit 0")
add_test(NAME skips COMMAND sh -c "echo SKIP: no such kernel & exit 77")
if(BAD)
	add_test(NAME bad COMMAND sh -c "exit 1")
	add_test(NAME late COMMAND sleep 9)
	add_test(NAME absent COMMAND /nonexistent)
	set_tests_properties(late PROPERTIES TIMEOUT 1)
endif()
set_tests_properties(skips PROPERTIES SKIP_RETURN_CODE 77)
END
results() { # STATUS ARGUMENT...: results.py must end with STATUS
	local want=$1 status=0
	shift
	python3 -B "$GORT_SOURCE/scripts/lib/results.py" "$@" >out 2>&1 || status=$?
	[ $status = "$want" ] || fail "results.py $* ended with $status, not $want"
}
last() {
	[ "$(tail -1 out)" = "$1" ] || fail "the last line is not '$1'"
}

cmake -G Ninja -S . -B good >/dev/null
ctest --test-dir good --output-junit "$work/good.xml" >/dev/null
cmake -G Ninja -S . -B bad -DBAD=1 >/dev/null
ctest --test-dir bad --output-junit "$work/bad.xml" >/dev/null 2>&1 || true
echo 'sk*  good  this kernel is old' >listed
echo 'sk*  elsewhere  this kernel is old' >condition
: >none

results 0 listed "" good
last "1 passed, 0 failed, 1 skipped"
results 0 condition "elsewhere" good
results 1 condition "" good
results 1 none "" good
grep -q 'good: skips: skipped, which .* does not list: SKIP: no such kernel' out ||
	fail "the skip and its reason are not named"
results 1 listed "good" good bad
last "2 passed, 3 failed, 2 skipped"
grep -q '^bad: absent: failed: Unable to find executable' out || fail "no executable is no skip"
results 1 listed "" good nosuchrun
grep -q '^nosuchrun: no test ran' out || fail "a run without a result passes"
