#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# examples.sh CASE: the example programs do what their head comments say.
set -u
bin=$GORT_BUILD/examples
tmp=$(mktemp -d) || exit 1
server=
trap '[ -n "$server" ] && kill -9 "$server" 2>/dev/null; rm -rf "$tmp"' EXIT

fail()
{
	cat "$tmp"/* 2>/dev/null
	echo "FAIL: $*"
	exit 1
}

# prints PROGRAM REGEX: the program prints one line that matches, nothing else, and ends with 0.
prints()
{
	"$bin/$1" >"$tmp/out" 2>"$tmp/err" || fail "$1 ended with $?"
	[[ $(cat "$tmp/out") =~ ^$2$ ]] || fail "$1 did not print: $2"
	[ -s "$tmp/err" ] && fail "$1 complained"
	return 0
}

# start_demo: starts the demo service; its address is in $addr, its process in $server.
start_demo()
{
	coproc DEMO { exec "$bin/demo" 2>"$tmp/demo.err"; }
	server=$DEMO_PID
	exec 3<&"${DEMO[0]}"
	read -r -t 20 _ _ addr <&3 || fail "the demo service did not start"
}

# stop_demo SIGNAL: ends it; it must end with 0 and its last words.
stop_demo()
{
	kill -s "$1" "$server"
	wait "$server" || fail "the demo service ended with $?"
	server=
	grep -Eq '^served [0-9]+ jobs, [0-9]+ keys$' <&3 || fail "no last words"
	[ -s "$tmp/demo.err" ] && fail "the demo service complained"
	return 0
}

# ask REQUESTS ANSWERS: one connection that sends all requests at once.
ask()
{
	exec 4<>"/dev/tcp/${addr%:*}/${addr#*:}" || fail "cannot connect to $addr"
	printf '%b' "$1" >&4
	local want got
	while read -r want; do
		read -r -t 20 got <&4 || fail "no answer, expected: $want"
		[[ $got =~ ^$want$ ]] || fail "answered: $got, expected: $want"
	done < <(printf '%b' "$2")
	exec 4>&-
}

case $1 in
hello)
	prints hello "hello from a goroutine"
	;;
fan)
	prints fan "sum of squares: 338350"
	GOMAXPROCS=1 prints fan "sum of squares: 338350"
	;;
leak)
	prints leak "answer from mirror [1-3]"
	prints leak_fixed "answer from mirror [1-3]"
	export GORT_LEAKCHECK=1
	prints leak_fixed "answer from mirror [1-3]"
	prints fan "sum of squares: 338350"
	code=0
	"$bin/leak" >"$tmp/out" 2>"$tmp/err" || code=$?
	[ "$code" = 66 ] || fail "the leak gate ended with $code"
	grep -q '^found unexpected goroutines:$' "$tmp/err" || fail "not the message of the gate"
	late='and 1 more in state chan send( \(unreachable\))?, with ask_mirror on top'
	grep -Eq "^\[Goroutine [0-9]+ $late" "$tmp/err" || fail "not the two late mirrors"
	;;
demo)
	start_demo
	ask 'SET a 1\nGET a\nGET b\nECHO x  y\n' 'OK\nVALUE 1\nNONE\nECHO x  y\n'
	ask 'JOB 7\nhm\nSET a\nSTATS\n' 'DONE [0-9a-f]+\nERR .*\nERR usage.*\nSTATS [0-9]+ 1 1\n'
	stop_demo TERM
	;;
load)
	start_demo
	"$bin/gort-load" demo "$addr" --conns 20 --seconds 60 --messages 20000 >"$tmp/load" 2>&1 ||
		fail "gort-load ended with $?"
	grep -Eq '^demo: 20 connections, 2[0-9]{4} messages' "$tmp/load" || fail "no count"
	stop_demo INT
	;;
*)
	fail "unknown case $1"
	;;
esac
echo ok
