#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# results.sh: scripts/lib/results.py over the results of a real ctest run with one test of each
# outcome, with and without a list that expects the skip, and over a second run of what failed.
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
if(CHANCES)
	foreach(n RANGE 1 ${CHANCES})
		add_test(NAME chance.${n} COMMAND sh -c "[ -e ran.${n} ] || ! touch ran.${n}")
	endforeach()
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
echo 'sk*  any  this kernel is old' >anywhere
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

chances() { # N: a run in which N tests fail at first, and bad ones always
	cmake -G Ninja -S . -B "chances$1" -DCHANCES="$1" >/dev/null
	ctest --test-dir "chances$1" --output-junit "$work/chances$1.xml" >/dev/null 2>&1 || true
	ctest --test-dir "chances$1" --rerun-failed --output-junit "$work/chances$1.again" \
		>/dev/null 2>&1 || true
}
chances 1
results 0 anywhere "" chances1
last "2 passed, 0 failed, 1 skipped"
grep -q '^chances1: chance.1: failed, then passed' out || fail "the second run is not named"
chances 2
results 1 anywhere "" chances2
grep -q '^chances2: 2 tests passed only when run again' out || fail "two of four are no chance"
ctest --test-dir bad --rerun-failed --output-junit "$work/bad.again" >/dev/null 2>&1 || true
results 1 anywhere "" bad
last "1 passed, 3 failed, 1 skipped"
