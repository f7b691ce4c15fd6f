#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A CPU profile of a program with a known hot function, and a goroutine profile, read by the judge:
# go tool pprof.
set -eu
victim=$1/debug_victim
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export ASAN_OPTIONS=detect_leaks=0 PPROF_TMPDIR=$tmp

fail() {
	echo "cpuprof: $*" >&2
	exit 1
}

GORT_CPUPROFILE=$tmp/cpu.pb.gz "$victim" burn || fail "the program failed"
[ "$(ls "$tmp")" = cpu.pb.gz ] || fail "left behind: $(ls "$tmp")"
go tool pprof -top "$tmp"/cpu.pb.gz >"$tmp"/top
go tool pprof -raw "$tmp"/cpu.pb.gz >"$tmp"/raw
awk '$NF ~ /^spin_hot(\.|$)/ { sub("%", "", $2); share = $2 } END { exit !(share > 50) }' \
	"$tmp"/top || fail "spin_hot is not hot: $(cat "$tmp"/top)"
grep -q 'cpu/nanoseconds' "$tmp"/raw || fail "no cpu value type"
grep -q 'spinner .*victim\.c:[0-9]' "$tmp"/raw || fail "the caller has no file and line"
grep -Eq 'debug_victim [0-9a-f]{16,}' "$tmp"/raw || fail "the main mapping has no build id"
awk '/^Duration/ { found = 1 } END { exit !found }' "$tmp"/top || fail "no duration"

coproc "$victim" stand "$tmp"/goroutine.pb.gz
victim_pid=$COPROC_PID
read -r -t 30 line <&"${COPROC[0]}" || true
kill "$victim_pid"
[ "${line:-}" = ready ] || fail "the goroutine profile was not written"
go tool pprof -top "$tmp"/goroutine.pb.gz >"$tmp"/top
grep -q 'Type: goroutine' "$tmp"/top || fail "not a goroutine profile"
go tool pprof -traces "$tmp"/goroutine.pb.gz | grep -q feeder || fail "no parked goroutine"
