#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# interpose.sh run|table|errno: functions of libc that block, in goroutines.
#   run     blocking.c shared, with libgort.a, and fully static: with 1 and 2 Ps
#   table   what the table in interpose.c says is taken over is exported, and nothing else of libc
#   errno   errnos.c with each compiler that is here, at -O0 and -O3
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

: "${compiler:=$CC}" "${source:=blocking.c}"

# build OUT FLAGS...
build() {
	local out=$1
	shift
	"$compiler" -std=gnu17 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror \
		"-I$GORT_SOURCE/runtime/include" "-I$GORT_SOURCE/tests" \
		"$GORT_SOURCE/tests/runtime/$source" "-L$GORT_BUILD/lib" "$@" -lpthread \
		-o "$work/$out" || fail "$out does not link"
}

run() {
	local program procs
	build shared -l:libgort_start.a -l:libgort.so "-Wl,-rpath,$GORT_BUILD/lib"
	build fortified -D_FORTIFY_SOURCE=2 -l:libgort_start.a -l:libgort.so \
		"-Wl,-rpath,$GORT_BUILD/lib"
	build archive -l:libgort.a
	build static -static -DALLSTATIC -l:libgort.a
	build staticpie -static-pie -fPIE -DALLSTATIC -l:libgort.a
	for program in shared fortified archive static staticpie; do
		for procs in 1 2; do
			[ "$(GORT_GOMAXPROCS=$procs "$work/$program")" = ok ] ||
				fail "$program with $procs Ps"
		done
	done
}

errno() {
	local level
	source=errnos.c
	for compiler in gcc clang-14; do
		command -v "$compiler" >/dev/null || continue
		for level in -O0 -O3; do
			build errnos $level -l:libgort.a
			[ "$(GORT_GOMAXPROCS=4 "$work/errnos")" = ok ] || fail "$compiler $level"
		done
	done
}

table() {
	local libc
	libc=$("$CC" -print-file-name=libc.so.6)
	sed -nE 's/^ \*\t(park|syscall|forget|count|stack) +//p' \
		"$GORT_SOURCE/runtime/sched/interpose.c" |
		sed 's/ : .*//' | tr -s ' ' '\n' | sort >"$work/table"
	nm -D --defined-only "$libc" | awk '{print $3}' | sed 's/@.*//' | sort -u >"$work/libc"
	nm -D --defined-only "$GORT_BUILD/lib/libgort.so" | awk '{print $3}' | sort >"$work/ours"
	comm -12 "$work/ours" "$work/libc" >"$work/taken"
	diff -u "$work/table" "$work/taken" || fail "the table (-) and libgort.so (+) differ"
}

"$1"
