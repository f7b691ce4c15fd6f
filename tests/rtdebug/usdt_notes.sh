#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# usdt_notes.sh DIRECTORY OF VICTIMS: the notes of the tracepoints are in the library and in static
# programs, stripped ones too, as readelf reads them; and libgort.a links with a program that has
# tracepoints by <sys/sdt.h>, whose address base it then shares.
set -eu
programs=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

fail() {
	echo "usdt_notes: $*" >&2
	exit 1
}

names=(chan__recv chan__send go__block go__create go__end go__sched go__start go__unblock
	select__case syscall__enter syscall__exit)

check() { # FILE
	local base
	readelf -nW "$1" >"$tmp"/notes
	grep -A1 'Provider: gort$' "$tmp"/notes | sed -n 's/ *Name: //p' | sort -u >"$tmp"/names
	diff <(printf '%s\n' "${names[@]}") "$tmp"/names || fail "$1 has other probes"
	base=$(readelf -SW "$1" | sed -nE 's/.* \.stapsdt\.base +PROGBITS +([0-9a-f]+) .*/\1/p')
	[ -n "$base" ] || fail "$1 has no base section"
	! grep Location: "$tmp"/notes | grep -v "Base: 0x$base," || fail "$1: not its base $base"
	# Arguments in registers or at an offset from one: what all readers understand.
	! grep -A3 'Provider: gort$' "$tmp"/notes | grep 'Arguments:' | grep -Ev \
		'Arguments:( [1248]@(%[a-z0-9]+|-?[0-9]*\(%[a-z0-9]+\)))+ *$' ||
		fail "$1: arguments elsewhere"
}

check "$GORT_BUILD"/lib/libgort.so
strip -o "$tmp"/stripped "$programs"/debug_victim_static
check "$tmp"/stripped

cat >"$tmp"/own.c <<'END'
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#else
#define DTRACE_PROBE(provider, name)
#endif
#include <gort/gort.h>

int gort_main(int argc, char **argv)
{
	(void)argv;
	DTRACE_PROBE(own, here);
	return argc - 1;
}
END
sanitize=
! nm -u "$GORT_BUILD"/lib/libgort.so | grep -q __asan_init || sanitize=-fsanitize=address,undefined
# shellcheck disable=SC2086
"${CC:-cc}" $sanitize -I "$GORT_SOURCE"/runtime/include -o "$tmp"/own "$tmp"/own.c \
	"$GORT_BUILD"/lib/libgort.a -pthread || fail "libgort.a does not link beside others"
check "$tmp"/own
"$tmp"/own || fail "the program failed"
