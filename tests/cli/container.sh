#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# container.sh CASE - gort and a Go program in different pid and mount namespaces.
#
# outside   from the host, by the pid it has there; the pid it has inside gets a hint
# inside    from within its namespace
# hostproc  from a namespace of its own, through the host's procfs
# root      the program's file exists in its own mount namespace only
set -u
case=$1
here=$(cd "$(dirname "$0")" && pwd)
gort=$GORT_BUILD/bin/gort
name=gobox$$ # the cases run side by side: another name and another pid inside for each
inner=$((3990000 + $$ % 9000))
work=$(mktemp -d) || exit 1
trap 'kill $(cat "$work"/pid* 2>/dev/null) 2>/dev/null; wait; rm -rf "$work"' EXIT

fail() {
	echo "FAIL: $*" >&2
	cat "$work/out" "$work/err" >&2
	exit 1
}

skip() {
	echo "SKIP: $*"
	exit 77
}

touch "$work/out" "$work/err"
command -v go >/dev/null || skip "no Go toolchain in PATH"
unshare -pfm --mount-proc true 2>/dev/null || skip "no permission to make namespaces"
(cd "$work" && GO111MODULE=off go build -o "$name" "$here/real.go") || fail "go build"

# until_true COMMAND...: waits for it, for at most 20 s.
until_true() {
	local end=$((SECONDS + 20))
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

# The pid on the host of the process that has pid $1 in the namespace whose first process is $2.
outer_of() {
	local status
	for status in /proc/[0-9]*/status; do
		awk -v inner="$1" -v want="$name" '/^Pid:/ { pid = $2 } /^Name:/ { name = $2 }
			/^NSpid:/ && NF > 2 && $NF == inner && name == want { print pid }' \
			"$status" 2>/dev/null
	done
}

# contain PROGRAM [COMMAND]: starts it in namespaces of its own, where it has the pid $inner, after
# the command. Sets outer, its pid here.
contain() {
	: >"$work/ready"
	unshare --kill-child -pfm --mount-proc bash -c "${2:-true} || exit
		echo $((inner - 1)) >/proc/sys/kernel/ns_last_pid && $1 >$work/ready; exit" \
		2>"$work/err" &
	echo $! >"$work/pid1"
	until_true grep -q ready "$work/ready" || fail "the program does not start"
	outer=$(outer_of $inner)
	[ "$outer" ] || fail "not found from outside"
	echo "$outer" >"$work/pid2"
}

waiters() {
	grep -q '^40 goroutines \[chan receive' "$work/out" || fail "not the 40 waiters"
}

case $case in
outside)
	contain "$work/$name"
	"$gort" stacks "$outer" >"$work/out" 2>"$work/err" || fail "stacks"
	waiters
	"$gort" doctor "$outer" >"$work/out" 2>"$work/err"
	grep -q "(pid $outer, $inner inside its container)" "$work/out" || fail "no inner pid"
	[ -e /proc/$inner ] && exit 0 # somebody has that pid here: no hint is due
	"$gort" stacks $inner >"$work/out" 2>"$work/err"
	[ $? = 3 ] || fail "the inner pid is no pid here"
	grep -q "pid $outer .*$name, pid $inner inside its container" "$work/err" || fail "no hint"
	;;
inside)
	contain "$work/$name"
	enter=(nsenter -t "$outer" -p -m "$gort")
	"${enter[@]}" stacks $inner >"$work/out" 2>"$work/err" || fail "stacks"
	waiters
	"${enter[@]}" top --once "$name" >"$work/out" 2>"$work/err" || fail "top"
	grep -q "(pid $inner)" "$work/out" || fail "not by name"
	;;
hostproc)
	contain "$work/$name"
	mkdir "$work/host"
	unshare -m bash -c "mount --bind /proc $work/host &&
		unshare -pf --mount-proc $gort stacks --host-proc $work/host $outer &&
		unshare -pf --mount-proc $gort top --once --host-proc $work/host $outer &&
		unshare -pf --mount-proc $gort ps --host-proc $work/host" \
		>"$work/out" 2>"$work/err" || fail "through the host's procfs"
	waiters
	grep -q 'chan 40' "$work/out" || fail "top"
	grep -Eq "^ *$outer .*go1\..*$name\$" "$work/out" || fail "ps"
	# The same without the procfs: the pid is another's, or nobody's.
	unshare -pf --mount-proc "$gort" stacks "$outer" >"$work/out" 2>"$work/err"
	[ $? = 3 ] || fail "found without the host's procfs"
	;;
root)
	mkdir "$work/root"
	contain "$work/root/$name" "mount -t tmpfs none $work/root && cp $work/$name $work/root/"
	[ ! -e "$work/root/$name" ] || fail "the file is visible here"
	"$gort" stacks "$outer" >"$work/out" 2>"$work/err" || fail "stacks"
	waiters
	"$gort" record -q -e goroutine -o "$work/g.pb.gz" "$outer" 2>"$work/err" || fail "record"
	;;
*)
	fail "no case $case"
	;;
esac
exit 0
