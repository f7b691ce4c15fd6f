#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# sampled.sh PROGRAM FORM: gort-race --sample on tests/race/sampled.c. A race is found, whenever
# that is; of what is none, nothing in as long as it takes to look at some addresses, and beside
# atomic operations in as long as it takes to find the race.
set -u
program=$1 form=$2
gort_race=$GORT_BUILD/bin/gort-race
work=$(mktemp -d) || exit 1
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$work"' EXIT
out=$work/out err=$work/err

fail() {
	echo "$form: $*"
	cat "$out" "$err"
	exit 1
}
# On a busy machine two threads would hardly ever run in the same moment, were others as important.
first=()
[ "$(nice -n -20 nice 2>/dev/null)" != -20 ] || first=(nice -n -20)
"${first[@]}" "$gort_race" --sample "$program" "$form" >"$out" 2>"$err" &
pid=$!
deadline=$((SECONDS + 200))
await() { # PATTERN FILE
	until grep -q "$1" "$2" || ((SECONDS > deadline)); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
}
# As long as it takes to find the race under the same load, or 20 s.
find_race() {
	local run end=$((SECONDS + 20))
	"${first[@]}" "$gort_race" --sample "$program" race >/dev/null 2>"$work/control" &
	run=$!
	until grep -q 'WARNING' "$work/control" || ((SECONDS > end)); do
		sleep 0.1
	done
	kill "$run"
	wait "$run"
}
await '^started$' "$out"
case $form in
race) await 'WARNING: ThreadSanitizer: data race' "$err" ;;
atomic) find_race ;;
*) sleep 1 ;;
esac
kill "$pid"
wait "$pid"
code=$?
pid=
if grep -q 'hardware watchpoints\|perf_event_paranoid' "$err"; then
	cat "$err"
	exit 77
fi
grep -q '^done$' "$out" || fail "the program did not end by itself"
tail -n 1 "$err" | grep -qx '[0-9]* addresses sampled; not a proof of absence' || fail "last line"
if [ "$form" = race ]; then
	[ $code = 66 ] || fail "exit $code"
	grep -q '#0 change\(_too\)\? ' "$err" || fail "the accesses are not named"
	grep -q 'sampled.c:[0-9]' "$err" || fail "no line"
	exit 0
fi
[ $code = 7 ] || fail "exit $code"
[ "$(wc -l <"$err")" = 1 ] || fail "something was reported"
