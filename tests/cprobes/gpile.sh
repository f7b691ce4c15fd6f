#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# gpile.sh: gort leaks --watch on programs on libgort: what piles up (gpile.c) is told, and is a
# failure when asked for; what only waits is neither.
set -u
gort=$GORT_BUILD/bin/gort
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

fail() {
	cat "$tmp"/* >&2
	echo "FAIL: $*" >&2
	exit 1
}

# watch CODE [ARGUMENT] [-- OPTION...]: of a program that is started for it.
watch() {
	local want=$1 code=0 argument=()
	shift
	[ "$1" = -- ] || argument=("$1")
	shift $((${#argument[@]} + 1))
	mkfifo "$tmp/in"
	"$GORT_BUILD/bin/gpile" ${argument[@]+"${argument[@]}"} <"$tmp/in" >"$tmp/said" &
	local pid=$!
	exec 8>"$tmp/in"
	until grep -q ready "$tmp/said"; do
		kill -0 $pid 2>/dev/null || fail "the program has ended"
		sleep 0.05
	done
	"$gort" leaks --watch -n 8 -d 150ms "$@" $pid >"$tmp/out" 2>"$tmp/err" || code=$?
	exec 8>&-
	wait $pid || fail "the program was harmed"
	rm "$tmp/in"
	[ $code = "$want" ] || fail "$*: $code, not $want"
}

watch 0 --
grep -q 'goroutines piled up \[chan receive, .*\], growing:$' "$tmp/out" || fail "nothing grows"
grep -q '^served(' "$tmp/out" || fail "not what does"
! grep -q '^rests(' "$tmp/out" || fail "what rests grows, too"
[ "$(grep -c 'places\? growing' "$tmp/err")" = 8 ] || fail "not a line a look"
watch 66 -- --fail-on growing
watch 0 still -- --fail-on growing
! grep -q 'piled up' "$tmp/out" || fail "what rests grows"
