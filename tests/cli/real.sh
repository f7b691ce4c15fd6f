#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# real.sh CASE - the real `gort` on live processes: what every kind of bad target gets, and each
# command on a Go program built here.
set -u
gort=$GORT_BUILD/bin/gort
check=$GORT_BUILD/bin/json_check
source=$(cd "$(dirname "$0")" && pwd)/real.go
work=$(mktemp -d) || exit 1
name=goreal$$ # unique: the cases run side by side
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$work"' EXIT

fail() {
	echo "FAIL: $*" >&2
	head -n 40 "$work/out" "$work/err" >&2
	exit 1
}

skip() {
	echo "SKIP: $*" >&2
	exit 77
}

# expect CODE COMMAND...
expect() {
	local want=$1 code
	shift
	"$@" >"$work/out" 2>"$work/err"
	code=$?
	[ $code = "$want" ] || fail "$*: exit $code, not $want"
}

# A complete message: what, and at least one of why and try; nothing on standard output.
message() {
	grep -q "^gort: .*$1" "$work/err" || fail "no message with: $1"
	grep -Eq '^  (why|try): ' "$work/err" || fail "neither why nor try"
	[ ! -s "$work/out" ] || fail "something on standard output"
}

printed() {
	grep -Eq -- "$1" "$work/out" || fail "not printed: $1"
}

# Starts a Go program with 40 goroutines in chan receive; sets pid.
go_target() {
	command -v go >/dev/null || skip "no Go toolchain in PATH"
	(cd "$work" && GOFLAGS=-mod=mod GO111MODULE=off go build -o "$name" "$source") ||
		fail "go build"
	"$work/$name" >"$work/ready" &
	pid=$!
	pids+=("$pid")
	for ((i = 0; i < 500; i++)); do
		grep -q ready "$work/ready" && return
		sleep 0.02
	done
	fail "the Go program never got ready"
}

# soon FILE REGEX: waits until a line of the file matches.
soon() {
	for ((i = 0; i < 1500; i++)); do
		grep -Eq -- "$2" "$1" && return
		sleep 0.02
	done
	fail "never in $1: $2"
}

# Starts gort with "$@" on the program that go_target has built; sets mine, and child once gort
# waits for its end.
start_under() {
	"$gort" "$@" -- "$work/$name" >"$work/out" 2>"$work/err" &
	mine=$!
	pids+=("$mine")
	soon "$work/err" '^gort: waiting for .* to end$'
	child=$(sed -n 's/.*waiting for .* (pid \([0-9]*\)) to end$/\1/p' "$work/err")
}

case $1 in
gone)
	sleep 0 &
	pid=$!
	wait $pid
	for command in stacks "top --once" sched "record -e goroutine -o $work/x.pb.gz"; do
		# shellcheck disable=SC2086 # words
		expect 3 "$gort" $command $pid
		message "$pid"
	done
	mkfifo "$work/end"
	bash -c 'cat "$1" & echo $!; exec sleep 60' - "$work/end" >"$work/pid" &
	pids+=($!)
	soon "/proc/$!/comm" '^sleep$' # a shell would still ask for its child's exit code
	zombie=$(head -n 1 "$work/pid")
	: >"$work/end"
	soon "/proc/$zombie/status" '^State:.Z'
	expect 3 "$gort" stacks "$zombie"
	message "$zombie (cat) has ended"
	expect 3 "$gort" stacks no-such-process-name
	message no-such-process-name
	;;
ends)
	# It ends while it is looked at; another one goes on that is called the same.
	go_target
	twin=$pid
	for command in "gc --watch -d 10ms" "top --batch -d 10ms" "sched -d 1000s --without bpf"; do
		"$work/$name" >"$work/ready2" &
		pid=$!
		pids+=("$pid")
		soon "$work/ready2" ready
		# shellcheck disable=SC2086 # words
		"$gort" $command "$pid" >"$work/out" 2>"$work/err" &
		mine=$!
		pids+=("$mine")
		if [ "${command%% *}" = sched ]; then
			soon "/proc/$mine/syscall" '^271 ' # ppoll: between two looks
		else
			soon "$work/out" '[0-9]'
		fi
		kill -KILL "$pid"
		wait "$mine"
		code=$?
		[ $code = 3 ] || fail "$command: exit $code, not 3"
		grep -q "^gort: pid $pid ($name) has ended" "$work/err" || fail "no message"
		grep -q "^  try:  pid $twin      ($name as well)" "$work/err" || fail "not: $twin"
	done
	;;
notgo)
	sleep 60 &
	pids+=($!)
	for command in stacks "top --once" sched; do
		# shellcheck disable=SC2086 # words
		expect 5 "$gort" $command $!
		message "$!"
	done
	;;
permission)
	[ "$(id -u)" = 0 ] || skip "needs root to become another user"
	go_target
	chmod 755 "$work"
	for command in stacks "top --once" "sched --without bpf"; do
		# shellcheck disable=SC2086 # words
		expect 4 setpriv --reuid 65534 --regid 65534 --clear-groups "$gort" $command "$pid"
		message "$pid"
		grep -q '^  try: ' "$work/err" || fail "no remedy"
	done
	expect 0 setpriv --reuid 65534 --regid 65534 --clear-groups "$gort" stacks --help
	;;
