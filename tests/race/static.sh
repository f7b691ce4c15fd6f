#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# static.sh CASE: gort-race on programs that clang linked its own runtime into.
#
# c | nopie | stripped   cases.c as it is built without -shared-libsan, in three forms
# cxx                    C++, whose operators are in the runtime too
# hooks                  what a program defines for the runtime to call; a malloc() of its own
# direct                 its calls of the detector are made direct ones
# refused                programs that cannot be patched are told apart, and do not run
set -u
here=$(cd "$(dirname "$0")" && pwd)
gort_race=$GORT_BUILD/bin/gort-race
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
clean=() # what a program is told for its synchronised form
unset TSAN_OPTIONS GORT_RACE GORACE
for clang in clang clang-14 ""; do
	command -v "$clang" >/dev/null && break
done
[ -n "$clang" ] || { echo "no clang"; exit 77; }

fail() {
	echo "FAIL: $*"
	head -n 60 "$work/out" "$work/err"
	exit 1
}

# build SOURCE FLAG...: the program $work/t
build() {
	"${compiler:-$clang}" -fsanitize=thread -g -O1 -fno-optimize-sibling-calls -pthread \
		-o "$work/t" "$@" 2>"$work/err" || fail "build $*"
}

# expect CODE ARGUMENT...
expect() {
	local code=$1 got
	shift
	timeout 60 "$gort_race" "$work/t" "$@" >"$work/out" 2>"$work/err"
	got=$?
	[ $got -eq "$code" ] || fail "$*: exit $got, not $code"
}

# The synchronised form is silent, the other is told with both functions.
pair() { # FUNCTION FUNCTION CASE...
	local first=$1 second=$2
	shift 2
	expect 0 "$@" "${clean[@]}"
	[ -s "$work/err" ] && fail "$*: not silent"
	grep -q '^done' "$work/out" || fail "$*: did not finish"
	expect 66 "$@" race
	grep -q '^done' "$work/out" || fail "$*, race: did not finish"
	[ "$(grep -c '^WARNING: ThreadSanitizer: data race' "$work/err")" = 1 ] ||
		fail "$*: not one report"
	grep -q "#[0-9] $first\\>" "$work/err" || fail "$*: $first is not in the report"
	grep -q "#[0-9] $second\\>" "$work/err" || fail "$*: $second is not in the report"
}

cases() {
	local name clean=(clean)
	for name in counter publish cas cond once barrier sem join pipe fence recursive annotate \
		signal spin; do
		pair early_access late_access "$name"
	done
	pair early_range late_range range
	pair early_heap late_heap heap
}

refuse() { # REASON
	expect 5 counter
	grep -q "$1" "$work/err" || fail "the reason is not '$1'"
	[ -s "$work/out" ] && fail "the program ran"
	return 0
}

case $1 in
c)
	build "$here/cases.c"
	cases
	;;
nopie)
	build "$here/cases.c" -no-pie
	cases
	;;
stripped)
	build "$here/cases.c"
	strip "$work/t"
	expect 0 counter clean
	[ -s "$work/err" ] && fail "not silent"
	expect 66 counter race
	grep -q '^WARNING: ThreadSanitizer: data race' "$work/err" || fail "no report"
	;;
cxx)
	compiler=${clang/clang/clang++} build "$here/static_cases.cc"
	pair publish use
	grep -q 'operator new' "$work/err" || fail "the block's allocation is not told"
	;;
hooks)
	build "$here/cases.c"
	export CASES_SUPPRESSIONS=$'race:late_access\n'
	expect 0 counter race
	grep -q 'suppressed by race:late_access' "$work/err" || fail "the program's suppression"
	build "$here/own_malloc.c" -fno-builtin
	expect 0
	[ "$(cat "$work/out")" = own ] || fail "its malloc was replaced"
	;;
direct)
	build "$here/direct.c"
	expect 0
	[ "$(cat "$work/out")" = direct ] || fail "calls go to $(cat "$work/out")"
	GORT_RACE=direct_calls=0 expect 0
	[ "$(cat "$work/out")" = stub ] || fail "calls go to $(cat "$work/out")"
	;;
refused)
	build "$here/cases.c" -static
	refuse 'it is linked statically'
	echo '{ global: main; local: *; };' >"$work/version"
	build "$here/cases.c" "-Wl,--version-script=$work/version"
	refuse 'it hides the ThreadSanitizer runtime'
	;;
esac
exit 0
