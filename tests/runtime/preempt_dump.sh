#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# preempt_dump.sh PROGRAM: a goroutine that was preempted in the middle of a loop is shown there,
# with its callers and the line, by the program's own dump and by `gort stacks` from outside.
set -eu
program=$1
tmp=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -9 "$pid"; rm -rf "$tmp"' EXIT
export GORT_GOMAXPROCS=1 ASAN_OPTIONS=detect_leaks=0

fail() {
	echo "preempt_dump: $*" >&2
	exit 1
}

coproc "$program" 2>"$tmp"/dump
pid=$COPROC_PID
read -r -t 50 line <&"${COPROC[0]}" || true
[ "${line:-}" = ready ] || fail "the program is not ready"

# One of the three runs, unless it is being switched; the two others stand in their loops.
outside() {
	"$GORT_BUILD"/bin/gort stacks --all --color never "$pid" >"$tmp"/stacks 2>&1 || return 1
	[ "$(grep -c 'endless_loop' "$tmp"/stacks)" -ge 1 ] &&
		grep -A4 'endless_loop' "$tmp"/stacks | grep -q 'preempt_loops\.c:[0-9]' &&
		grep -q 'looper' "$tmp"/stacks
}
for attempt in $(seq 50); do
	outside && break
	[ "$attempt" -lt 50 ] || fail "gort stacks: $(cat "$tmp"/stacks)"
	sleep 0.1
done

kill -QUIT "$pid"
wait "$pid" || true
pid=
shown=$(grep -c '^endless_loop(' "$tmp"/dump) || true
[ "$shown" -ge 2 ] || fail "the dump shows $shown loops: $(cat "$tmp"/dump)"
grep -A1 '^endless_loop(' "$tmp"/dump | grep -q 'preempt_loops\.c:1[0-9] ' || fail "not the line"
grep -A4 '^endless_loop(' "$tmp"/dump | grep -q '^looper(' || fail "no caller"
grep -q '\[runnable\]' "$tmp"/dump || fail "nobody is runnable"
