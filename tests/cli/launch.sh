#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# launch.sh CASE - the launchers' exit codes, signals and refusals, with small children.
set -u
PATH=$GORT_BUILD/tests/cli/bin:$PATH
dir=$GORT_BUILD/tests/cli
child=$dir/child/child_tsan
export GORT_LIBDIR="$dir/lib"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

fail() {
	echo "FAIL: $*" >&2
	cat "$work/err" >&2
	exit 1
}

# expect CODE COMMAND...
expect() {
	want=$1
	shift
	"$@" >"$work/out" 2>"$work/err"
	code=$?
	[ $code = "$want" ] || fail "$*: exit $code, not $want"
}

said() {
	grep -q -e "$1" "$work/err" || fail "not on standard error: $1"
}

silent() {
	[ ! -s "$work/err" ] || fail "something on standard error"
}

# Starts "$@" in the background, sends it $1 once its child is ready, expects exit code $2.
signalled() {
	sig=$1 want=$2
	rm -f "$work/ready"
	shift 2
	"$@" wait "$work/ready" 2>"$work/err" &
	pid=$!
	tries=0
	while [ ! -e "$work/ready" ]; do
		tries=$((tries + 1))
		[ $tries -lt 500 ] || fail "the child never started"
		sleep 0.02
	done
	children=$(cat "/proc/$pid/task/$pid/children")
	kill "-$sig" $pid
	wait $pid
	code=$?
	[ $code = "$want" ] || fail "$sig: exit $code, not $want"
	for p in $children; do
		[ ! -e "/proc/$p" ] || fail "child $p is still there"
	done
}

case $1 in
codes)
	expect 0 gort-race "$child"
	silent
	expect 3 gort-race -- "$child" exit 3
	expect 3 gort race -- "$child" exit 3
	expect 137 gort-race "$child" kill 9
	expect 139 gort-race "$child" kill 11
	expect 2 gort-race "$child" exit 2
	silent
	;;
missing)
	expect 127 gort-race ./no-such-program
	said 'no command'
	expect 127 gort-race no-such-program
	said 'not in PATH'
	expect 126 gort-race "$dir"
	echo text >"$work/file"
	expect 126 gort-race "$work/file"
	said 'Permission denied'
	chmod +x "$work/file"
	expect 126 gort-leak /dev/null
	expect 125 gort-race --frob "$child"
	said "unknown option '--frob'"
	expect 125 gort-race
	said 'no command to run'
	expect 125 gort-race -o "$work/no/such/dir/x" "$child"
	expect 125 env GORT_LIBDIR=/nonexistent gort-race "$child"
	said 'cannot find libgort-race.so'
	;;
findings)
	expect 66 gort-race "$child" find 0x1001 0x2001
	said 'WARNING: ThreadSanitizer: data race (pid='
	said '  Write of size 4 at 0x7b0400001230 by thread T1:'
	said '    #0 reader race.c:10 (race+0x1001)'
	said '  Previous read of size 4 at 0x7b0400001230 by main thread:'
	said 'SUMMARY: ThreadSanitizer: data race race.c:10 in reader'
	said 'ThreadSanitizer: reported 1 warnings'
	expect 66 gort-race "$child" find 0x1001 0x2001 exit 3
	expect 66 gort-race "$child" find 0x1001 0x2001 kill 9
	expect 9 gort-race --exit-code 9 "$child" find 0x1001 0x2001
	expect 0 gort-race "$child" junk
	said '1 records were malformed'
	expect 66 gort-race -o "$work/report" "$child" find 0x1001 0x2001
	silent
	grep -q 'data race' "$work/report" || fail "no report in the file"
	;;
refused)
	expect 5 gort-race "$dir/child/child_plain"
	said 'not compiled with -fsanitize=thread'
	said 'try:  gcc -fsanitize=thread'
	said 'gort-race --sample'
	expect 5 gort-race --sample "$dir/child/child_plain"
	said 'hardware watchpoints'
	expect 5 gort-race "$0"
	said 'script'
	expect 125 gort-leak "$dir/child/child_plain"
	said 'neither carries nor needs libgort'
	;;
signals)
	signalled TERM 55 gort-race "$child"
	signalled INT 42 gort-race "$child"
	signalled TERM 55 gort-leak "$dir/child/child_gort"
	;;
preload)
	expect 0 gort-race "$child" env FAKE_RACE_LOADED env GORT_FINDING_FD
	expect 9 gort-leak "$dir/child/child_gort" env FAKE_RACE_LOADED
	mkdir "$work/lib" && cp "$GORT_LIBDIR/libgort-race.so" "$work/lib"
	expect 125 env GORT_LIBDIR="$work/lib" gort-race "$child"
	said 'no stand-in for libtsan.so.2'
	;;
leak)
	gort_child=$dir/child/child_gort
	expect 0 gort-leak "$gort_child" env GORT_LEAKCHECK
	expect 66 gort-leak -- "$gort_child" exit 66
	expect 5 gort-leak --exit-code 5 "$gort_child" exit 66
	expect 3 gort-leak --exit-code 5 "$gort_child" exit 3
	expect 137 gort-leak "$gort_child" kill 9
	;;
*)
	fail "no case $1"
	;;
esac
