#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# judges.sh WRITER: Go's own pprof reads what pprof/ writes, and rejects it when damaged.
set -eu

writer=$1
if ! command -v go >/dev/null 2>&1; then
	echo "SKIP: no Go toolchain in PATH for go tool pprof"
	exit 77
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export PPROF_BINARY_PATH="$tmp" PPROF_TMPDIR="$tmp"

fail()
{
	echo "FAIL: $*"
	exit 1
}

# expect FILE PATTERN: some line of FILE matches the extended regular expression.
expect()
{
	grep -Eq -- "$2" "$1" || {
		cat "$1"
		fail "no line matches: $2"
	}
}

"$writer" goroutine "$tmp/g.pb.gz"
"$writer" cpu "$tmp/c.pb.gz"
gzip -t "$tmp/g.pb.gz" || fail "gzip rejects the goroutine profile"

go tool pprof -top "$tmp/g.pb.gz" >"$tmp/g.top" 2>"$tmp/err" || fail "$(cat "$tmp/err")"
expect "$tmp/g.top" '^Type: goroutine'
expect "$tmp/g.top" 'of 42 total'
expect "$tmp/g.top" '^ +41 .* runtime\.gopark$'
expect "$tmp/g.top" ' 40 95\.24% +main\.run$'
go tool pprof -top -tagfocus=name=ticker "$tmp/g.pb.gz" >"$tmp/g.tag" 2>"$tmp/err"
expect "$tmp/g.tag" ' main\.tick$'

go tool pprof -raw "$tmp/g.pb.gz" >"$tmp/g.raw" 2>"$tmp/err" || fail "$(cat "$tmp/err")"
expect "$tmp/g.raw" '^goroutine/count'
expect "$tmp/g.raw" '^1: 0x400000/0x500000/0x0 /nowhere/app c0ffee \[FN\]'
expect "$tmp/g.raw" 'main\.worker /src/main\.worker\.go:[0-9]+'

go tool pprof -top "$tmp/c.pb.gz" >"$tmp/c.top" 2>"$tmp/err" || fail "$(cat "$tmp/err")"
expect "$tmp/c.top" '^Type: cpu'
expect "$tmp/c.top" '^Duration: 1s, Total samples = 1000ms'
expect "$tmp/c.top" '^ +900ms 90\.00% .* inlined_hash'
go tool pprof -raw "$tmp/c.pb.gz" >"$tmp/c.raw" 2>"$tmp/err" || fail "$(cat "$tmp/err")"
expect "$tmp/c.raw" '^samples/count cpu/nanoseconds'
expect "$tmp/c.raw" 'tenant:\[blue\]'

# The judge can say no: one flipped byte in the data, and a file that ends early.
size=$(wc -c <"$tmp/c.pb.gz")
head -c $((size - 9)) "$tmp/c.pb.gz" >"$tmp/short.pb.gz"
{
	head -c 40 "$tmp/c.pb.gz"
	printf '\377'
	tail -c +42 "$tmp/c.pb.gz"
} >"$tmp/flipped.pb.gz"
for bad in short flipped; do
	if go tool pprof -raw "$tmp/$bad.pb.gz" >"$tmp/out" 2>&1; then
		cat "$tmp/out"
		fail "go tool pprof accepted $bad.pb.gz"
	fi
done
echo "ok"
