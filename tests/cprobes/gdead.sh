#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# gdead.sh: locks of a program on libgort (gdead.c): who holds them, circles as deadlocks and none
# where there is none; and that a program without a heap gets a verdict on leaks.
set -u
gort=$GORT_BUILD/bin/gort
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

fail() {
	cat "$tmp"/out "$tmp"/err >&2
	echo "FAIL: $*" >&2
	exit 1
}

# start [ARGUMENT]: the program, as $pid, with so many goroutines waiting of so many.
start() {
	local waiting=$1 all=$2 end=$((SECONDS + 60))
	shift 2
	mkfifo "$tmp/in"
	"$GORT_BUILD/bin/gdead" "$@" <"$tmp/in" &
	pid=$!
	exec 8>"$tmp/in"
	until "$gort" chans $pid >"$tmp/out" 2>"$tmp/err" &&
		grep -q "^$waiting of $all goroutines* wait" "$tmp/out"; do
		[ $SECONDS -lt $end ] || fail "its goroutines do not come to wait"
		sleep 0.02
	done
}

stop() {
	exec 8>&-
	wait $pid || fail "the program was harmed"
	rm "$tmp/in"
}

said() { grep -q "$1" "$tmp/out" || fail "not said: $1"; }

start 2 3
said '^! deadlock of 2 goroutines$'
said '^  goroutine 2 at transfer'
said '^    waits for mutex 0x[0-9a-f]*, which goroutine 3 holds$'
held='^mutex 0x[0-9a-f]*  locked   held by goroutine [23] (transfer gdead.c:'
[ "$(grep -c "$held" "$tmp/out")" = 2 ] ||
	fail "the locks have no holders"
"$gort" stacks --by waiting-on $pid >"$tmp/out" 2>"$tmp/err" || fail "stacks: $?"
[ "$(grep -c '^1 goroutine waiting on mutex 0x[0-9a-f]*  locked \[' "$tmp/out")" = 2 ] ||
	fail "stacks does not tell the locks"
"$gort" leaks -n 1 $pid >"$tmp/out" 2>"$tmp/err" || fail "leaks: $?"
said 'none is leaked$' # variables lead to both locks
stop
start 1 3 alive
! grep -q deadlock "$tmp/out" || fail "a deadlock where there is none"
said '^mutex 0x[0-9a-f]*  locked   held by goroutine 3 (keep gdead.c:'
stop
start 1 2 ended
said '^mutex 0x[0-9a-f]*  locked   locked by goroutine 3, which has ended, or just begun$'
stop
start 1 3 write
said '^rwmutex 0x[0-9a-f]*  locked  1 readers   held by goroutine 3 (writes gdead.c:'
stop
