#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# pause.sh CASE - --pause on a Go program of which two goroutines always run.
#
# stacks  they have stacks, and what it cost is told; without --pause they have none
# chans   the lock that one of them has seems held by it; without --pause by nobody
# top     its rows say where they run, its title what that cost; without --pause they do not
# killed  gort is killed with SIGKILL while it holds a thread: the thread goes on
# traced  a thread that somebody else traces is left alone
# shellcheck disable=SC2317 # functions are called by until_true
set -u
case=$1
here=$(cd "$(dirname "$0")" && pwd)
gort=$GORT_BUILD/bin/gort
work=$(mktemp -d) || exit 1
pids=()
trap 'kill -KILL "${pids[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT

fail() {
	echo "FAIL: $*" >&2
	tail -n 40 "$work/out" "$work/err" >&2
	exit 1
}

skip() {
	echo "SKIP: $*"
	exit 77
}

# until_true COMMAND...: waits for it, for at most 60 s.
until_true() {
	local end=$((SECONDS + 60))
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

touch "$work/out" "$work/err"
command -v go >/dev/null || skip "no Go toolchain in PATH"
(cd "$work" && GO111MODULE=off go build -o target "$here/pause.go") || fail "go build"
"$work/target" >"$work/turns" &
pid=$!
pids+=("$pid")
until_true grep -q ready "$work/turns" || fail "the program does not start"

states() {
	sed -n 's/^State:\t\(.\).*/\1/p' /proc/"$pid"/task/*/status
}

# No thread is held, and the goroutines get on.
goes_on() {
	until_true eval "! states | grep -q '[tT]'" || fail "a thread is left stopped"
	! grep -q '^TracerPid:.*[1-9]' /proc/"$pid"/task/*/status || fail "a thread is left traced"
	local before
	before=$(tail -n 1 "$work/turns" | cut -d' ' -f2)
	until_true eval "[ \"\$(tail -n 1 $work/turns | cut -d' ' -f2)\" -gt $before ]" ||
		fail "the program does not get on"
}

# Both spinners were caught running, on a CPU or about to be.
both() {
	"$gort" stacks --pause "$@" --go "$pid" >"$work/out" 2>"$work/err" || fail "gort stacks"
	[ "$(grep -c '^main\.spinner(' "$work/out")" = 2 ]
}

holds() {
	states | grep -q t
}

case $case in
stacks)
	"$gort" stacks --go "$pid" >"$work/out" || fail "gort stacks"
	grep -q 'stack unavailable' "$work/out" || fail "a running goroutine has a stack"
	until_true both || fail "not both spinners"
	grep -Eq '^gort: stopped [12] threads? one after the other, longest [0-9.]+[mun]?s' \
		"$work/err" || fail "the cost is not told"
	grep -A 1 '^main\.spinner(' "$work/out" | grep -q 'pause\.go:2[0-9]' || fail "no line"
	until_true eval "$gort stacks --pause --json $pid >$work/out 2>$work/err &&
		grep -Eq '\"pause\":\{\"threads\":[1-9]' $work/out" || fail "JSON"
	"$GORT_BUILD/bin/json_check" gort.stacks/1 0 pause.refused=0 <"$work/out" || fail "JSON"
	goes_on
	;;
chans)
	until_true eval "$gort chans $pid >$work/out 2>$work/err; grep -q '^mutex' $work/out" ||
		fail "nobody waits for the mutex"
	! grep -q 'seems held' "$work/out" || fail "a running goroutine has a stack"
	until_true eval "$gort chans --pause $pid >$work/out 2>$work/err;
		grep -Eq '^mutex .* seems held by goroutine [0-9]+ \(main\.' $work/out" ||
		fail "not held"
	grep -Eq '^gort: stopped [12] threads? one after the other, longest [0-9.]+[mun]?s' \
		"$work/err" || fail "the cost is not told"
	until_true eval "$gort chans --pause --json $pid >$work/out 2>$work/err &&
		grep -Eq '\"pause\":\{\"threads\":[1-9]' $work/out" || fail "JSON"
	goes_on
	;;
top)
	"$gort" top --once "$pid" >"$work/out" 2>"$work/err" || fail "gort top"
	grep -Fq '[non-stop' "$work/out" || fail "not non-stop"
	row='^ +[12]  running .* main\.(spinner|leaf)'
	! grep -Eq "$row" "$work/out" || fail "where it runs"
	until_true eval "$gort top --once --pause $pid >$work/out 2>$work/err &&
		grep -Eq '$row pause\.go:' $work/out" || fail "not where it runs"
	head -n 1 "$work/out" | grep -Eq '\[paused [12], longest [0-9.]+[mun]?s' ||
		fail "the cost is not told"
	until_true eval "$gort top --once --pause --json $pid >$work/out 2>$work/err &&
		grep -Eq '\"pause\":\{\"threads\":[1-9]' $work/out" || fail "JSON"
	goes_on
	;;
killed)
	strace -o /dev/null true 2>/dev/null || skip "strace cannot trace here"
	# Its calls are seize, interrupt, read the registers, detach: it is held at one of the
	# last two.
	for nth in 3 4; do
		strace -f -qq -o /dev/null -e trace=ptrace \
			-e inject=ptrace:delay_enter=60000000:when=$nth+ \
			"$gort" stacks --pause --max-pause 100s "$pid" >"$work/out" 2>"$work/err" &
		tracer=$!
		until_true holds || fail "it never holds a thread"
		kill -KILL "$(pgrep -P $tracer -x gort)"
		kill -KILL $tracer
		wait $tracer 2>/dev/null
		goes_on
	done
	;;
traced)
	strace -o /dev/null true 2>/dev/null || skip "strace cannot trace here"
	strace -f -qq -o /dev/null -e trace=none -p "$pid" 2>/dev/null &
	pids+=($!)
	until_true grep -q '^TracerPid:.*[1-9]' "/proc/$pid/status" || fail "strace does not attach"
	until_true eval "$gort stacks --pause $pid >$work/out 2>$work/err;
		grep -q 'could not be stopped' $work/err" || fail "not told"
	;;
*)
	fail "no case $case"
	;;
esac
exit 0
