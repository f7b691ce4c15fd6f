#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# schedtrace.sh VICTIM: every line that schedtrace and scheddetail print has the shape of one that a
# Go program prints, in the same order, and each shape of Go's appears. Numbers and nil, true and
# false, and the wait reasons are all that may differ.
set -eu
victim=$1
command -v go >/dev/null || {
	echo "SKIP: no Go toolchain in PATH"
	exit 77
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

fail() {
	echo "schedtrace: $*" >&2
	exit 1
}

# The lines of the trace with what may vary replaced. Go counts idle locked Ms below zero at times.
shapes() {
	grep -E '^(SCHED|  [PMG][0-9])' "$1" | sed -E '
		s/status=([0-9]+)\([^=]*\) m=/status=\1(R) m=/
		s/(true|false)/B/g; s/=nil/=N/g; s/-?[0-9]+/N/g'
}

run() { # OPTIONS NAME: both programs under the options, their traces in NAME.go and NAME.gort
	GODEBUG=$1 GOMAXPROCS=2 "$tmp"/schedtrace 2>"$tmp/$2.go" && fail "the Go program ended well"
	GORT_DEBUG=$1 GOMAXPROCS=2 "$victim" states 2>"$tmp/$2.gort" && fail "so did ours"
	shapes "$tmp/$2.go" | sort -u >"$tmp/want"
	shapes "$tmp/$2.gort" | sort -u >"$tmp/got"
	[ -s "$tmp"/want ] || fail "Go printed no trace under $1"
	diff "$tmp"/want "$tmp"/got || fail "other lines than Go's (<) under $1"
}

export ASAN_OPTIONS=detect_leaks=0
go build -o "$tmp"/schedtrace "$GORT_SOURCE"/tests/rtdebug/schedtrace.go
run schedtrace=100 plain
run schedtrace=100,scheddetail=1 detail

# What dies tells all of it once more, before its message, and which M it was that died.
sed -n '/dying=1/,$p' "$tmp"/plain.gort | grep -q '^panic: end' || fail "no trace of the end"
[ "$(grep -c 'dying=1' "$tmp"/plain.gort)" = 1 ] || fail "more than one M died"

# The content: states and the pace.
grep -Eq '^  G1: status=4\(sleep\) m=nil' "$tmp"/detail.gort || fail "main does not sleep"
grep -Eq '^  G[0-9]+: status=4\(chan receive\) m=nil' "$tmp"/detail.gort || fail "no receiver"
grep -Eq '^  G[0-9]+: status=4\(sync.Mutex.Lock\) m=nil' "$tmp"/detail.gort || fail "no locker"
sed -nE 's/^SCHED ([0-9]+)ms: .*schedticks=.*/\1/p' "$tmp"/plain.gort >"$tmp"/ticks
awk '{ last = $1 } END { exit !(NR >= 3 && NR <= last / 90 + 2) }' "$tmp"/ticks ||
	fail "not each 100 ms: $(xargs <"$tmp"/ticks)"
