#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# waits.sh VICTIM: a dump names each way to wait as Go's does. Both programs wait in the same ways;
# the lines above the stacks, without numbers, must be the same ones.
set -eu
victim=$1
command -v go >/dev/null || {
	echo "SKIP: no Go toolchain in PATH"
	exit 77
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export ASAN_OPTIONS=detect_leaks=0

# Of the goroutines that wait. Not of 0 and 1: the kernel may give the signal to another thread than
# main's, an idle one too, and main may have gone on to its sleep by then.
headers() {
	sed -nE 's/^goroutine ([2-9]|[1-9][0-9]+) \[(.*)\]:$/\2/p' "$1" | sort
}

go build -o "$tmp"/waits "$GORT_SOURCE"/tests/rtdebug/waits.go
"$tmp"/waits 2>"$tmp"/go
# As a shell starts what it puts in the background: with the signal ignored.
(
	trap '' QUIT
	! "$victim" waits 2>"$tmp"/gort
)
headers "$tmp"/go >"$tmp"/want
headers "$tmp"/gort >"$tmp"/got
[ "$(wc -l <"$tmp"/want)" = 12 ] || {
	echo "waits: Go's dump is not what the test wants" >&2
	exit 1
}
diff "$tmp"/want "$tmp"/got || {
	echo "waits: other lines than Go's (<)" >&2
	cat "$tmp"/gort >&2
	exit 1
}