usage)
	expect 2 "$gort" stakcs 1
	message stakcs
	grep -q 'gort stacks' "$work/err" || fail "no hint"
	expect 2 "$gort" stacks --frob 1
	message frob
	expect 2 "$gort" stacks
	message target
	expect 2 "$gort" stacks --host-proc "$work/nowhere" 1
	message nowhere
	expect 5 "$gort" stacks "$work/"
	grep -q 'why:  it is a directory' "$work/err" || fail "no directory"
	expect 3 "$gort" stacks no/such
	message 'no file and no process'
	expect 0 "$gort" --help
	printed 'No rebuild, no agent, no restart'
	;;
stacks)
	go_target
	expect 0 "$gort" stacks "$pid"
	printed '^40 goroutines \[chan receive, .*ids [0-9 ]+\.\.\.\]:$'
	printed '^main\.waiter\('
	printed '^created by main\.main in goroutine 1$'
	expect 0 "$gort" stacks "$name" --by state
	expect 0 "$gort" stacks --go "$pid"
	printed '^goroutine 1 gp=0x[0-9a-f]+ m=nil \[sleep(, [0-9]+ minutes)?\]:$'
	[ "$(grep -c '^main\.waiter(' "$work/out")" = 40 ] || fail "not 40 waiters"
	expect 0 "$gort" stacks --json "$pid"
	"$check" gort.stacks/1 0 "pid=$pid" groups.0.count=40 'groups.0.state="chan receive"' \
		<"$work/out" || fail "JSON"
	;;
look)
	go_target
	expect 0 "$gort" ps
	printed " $pid |^$pid "
	printed "$name\$"
	expect 0 "$gort" top --once "$pid"
	printed '^GOR   4[0-9] '
	printed 'chan 40'
	printed '^ALLOC .* now [0-9.]+[KM]'
	printed '^ +3  sync\.Mutex\.Lock .* seems held by goroutine [0-9]+ \(main\.hold\)$'
	expect 0 "$gort" top --once --leaks "$pid"
	printed '^! +40  chan receive .* leak: no sender reachable$'
	expect 0 "$gort" top --once --json "$pid"
	"$check" gort.top/1 0 "pid=$pid" goroutines.chan=40 <"$work/out" || fail "JSON"
	expect 0 "$gort" sched --without bpf -d 1ms "$pid"
	printed '^P     [0-9]+ '
	;;
started)
	go_target
	start_under stacks --json
	soon "$work/err" '^ready$' # not among the data
	"$check" gort.stacks/1 0 "pid=$child" 'kind="go"' <"$work/out" || fail "JSON"
	kill "$mine" # goes on to the command, whose end gort awaits
	wait "$mine"
	[ $? = 143 ] || fail "not the command's exit code"
	[ ! -e "/proc/$child" ] || fail "the command is still there"
	start_under record -e goroutine -o "$work/g.pb.gz"
	soon "$work/out" '^ready$'
	go tool pprof -raw "$work/g.pb.gz" >"$work/raw" 2>&1 || fail "go tool pprof"
	kill -KILL "$mine"
	for ((i = 0; i < 1500; i++)); do
		readlink "/proc/$child/exe" >/dev/null || break # none of a zombie either
		sleep 0.02
	done
	! readlink "/proc/$child/exe" >/dev/null || fail "gort was killed and left the command"
	expect 3 "$gort" stacks -- sh -c 'exit 7'
	message 'ended before gort looked'
	grep -q 'exit code is 7$' "$work/err" || fail "no exit code"
	expect 127 "$gort" top --once -- no-such-command
	expect 2 "$gort" stacks --
	message 'no command after --'
	expect 2 "$gort" stacks 1 -- true
	message "one word too many: 'true'"
	expect 2 "$gort" stacks --after 1s 1
	message '--after goes with'
	;;
doctor)
	go_target
	"$gort" doctor "$pid" >"$work/out" 2>"$work/err" # its code depends on this machine
	printed "^ok    target    $name \\(pid $pid\\), go1\\."
	printed '^ok    figures '
	expect 1 "$gort" doctor $$
	printed "^FAIL  target .*$$"
	;;
record)
	go_target
	expect 0 "$gort" record -e goroutine -o "$work/g.pb.gz" "$pid"
	go tool pprof -raw "$work/g.pb.gz" >"$work/out" 2>&1 || fail "go tool pprof"
	printed ' 40: '
	printed 'main\.waiter'
	[ "$(find "$work" -name 'g.pb.gz*' | wc -l)" = 1 ] || fail "a temporary file is left"
	rm "$work/$name" # as an upgrade does
	expect 0 "$gort" record -e goroutine -o "$work/g.pb.gz" "$pid"
	go tool pprof -top "$work/g.pb.gz" >"$work/out" 2>&1 || fail "go tool pprof"
	printed "^File: $name\$"
	expect 0 "$gort" stacks "$pid"
	printed "^gort stacks  $name \\(pid $pid\\)"
	;;
*)
	fail "no case $1"
	;;
esac
