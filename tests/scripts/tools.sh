#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# tools.sh CASE: the installed commands on the demo service while it runs, and on what is no target.
# scripts/test runs it once more with GORT_WITHOUT=all: then what needs optional kernel features
# says so, and everything else works as before.
set -u
gort=$GORT_BUILD/bin/gort
tmp=$(mktemp -d) || exit 1
pids=()
cleanup() {
	[ ${#pids[@]} = 0 ] || { kill "${pids[@]}" && wait "${pids[@]}"; } 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT

fail() {
	cat "$tmp"/* >&2 2>/dev/null
	echo "FAIL: $*" >&2
	exit 1
}

# gives CODE ARGUMENT...: gort ends with CODE; what it printed is in $tmp/out and $tmp/err.
gives() {
	local want=$1 code=0
	shift
	"$gort" "$@" >"$tmp/out" 2>"$tmp/err" || code=$?
	[ "$code" = "$want" ] || fail "gort $* ended with $code, not $want"
}

# prints PATTERN...: each matches a line of the output or the messages.
prints() {
	local pattern
	for pattern; do
		grep -qE -e "$pattern" "$tmp/out" "$tmp/err" || fail "no line like: $pattern"
	done
}

# until_prints PATTERN ARGUMENT...: gort is asked until a line of its output matches: the demo tells
# its address before its goroutines have found their places.
until_prints() {
	local pattern=$1 deadline=$((SECONDS + 20))
	shift
	while
		gives 0 "$@"
		! grep -qE -e "$pattern" "$tmp/out" && [ $SECONDS -lt $deadline ]
	do
		sleep 0.05
	done
	prints "$pattern"
}

start_demo() {
	coproc DEMO { exec "$GORT_BUILD/examples/demo" 2>"$tmp/demo.err"; }
	demo=$DEMO_PID
	pids+=("$demo")
	read -r -t 20 _ _ address <&"${DEMO[0]}" || fail "the demo service did not start"
}

case $1 in
ps)
	start_demo
	gives 0 ps
	prints "^ *$demo .*gort [0-9.]+ .*demo"
	;;
stacks)
	start_demo
	until_prints '^4 goroutines \[chan receive' stacks "$demo"
	prints '^worker\(' 'demo\.c:[0-9]+' '^created by gort_main'
	until_prints '^goroutine 1 \[chan receive' stacks --go "$demo"
	prints '^gort_main\('
	;;
top)
	start_demo
	until_prints ' (worker demo|gort_chan_recv chan)\.c:[0-9]+' top --once "$demo"
	prints "pid $demo" '^GOR +[0-9]+'
	;;
record)
	start_demo
	gives 0 record -e goroutine -o "$tmp/g.pb.gz" "$demo"
	gzip -t "$tmp/g.pb.gz" || fail "not gzip"
	rm -f "$tmp/g.pb.gz"
	;;
sched)
	start_demo
	if [ "${GORT_WITHOUT-}" ]; then
		gives 0 sched -d 200ms "$demo"
		prints '^CPU +p50 - ' 'waits for a CPU: switched off'
	else
		"$GORT_BUILD/examples/gort-load" demo "$address" --conns 4 --seconds 30 \
			>/dev/null 2>&1 &
		pids+=($!)
		gives 0 sched -d 1s "$demo"
		prints '^CPU +p50 [0-9.]+[num]?s .* [1-9][0-9,]* waits of [1-9]'
	fi
	;;
refused)
	sleep 60 &
	pids+=($!)
	gives 5 stacks $!
	prints '^gort: ' '^  why: '
	gives 3 stacks 4194303
	prints '^gort: '
	gives 2 stacks --nosuch 1
	gives 2 nosuch
	;;
permission)
	start_demo
	[ "$(id -u)" = 0 ] || { echo "SKIP: needs root to become somebody else" && exit 77; }
	code=0
	setpriv --reuid 65534 --regid 65534 --clear-groups "$gort" stacks "$demo" \
		>"$tmp/out" 2>"$tmp/err" || code=$?
	[ $code = 4 ] || fail "another user's gort stacks ended with $code, not 4"
	prints '^gort: ' '^  why: ' '^  try: .*sudo'
	;;
esac
