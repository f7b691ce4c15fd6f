#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# heapprof.sh PROGRAM: its heap profiles, read by the judge, go tool pprof: exact when every object
# is sampled, else estimated from samples.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export ASAN_OPTIONS=detect_leaks=0 PPROF_TMPDIR=$tmp

fail() {
	echo "heapprof: $*" >&2
	cat "$tmp"/top >&2
	exit 1
}

# top INDEX [FILE]
top() {
	go tool pprof -sample_index="$1" -unit=B -nodefraction=0 -top "$tmp/${2:-heap}.pb.gz" \
		2>&1 >"$tmp"/top | sed 's/^/go tool pprof: /' >&2
}

# about FUNCTION LEAST MOST: its own value
about() {
	awk -v f="$1" -v least="$2" -v most="$3" '
		$NF ~ "^" f "(\\.|$)" { sub("B", "", $1); value = $1 + 0 }
		END { exit !(value >= least + 0 && value <= most + 0) }' "$tmp"/top ||
		fail "$1 is not between $2 and $3"
}

GORT_DEBUG=memprofilerate=1 "$1" 1000 "$tmp"/heap.pb.gz "$tmp"/allocs.pb.gz
top alloc_objects
about keeper 1000 1000
about dropper 10000 10000
top alloc_space
about keeper 1024000 1024000
about dropper 10240000 10240000
about mapper 16000 200000 # and not libgort's functions, which it calls
top inuse_objects
about keeper 1000 1000
about dropper 0 5
go tool pprof -raw "$tmp"/heap.pb.gz >"$tmp"/raw
grep -q 'alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes' "$tmp"/raw ||
	fail "other value types: $(cat "$tmp"/raw)"
grep -q '^Period: 1$' "$tmp"/raw || fail "another period: $(cat "$tmp"/raw)"
grep -q 'bytes:\[1024\]' "$tmp"/raw || fail "no label with the size: $(cat "$tmp"/raw)"
grep -q 'keeper .*heaps\.c:[0-9]' "$tmp"/raw || fail "no file and line: $(cat "$tmp"/raw)"
go tool pprof -top "$tmp"/heap.pb.gz >"$tmp"/top 2>/dev/null
grep -q 'Type: inuse_space' "$tmp"/top || fail "the heap profile shows something else"
go tool pprof -top "$tmp"/allocs.pb.gz >"$tmp"/top 2>/dev/null
grep -q 'Type: alloc_space' "$tmp"/top || fail "the allocs profile shows something else"

# 64 MB, of which 1000 samples are expected: a deviation of a quarter is that of eight sigma.
GORT_DEBUG=memprofilerate=65536 "$1" 64000 "$tmp"/heap.pb.gz "$tmp"/allocs.pb.gz
top alloc_space allocs
about keeper 49000000 82000000
about dropper 600000000 720000000
top inuse_space
about keeper 49000000 82000000
about dropper 0 1000000
top inuse_objects
about keeper 48000 80000

GORT_DEBUG=memprofilerate=0 "$1" 1000 "$tmp"/heap.pb.gz "$tmp"/allocs.pb.gz
go tool pprof -raw "$tmp"/heap.pb.gz >"$tmp"/top
! grep -q keeper "$tmp"/top || fail "sampled although it is off"
