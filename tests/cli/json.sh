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
heap)
	expect 0 gort.heap/1 0 gort heap --json 4121 :: kinds.2.type=\"main.node\" \
		kinds.1.size=null kinds.0.live_objects=3000 bytes=395264 not_marked=null
	expect 0 gort.heap/1 0 env FAKE_UNMARKED=1 gort heap --json 4121 :: \
		kinds.0.live_objects=null live_bytes=null
	;;
ps)
	expect 0 gort.ps/1 0 gort ps --json :: processes.0.pid=4121 processes.0.goroutines=12481 \
		processes.4.goroutines=null 'processes.4.command="vault\u001B[2J"' \
		'processes.1.kind="gort"' processes.0.stripped=true
	expect 0 gort.ps/1 5 gort ps -f ndjson :: pid=4151
	FAKE_EMPTY=1 expect 1 gort.ps/1 0 env FAKE_EMPTY=1 gort ps --json -q :: 'processes=[]'
	;;
leaks)
	expect 66 gort.leaks/1 0 gort leaks --json 4121 :: looks=3 leaked=3 \
		'sites.0.class="unreachable"' sites.0.count=3 sites.0.goroutines.0.id=4711 \
		'sites.0.goroutines.0.waits_for="0xc000123000"' \
		'sites.0.stack.2.func="example.com/shop/feed.(*Hub).push"'
	expect 0 gort.leaks/1 0 gort leaks --json 4141 :: leaked=0 'sites=[]'
	expect 66 gort.leaks/1 0 gort leaks --json --freeze --held 4121 :: looks=1 \
		held_still_ns=125000000 held.0.count=5 'held.0.held_by.0.name="main.hub"' \
		held.0.held_by.1.goroutine=21 'held.0.held_by.2.by="variable"'
	expect 0 gort.leaks/1 0 gort leaks --json --ignore Hub -q 4121 :: leaked=0 \
		'sites.0.status="suppressed"'
	;;
stacks)
	expect 0 gort.stacks/1 0 gort stacks --json --locals --id 18 4121 :: \
		'groups.0.goroutines.0.locals.0.name="jobs"' \
		'groups.0.goroutines.0.locals.0.func="main.worker"' \
		'groups.0.goroutines.0.locals.1.value=null' \
		'groups.0.goroutines.0.locals.1.why="optimized away here"' \
		'groups.0.goroutines.0.locals_moved=false'
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
		sched.runq_longest=31 sched.runq_longest_p=2 gc.cpu_percent=35 \
		gc.pause_a_cycle_ns=0 gc.last_stops_ns.0=41000 gc.last_stops_ns.1=63000 \
		gc.heap_marked_bytes=432013312 \
		gc.cycles_per_s=2 gc.limit_bytes=2147483648 groups.0.count=8 cpu_cores=0
	expect 0 gort.top/1 3 gort top --batch -n 3 -d 1ms -f ndjson --host-proc none 4121 :: \
		cpu_cores=null
	;;
doctor)
	gort doctor --json 4121 >"$work/json" # whether it fails depends on the machine
	json_check gort.doctor/1 0 'findings.0.name="kernel"' 'findings.7.name="target"' \
		'findings.7.verdict="ok"' findings.7.fix=null <"$work/json" || fail doctor
	expect 1 gort.doctor/1 0 gort doctor --json 4151 :: 'findings.7.verdict="fail"' \
		'findings.7.fix="sudo gort stacks 4151"'
	;;
diff)
	gort stacks --json --id 18,4711 -o "$work/a" 4121 && gort stacks --json -o "$work/b" 4121
	expect 0 gort.diff/1 0 gort diff --json "$work/a" "$work/b" :: before=2 after=14 \
		'of="stacks"' rows.0.before=1 rows.0.after=8 'rows.0.state="chan send"' \
		'rows.0.blocked_at="feed.(*Hub).push hub.go:131"'
	gort record -e goroutine -o "$work/a.pb.gz" 4122 &&
		gort record -e goroutine -o "$work/b.pb.gz" 4121
	expect 0 gort.diff/1 0 gort diff --json "$work/a.pb.gz" "$work/b.pb.gz" :: before=1 \
		after=14 'of="profiles"' 'type="goroutine"' 'unit="count"' rows.0.after=13 \
		'rows.0.func="runtime.gopark"'
	;;
sched)
	expect 0 gort.sched/1 0 gort sched --json -d 1ms 4121 :: latency.waits=150 \
		latency.p50_ns=2048 latency.wait_max_ns=1500000 latency.threads.0.tid=4122 \
		latency.threads.0.log2_ns.12=49 gomaxprocs=4 steals=null ready.count=1011 \
		ready_in_window.count=10 ready_in_window.p50_ns=10240 ps.2.runq=30 ps.3.tid=null \
		runq_global=6 cgo_calls=7 preempts=40 ps.2.runs_percent=100 ps.3.runs_percent=0
	expect 0 gort.sched/1 1 gort sched -f ndjson --without bpf 4121 :: latency=null
	;;
chans)
	expect 0 gort.chans/1 0 gort chans --json 4145 :: waiting=16 'deadlocks=[]' \
		objects.0.held_by=null objects.0.locked_by_stranger=null \
		possible_deadlocks.0.0.goroutine=60 possible_deadlocks.0.1.goroutine=61 \
		'possible_deadlocks.0.1.waits_for="0xc000300000"' objects.0.waits.8.goroutine=4718 \
		objects.0.waits.0.goroutine=1 'objects.0.element="*feed.Event"' \
		objects.4.locked=true objects.4.seem_to_hold=[60] objects.6.counter=7
	;;
gc)
	expect 0 gort.gc/1 0 gort gc --json -d 0 4121 :: cycles=1225 cycles_per_s=50 \
		goal_bytes=442499072 gogc_percent=-1 pauses.p50_ns=10240 pauses.buckets.0.0=8192 \
		cpu_ns.assist=2200000000 allocs_per_s=1000000.0 \
		'explanation="collecting 50x/s: live 92 % of the memory limit"'
	expect 0 gort.gc/1 3 gort gc --watch -n 3 -d 1ms -f ndjson 4121 :: marking=0
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
