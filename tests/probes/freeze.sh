#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# freeze.sh CASE - gort leaks --freeze on gochurn/, and what becomes of its target.
#
# killed   gort is killed with SIGKILL while it holds threads: all of them go on
# stopped  a target that its shell has stopped stays so, and goes on when the shell wants it
# traced   a target that somebody else traces is left alone, with an error
# shellcheck disable=SC2317 # functions are called by until_true
set -u
here=$(cd "$(dirname "$0")" && pwd)
gort=$GORT_BUILD/bin/gort
work=$(mktemp -d) || exit 1
pids=()
trap 'kill -KILL "${pids[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT
touch "$work/out" "$work/err"

fail() {
	echo "FAIL: $*" >&2
	tail -n 40 "$work/out" "$work/err" >&2
	exit 1
}

strace -o /dev/null true 2>/dev/null || { echo "SKIP: strace cannot trace here" && exit 77; }

# until_true COMMAND...: waits for it, for at most 60 s.
until_true() {
	local end=$((SECONDS + 60))
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.02
	done
}

(cd "$here/gochurn" && CGO_ENABLED=0 go build -o "$work/target" .) || fail "go build"
mkfifo "$work/stdin"
"$work/target" 20 <"$work/stdin" >"$work/said" &
pid=$!
pids+=("$pid")
exec 8>"$work/stdin"
until_true grep -q ready "$work/said" || fail "the program does not start"

states() {
	sed -n 's/^State:\t\(.\).*/\1/p' /proc/"$pid"/task/*/status
}

held() {
	states | grep -q t
}

free() {
	! held && ! grep -q '^TracerPid:.*[1-9]' /proc/"$pid"/task/*/status
}

# No thread is held, and everybody who can be woken is, once its standard input ends.
goes_on() {
	until_true free || fail "a thread is left stopped or traced"
	exec 8>&-
	until_true grep -q 'all woken' "$work/said" || fail "the program does not get on"
}

case $1 in
killed)
	# Seize and interrupt of each thread come first, then their registers, then detach.
	for nth in 4 9; do
		strace -f -qq -o /dev/null -e trace=ptrace \
			-e inject=ptrace:delay_enter=60000000:when=$nth+ \
			"$gort" leaks -n 1 --freeze "$pid" >"$work/out" 2>"$work/err" &
		tracer=$!
		until_true held || fail "it never holds a thread"
		kill -KILL "$(pgrep -P $tracer -x gort)"
		kill -KILL $tracer
		wait $tracer 2>/dev/null
		until_true free || fail "a thread is left stopped or traced"
	done
	goes_on
	;;
stopped)
	kill -STOP "$pid"
	until_true eval '! states | grep -qv T' || fail "SIGSTOP does not stop it"
	"$gort" leaks --freeze "$pid" >"$work/out" 2>"$work/err"
	[ $? = 66 ] || fail "no verdict on a stopped target"
	grep -q 'the target stood still for ' "$work/err" || fail "the stop is not told"
	until_true eval '! states | grep -qv T' || fail "it no longer is stopped"
	kill -CONT "$pid"
	goes_on
	;;
traced)
	strace -f -qq -o /dev/null -e trace=none -p "$pid" 2>/dev/null &
	pids+=($!)
	until_true grep -q '^TracerPid:.*[1-9]' "/proc/$pid/status" || fail "strace does not attach"
	"$gort" leaks --freeze "$pid" >"$work/out" 2>"$work/err"
	[ $? = 4 ] || fail "not refused"
	grep -q '^  why: ' "$work/err" || fail "no reason"
	;;
*)
	fail "no case $1"
	;;
esac
exit 0
