#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# json.sh COMMAND - the JSON of a command, parsed by jansson, with the values it must hold.
set -u
PATH=$GORT_BUILD/tests/cli/bin:$GORT_BUILD/bin:$PATH
child=$GORT_BUILD/tests/cli/child/child_tsan
export GORT_LIBDIR="$GORT_BUILD/tests/cli/lib"
cd "$(dirname "$0")" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

# expect CODE SCHEMA LINES COMMAND... :: CHECK...
expect() {
	want=$1 schema=$2 lines=$3
	shift 3
	words=
	while [ "$1" != :: ]; do
		words="$words $1"
		shift
	done
	shift
	$words >"$work/json"
	code=$?
	[ $code = "$want" ] || fail "$words: exit $code, not $want"
	json_check "$schema" "$lines" "$@" <"$work/json" || fail "$words"
}

case $1 in
ps)
	expect 0 gort.ps/1 0 gort ps --json :: processes.0.pid=4121 processes.0.goroutines=12481 \
		processes.4.goroutines=null 'processes.4.command="vault\u001B[2J"' \
		'processes.1.kind="gort"' processes.0.stripped=true
	expect 0 gort.ps/1 5 gort ps -f ndjson :: pid=4151
	FAKE_EMPTY=1 expect 1 gort.ps/1 0 env FAKE_EMPTY=1 gort ps --json -q :: 'processes=[]'
	;;
stacks)
	expect 0 gort.stacks/1 0 gort stacks --json 4121 :: goroutines=16 shown=14 \
		groups.0.count=8 'groups.0.state="chan send"' groups.0.wait_max_ns=7764000000000 \
		'groups.0.stack.2.func="example.com/shop/feed.(*Hub).push"' \
		groups.0.stack.2.inlined=true groups.0.goroutines.7.id=4718 \
		'groups.0.goroutines.0.waiting_on="0xc000123000"' \
		'groups.0.created_by.line=88' groups.1.wait_median_ns=null
	expect 0 gort.stacks/1 5 gort stacks -f ndjson --by state 4121 :: pid=4121 count=1
	expect 0 gort.stacks/1 0 gort stacks --json --id 4713 4121 :: shown=1 \
		groups.0.goroutines.0.id=4713
	;;
top)
	expect 0 gort.top/1 0 gort top --once --json --host-proc proc -d 0 4121 :: pid=4121 \
		goroutines.chan=11 goroutines.total=14 sched.steals_per_s=null \
		gc.cycles_per_s=2 gc.limit_bytes=2147483648 groups.0.count=8 cpu_cores=0
	expect 0 gort.top/1 3 gort top --batch -n 3 -d 1ms -f ndjson 4121 :: cpu_cores=null
	;;
sched)
	expect 0 gort.sched/1 0 gort sched --json -d 1ms 4121 :: latency.waits=150 \
		latency.p50_ns=2048 latency.wait_max_ns=1500000 latency.threads.0.tid=4122 \
		latency.threads.0.log2_ns.12=49 gomaxprocs=4 steals=null
	expect 0 gort.sched/1 1 gort sched -f ndjson --without bpf 4121 :: latency=null
	;;
race)
	expect 66 gort.race/1 0 gort race -f json -o - -- "$child" find 0x1001 0x2001 \
		find 0x2001 0x1001 find 0x1001 0x1001 :: count=2 repeats=1 \
		'findings.0.pair=["reader","store"]' 'findings.0.stacks.0.access="write"' \
		findings.0.stacks.1.frames.1.line=20 'findings.1.pair=["reader","reader"]'
	expect 0 gort.race/1 0 gort race -f json -o - -- "$child" :: count=0
	expect 66 gort.race/1 1 gort race -f ndjson -o - "$child" find 0x1001 0x2001 :: \
		'kind="data race"'
	;;
*)
	fail "no case $1"
	;;
esac
