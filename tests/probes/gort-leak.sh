#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# gort-leak.sh CASE: `go test -exec gort-leak` on goleaktest/, and gort-leak on its test binary.
set -u
here=$(cd "$(dirname "$0")" && pwd)
leak=$GORT_BUILD/bin/gort-leak
program=$GORT_BUILD/gotarget/goleak.test
tmp=$(mktemp -d) || exit 1
pid=
trap 'kill -9 $pid 2>/dev/null; rm -rf "$tmp"' EXIT

fail() {
	cat "$tmp"/* >&2
	echo "FAIL: $*" >&2
	exit 1
}

mkdir -p "$GORT_BUILD/gotarget"
exec 9>"$program.lock"
flock 9
(cd "$here/goleaktest" && CGO_ENABLED=0 go test -c -o "$program" .) || exit 1
exec 9>&-

# gives CODE MODE [OPTION...]: gort-leak on the test binary; its report is in $tmp/err.
gives() {
	local want=$1 mode=$2 code=0
	shift 2
	MODE=$mode "$leak" "$@" -- "$program" >"$tmp/out" 2>"$tmp/err" || code=$?
	[ $code = "$want" ] || fail "$mode $*: $code, not $want"
}

# starts the test that waits; its own pid is in $pid.
start() {
	coproc WAITING { MODE="wait" exec "$leak" "$program" -test.v 2>"$tmp/err"; }
	local word
	while read -r -t 30 word pid <&"${WAITING[0]}"; do
		[ "$word" = waiting ] && return
	done
	fail "the test does not start"
}

has() { # PATTERN: a line of the waiting test's status in /proc
	grep -q "$1" "/proc/$pid/status"
}

# until COMMAND...: for twenty seconds.
until_true() {
	local deadline=$((SECONDS + 20))
	until "$@"; do
		[ $SECONDS -lt $deadline ] || fail "not so within 20 s: $*"
		sleep 0.02
	done
}

case $1 in
found)
	gives 66 leak
	grep -q '^3 goroutines leaked \[chan send, ids .*\], unreachable:$' "$tmp/err" ||
		fail "no report"
	grep -q 'goleaktest\.lost\.func1' "$tmp/err" || fail "no stack"
	gives 9 leak --exit-code 9
	gives 0 leak --fail-on blocked-forever
	gives 66 many
	grep -q '^10,000 goroutines leaked' "$tmp/err" || fail "not all of the many"
	gives 66 leak --json -o "$tmp/report"
	grep -q '"leaked":3' "$tmp/report" || fail "no JSON"
	;;
reports)
	gives 66 leak --sarif "$tmp/%p.sarif" --junit "$tmp/junit" --github
	grep -q '"gort/leak-chan-send".*leak_test.go' "$tmp"/[0-9]*.sarif || fail "no SARIF"
	grep -q '<failure message="3 goroutines leaked' "$tmp/junit" || fail "no JUnit"
	grep -q '^::error file=.*leak_test.go,line=' "$tmp/err" || fail "no annotation"
	gives 66 leak --pprof "$tmp/%p.pb.gz" -o "$tmp/%p.txt"
	grep -q '^3 goroutines leaked' "$tmp"/[0-9]*.txt || fail "no text beside the profile"
	go tool pprof -top -tagfocus 'class=^unreachable$' "$tmp"/[0-9]*.pb.gz >"$tmp/top" 2>&1
	grep -q '^Type: goroutineleak$' "$tmp/top" || fail "go tool pprof cannot read the profile"
	grep -q ' 3 .*goleaktest\.lost\.func1$' "$tmp/top" || fail "not the leaked ones"
	gives 125 leak --fail-on growing
	gives 0 "" --json -o "$tmp/report"
	grep -q '"leaked":0' "$tmp/report" || fail "a clean run leaves the report of another"
	gives 0 leak --ignore "top:^gort.test/goleaktest.lost"
	grep -q 'suppressed by top:' "$tmp/err" || fail "the suppression is not told"
	gives 0 leak --baseline "$tmp/base" --update-baseline
	gives 0 leak --baseline "$tmp/base"
	gives 66 many --baseline "$tmp/base"
	gives 0 left
	gives 0 "" --fail-on extra
	gives 0 ending --fail-on extra
	gives 66 left --fail-on unreachable,extra
	grep -qx 'test: TestMode' "$tmp/err" || fail "the test is not named"
	grep -q 'left over' "$tmp/err" || fail "goleak's rule finds nothing"
	;;
selftest)
	"$leak" selftest 2>"$tmp/err" || fail "selftest"
	grep -q 'the planted leak was found' "$tmp/err" || fail "silent"
	[ "$(grep -c 'the planted leak was found' "$tmp/err")" = 2 ] || fail "not both kinds"
	PATH=/nonexistent "$leak" selftest go 2>"$tmp/err" && fail "without go"
	grep -q "no command 'go'" "$tmp/err" || fail "no reason"
	PATH=/nonexistent "$leak" selftest libgort 2>"$tmp/err" && fail "without a compiler"
	code=0
	"$leak" selftest rust 2>"$tmp/err" || code=$?
	[ $code = 2 ] || fail "selftest rust: $code"
	;;
clean)
	for mode in "" threads child busy; do
		gives 0 "$mode"
		[ ! -s "$tmp/err" ] || fail "a report of nothing"
	done
	;;
failed)
	gives 1 fail
	! grep -q leaked "$tmp/err" || fail "a report about a failed run"
	gives 125 exec
	grep -q "not in Go\|no Go\|without having been looked at\|cannot" "$tmp/err" ||
		fail "silent about another program"
	;;
gotest)
	(cd "$here/goleaktest" && MODE=leak go test -count=1 -exec "$leak" . >"$tmp/out" 2>&1) &&
		fail "go test passes"
	grep -q '3 goroutines leaked' "$tmp/out" || fail "no report in go test's output"
	(cd "$here/goleaktest" && go test -count=1 -exec "$leak" . >"$tmp/out" 2>&1) ||
		fail "go test fails without a leak"
	;;
signals)
	start
	kill -TERM "$WAITING_PID"
	wait "$WAITING_PID"
	[ $? = 143 ] || fail "SIGTERM does not end it"
	start
	kill -STOP "$pid"
	until_true has '^State:.[tT]'
	kill -CONT "$pid"
	until_true has '^State:.S'
	# The watcher dies, the program goes on.
	kill -9 "$WAITING_PID"
	until_true has '^TracerPid:.0$'
	until_true has '^State:.S'
	;;
esac
