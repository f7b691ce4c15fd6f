#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# tsan.sh COMPILER [gort]: programs that it builds for ThreadSanitizer, on libgort as it is, with
# its own runtime; or under gort-race, and then also what gort-cc --race makes with that compiler.
# Of tsan.c every edge must be seen, and none that is not there.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v "$1" >/dev/null || { echo "SKIP: no $1"; exit 77; }
flags=(-std=gnu17 -Wall -Wextra -Werror -g -O1 -fsanitize=thread "-I$GORT_SOURCE/runtime/include")

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

# build NAME LIBRARY...
build() {
	local name=$1
	shift
	"$cc" "${flags[@]}" "$GORT_SOURCE/tests/runtime/tsan.c" "-L$GORT_BUILD/lib" "$@" \
		-Wl,-rpath,"$GORT_BUILD/lib" -lpthread -o "$work/$name" || fail "$name is not built"
}

# run PROGRAM PROCS WHAT CODE: how it must end; its reports are in $work/out.
run() {
	local code
	TSAN_OPTIONS="exitcode=66 atexit_sleep_ms=0 $symbolizer" GORT_GOMAXPROCS=$2 timeout 100 \
		"${runner[@]}" "$work/$1" "$3" >"$work/out" 2>&1
	code=$?
	[ $code = "$4" ] && return
	cat "$work/out"
	fail "$1, GOMAXPROCS=$2: $3 ends with $code"
}

# unreported PROGRAM: the names of the edges that no report in $work/out is about
unreported() {
	local name
	for name in $("$work/$1" names); do
		awk -v first="first_$name" -v second="second_$name" '
			/^WARNING/ { a = b = 0 }
			$0 ~ "#[0-9]+ " first " " { a = 1 }
			$0 ~ "#[0-9]+ " second " " { b = 1 }
			a && b { found = 1 }
			END { exit !found }' "$work/out" || printf ' %s' "$name"
	done
}

# check PROGRAM PROCS
check() {
	local missing
	run "$1" "$2" clean 0
	# gcc's runtime finds a race and has lost a stack of it once in some hundred runs, which it
	# says: then another run tells.
	for _ in 1 2 3; do
		run "$1" "$2" racy 66
		missing=$(unreported "$1")
		[ -n "$missing" ] || break
		grep -q 'failed to restore the stack' "$work/out" || break
	done
	grep -q "created by thread\|created by main thread" "$work/out" || fail "no creation stacks"
	grep -q "'goroutine [0-9]*'" "$work/out" || fail "goroutines have no names"
	[ -z "$missing" ] || { cat "$work/out"; fail "$1, GOMAXPROCS=$2: not reported:$missing"; }
}

cc=$1
symbolizer='' runner=()
if [ "${2-}" = gort ]; then
	runner=("$GORT_BUILD/bin/gort-race")
	GORT_CC=$cc "$GORT_BUILD/bin/gort-cc" --race "${flags[@]/-fsanitize=thread/-g}" \
		"$GORT_SOURCE/tests/runtime/tsan.c" -o "$work/hooked" || fail "hooked is not built"
	check hooked 1
	check hooked 2
	[[ $cc != clang* ]] || exit 0 # its runtime is part of the program
fi
case $cc in
clang*) # its runtime looks for one in PATH, where Debian's package of a version has none
	symbolizer=external_symbolizer_path=$("$cc" -print-prog-name=llvm-symbolizer)
	;;
esac
build shared -l:libgort_start.a -l:libgort.so
build static -l:libgort.a
for procs in 1 2; do
	check shared $procs
	check static $procs
done
# clang links its runtime into the program: then the program's own code cannot be told from it.
[[ $1 = clang* ]] || [ "${#runner[@]}" = 1 ] || run shared 1 loop 0
