#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# static.sh CASE: gort-race on programs that clang linked its own runtime into.
#
# c | nopie | stripped   cases.c as it is built without -shared-libsan, in three forms
# cxx                    C++, whose operators are in the runtime too
# hooks                  what a program defines for the runtime to call; a malloc() of its own
# direct                 its calls of the detector are made direct ones
# interface              interface.sh on such a program
# undefined              with -fsanitize=undefined; gcc's programs too
# coverage, fuzzer       with -fsanitize-coverage, with libFuzzer
# refused                programs that cannot be patched are told apart, and do not run
# shellcheck source=tests/race/lib.sh
. "$(dirname "$0")/lib.sh"
clean=() # what a program is told for its synchronised form
clang=$(compiler clang clang-14) || skip "no clang"

# build SOURCE FLAG...: the program $work/t
build() {
	"${compiler:-$clang}" -fsanitize=thread -g -O1 -fno-optimize-sibling-calls -pthread \
		-o t "$@" 2>err || fail "build $*"
}

# expect CODE ARGUMENT...
expect() {
	local code=$1
	shift
	ends "$code" "$gort_race" ./t "$@"
}

# The synchronised form is silent, the other is told with both functions.
pair() { # FUNCTION FUNCTION CASE...
	local first=$1 second=$2
	shift 2
	expect 0 "$@" "${clean[@]}"
	silent "$*"
	finished "$*"
	expect 66 "$@" race
	finished "$*, race"
	races 1
	grep -q "#[0-9] $first\\>" err || fail "$*: $first is not in the report"
	grep -q "#[0-9] $second\\>" err || fail "$*: $second is not in the report"
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
	grep -q "$1" err || fail "the reason is not '$1'"
	[ -s out ] && fail "the program ran"
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
	strip t
	expect 0 counter clean
	silent stripped
	expect 66 counter race
	grep -q '^WARNING: ThreadSanitizer: data race' err || fail "no report"
	;;
cxx)
	compiler=${clang/clang/clang++} build "$here/static_cases.cc"
	pair publish use
	grep -q 'operator new' err || fail "the block's allocation is not told"
	;;
hooks)
	build "$here/cases.c"
	export CASES_SUPPRESSIONS=$'race:late_access\n'
	expect 0 counter race
	grep -q 'suppressed by race:late_access' err || fail "the program's suppression"
	build "$here/own_malloc.c" -fno-builtin
	expect 0
	[ "$(cat out)" = own ] || fail "its malloc was replaced"
	;;
direct)
	build "$here/direct.c"
	expect 0
	[ "$(cat out)" = direct ] || fail "calls go to $(cat out)"
	GORT_RACE=direct_calls=0 expect 0
	[ "$(cat out)" = stub ] || fail "calls go to $(cat out)"
	;;
interface)
	build "$here/interface.c"
	"$here/interface.sh" "$work/t" || exit 1
	;;
undefined)
	for compiler in "$clang" gcc; do
		build "$here/undefined.c" -fsanitize=undefined
		expect 0 2
		finished "$compiler"
		[ "$(grep -c 'runtime error: ' err)" = 2 ] || fail "$compiler: undefined behaviour"
		races 0
		expect 66 2 race
		races 1
		UBSAN_OPTIONS=halt_on_error=1:exitcode=42 expect 42 2
	done
	compiler=$clang build "$here/undefined.c" -fsanitize=undefined \
		-fno-sanitize-recover=undefined
	expect 66 1
	;;
coverage)
	build "$here/cases.c" -fsanitize-coverage=trace-pc-guard,trace-cmp,indirect-calls
	TSAN_OPTIONS=coverage=1 expect 0 counter clean
	od -An -v -t x8 -w8 t.*.sancov >out
	[ "$(head -n 1 out)" = ' c0bfffffffffff64' ] || fail "no file of coverage"
	sed '1d;s/^ */0x/' out | addr2line -fe t >ran
	grep -qx early_access ran || fail "what ran is not in it"
	grep -qx early_bytes ran && fail "what did not run is in it"
	;;
fuzzer)
	build "$here/fuzzed.c" -fsanitize=fuzzer
	expect 66 -runs=1000000 -seed=1 -max_total_time=50 -print_final_stats=1
	grep -q '#[0-9] change_unlocked\>' err || fail "the race behind the word is not found"
	;;
refused)
	build "$here/cases.c" -static
	refuse 'it is linked statically'
	echo '{ global: main; local: *; };' >version
	build "$here/cases.c" "-Wl,--version-script=version"
	refuse 'it hides the ThreadSanitizer runtime'
	;;
esac
exit 0
