#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# flags.sh: the flags of a test program, and tests that end badly.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$GORT_SOURCE/tests/testing/twin/testdata" "$work"
cd "$work" || exit 1
unset SAMPLE_FAIL SAMPLE_PANIC SAMPLE_LEAK SAMPLE_HANG SAMPLE_BLOCK

# run CODE ARGS...: the sample's exit code; its output is in $work/out.
run() {
	local want=$1 got
	shift
	timeout 120 "$GORT_BUILD/tests/testing/sample" "$@" >"$work/out" 2>&1
	got=$?
	[ $got = "$want" ] || fail "$*: exit $got, not $want"
}

fail() {
	echo "FAIL: $*" >&2
	cat "$work/out" >&2
	exit 1
}

has() {
	grep -qE -- "$1" "$work/out" || fail "no line like $1"
}

count() { # PATTERN N
	[ "$(grep -cE -- "$1" "$work/out")" = "$2" ] || fail "not $2 lines like $1"
}

run 2 -bogus
has 'not defined: -bogus'
run 2 -count
run 2 -run '('
run 2 -benchtime 0x
run 0 -list 'Bench|Fuzz'
count '^(BenchmarkLoop|BenchmarkCountedN|BenchmarkSub|FuzzBytes|FuzzValues|FuzzKinds)$' 6
run 0 -test.run=Alone -v --count 3
count '^=== RUN   TestAlone$' 3
run 0 -run Alone -v
count 'short' 0
run 0 -run Cleanup -v -short=true
has 'sample.c:[0-9]+: short$'

# All orders occur, one seed gives one order.
for seed in 1 2 3 4 5 6 7 8; do
	run 0 -v -shuffle $seed
	has "^-test.shuffle $seed$"
	grep '^=== RUN   [^/]*$' "$work/out" >>"$work/orders"
	echo >>"$work/orders"
done
[ "$(head -1 "$work/orders")" ] || fail "no tests"
run 0 -v -shuffle 1
grep '^=== RUN   [^/]*$' "$work/out" | cmp -s - <(sed '/^$/q' "$work/orders" | sed '$d') ||
	fail "seed 1 gives two orders"
[ "$(grep -v '^$' "$work/orders" | sort | uniq -c | awk '{print $1}' | sort -u)" = 8 ] ||
	fail "a test is missing in some order"

export SAMPLE_FAIL=1
run 1 -failfast -v -run 'Sub|Alone' -count 2
count '^=== RUN   TestSub$' 1
unset SAMPLE_FAIL

SAMPLE_PANIC=1 run 2 -run 'Panics|Alone'
has '^--- FAIL: TestPanics \(0'
has '^panic: boom \[recovered, repanicked\]$'
has '^goroutine [0-9]+ \[running\]:$'
has 'test_panics'

SAMPLE_HANG=1 run 2 -run Hang -timeout 100ms
has '^panic: test timed out after 0.1s$'
has 'TestHang \('
has 'test_hang\(' # all goroutines follow

SAMPLE_BLOCK=body run 2 -run Block
has '^panic: deadlock: all goroutines in bubble are blocked'
SAMPLE_BLOCK=rest run 2 -run Block
has '^panic: deadlock: main bubble goroutine has exited but blocked goroutines remain'
# Days of virtual time are no time for -timeout, which the clock tells.
run 0 -run Virtual -count 3 -timeout 60s

SAMPLE_LEAK=1 run 1 -run Leak
has 'found unexpected goroutines'
has 'forever\('
run 0 -run Leak

run 0 -run Nothing -bench . -benchtime 50x -benchmem -count 2
tab=$(printf '\t')
mem="$tab +[0-9]+ B/op$tab +[01] allocs/op"
count "^BenchmarkLoop(-[0-9]+)? +$tab +50$tab +[0-9.]+ ns/op$mem\$" 2
has 'MB/s'
run 0 -run Nothing -bench Loop -benchtime 1ms
has '^BenchmarkLoop'
count 'CountedN' 0

run 0 -run Nothing -bench Sub/one -benchtime 3x
count '^BenchmarkSub/one' 1
count '^BenchmarkSub' 1

run 2 -run Nothing -bench Loop -memprofile "$work/none/heap"
has "testing: can't write $work/none/heap: No such file or directory"
run 2 -memprofilerate=-1
run 2 -blockprofilerate=-1
run 2 -mutexprofilefraction=x
run 2 -run Nothing -blockprofile "$work/none/block"
has "testing: can't write $work/none/block: No such file or directory"
if command -v go >/dev/null; then
	run 0 -run Nothing -bench . -benchtime 50x -memprofile heap.pb.gz -memprofilerate=1
	go tool pprof -top heap.pb.gz >"$work/out" 2>&1
	has '^Type: alloc_space$'
	run 0 -run . -blockprofile block.pb.gz -mutexprofile mutex.pb.gz
	for name in block mutex; do
		go tool pprof -top $name.pb.gz >"$work/out" 2>&1
		has '^Type: delay$'
	done
	go tool pprof -top -cum block.pb.gz >"$work/out" 2>&1
	has ' (gort_)?(chan_?recv|select|wg_waitslow)$'
	run 0 -run . -blockprofile block.pb.gz -blockprofilerate=0 -mutexprofile mutex.pb.gz \
		-mutexprofilefraction=0
	go tool pprof -raw block.pb.gz >"$work/out" 2>&1
	count '^ +[0-9]+: 0x' 0
	run 0 -run Nothing -bench . -benchtime 50x -cpuprofile cpu.pb.gz
	go tool pprof -top cpu.pb.gz >"$work/out" 2>&1
	has '^Type: cpu$'
fi
run 2 -run Nothing -cpuprofile "$work/none/cpu"
has "testing: can't write $work/none/cpu: No such file or directory"

run 0 -run Fuzz -v
has '^    --- PASS: FuzzBytes/escapes'
printf 'go test fuzz v1\n[]byte("bad")\n' >testdata/fuzz/FuzzBytes/planted
printf 'go test fuzz v1\nint(3)\n' >testdata/fuzz/FuzzBytes/wrong
run 1 -run Fuzz
has 'FAIL: FuzzBytes/planted'
has 'FAIL: FuzzBytes/wrong'
has 'unmarshal testdata/fuzz/FuzzBytes/wrong: mismatched types'
rm testdata/fuzz/FuzzBytes/{planted,wrong}
printf 'go test fuzz v1\nstring("a")\nint(1)\n' >testdata/fuzz/FuzzValues/few
printf 'go test fuzz v2\n' >testdata/fuzz/FuzzValues/version
run 1 -run FuzzValues
has 'FuzzValues/few: wrong number of values in corpus entry: 2, want 5'
has 'FuzzValues/version: unknown encoding version: go test fuzz v2'
