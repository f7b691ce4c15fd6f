#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# vm.sh: scripts/vm itself: a command's status and output come back, the tree stays as it was, and
# the machine does not outlive its time, its kernel or the script.
set -u
vm=$GORT_SOURCE/scripts/vm
tmp=$(mktemp -d) || exit 1
script=
trap '[ -z "$script" ] || kill "$script" 2>/dev/null; rm -rf "$tmp"' EXIT

fail() {
	cat "$tmp"/* >&2 2>/dev/null
	echo "FAIL: $*" >&2
	exit 1
}

# gives CODE ARGUMENT...: scripts/vm ends with CODE.
gives() {
	local want=$1 code=0
	shift
	"$vm" "$@" >"$tmp/out" 2>"$tmp/err" || code=$?
	if [ $code = 77 ]; then
		cat "$tmp/err"
		exit 77
	fi
	[ $code = "$want" ] || fail "scripts/vm $* ended with $code, not $want"
}

cd "$tmp" || exit 1
# shellcheck disable=SC2016
WORD='two  words' gives 42 --timeout 800 --append gort.test=1 -- bash -c '
	echo changed >kept; echo "$WORD, $1, $PWD, $(cat kept)"; uname -r; cat /proc/cmdline
	echo warning >&2; exit 42' name "it's"
[ "$(head -1 out)" = "two  words, it's, $tmp, changed" ] || fail "wrong output"
grep -q '^6\.1\.' out || fail "not the kernel that was asked for"
grep -q 'gort\.test=1' out || fail "no option for the kernel"
grep -q '^warning$' out || fail "no errors"
[ ! -e kept ] || fail "the machine wrote a file here"

gives 125 --timeout 800 --append init=none --append rdinit=none -- true
grep -q 'Kernel panic' err || fail "not a word of the kernel"
gives 124 --timeout 1 -- sleep 1000
gives 2 --memory much -- true

# Killed in the middle: no machine is left.
"$vm" --timeout 800 -- sleep 12345 >out 2>err &
script=$!
for ((i = 0; i < 1000; i++)); do
	machine=$(pgrep -P "$(pgrep -P $script -x timeout || echo 1)" -x qemu-system-x86) && break
	sleep 0.05
done
[ -n "${machine-}" ] || fail "no machine was started"
kill $script
wait $script
script=
for ((i = 0; i < 200; i++)); do
	kill -0 "$machine" 2>/dev/null || exit 0
	sleep 0.05
done
fail "the machine is still there"
