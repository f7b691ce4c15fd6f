#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# screen.sh CASE - the full screen of `gort top` in a real terminal (tmux) over the made-up
# processes of fake_probes.c: what is drawn, what the keys do, and that the terminal is given
# back. Whole screens are compared with screens/; GOLDEN_UPDATE=1 rewrites them.
set -u
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
sock=$work/tmux
PATH=$GORT_BUILD/tests/cli/bin:$PATH
unset NO_COLOR TMUX GORT_WITHOUT
export TERM=xterm
command -v tmux >/dev/null || { echo "SKIP: no tmux" && exit 77; }
trap 'tmux -S "$sock" kill-server 2>/dev/null; rm -rf "$work"' EXIT

screen() {
	tmux -S "$sock" capture-pane -p 2>/dev/null
}

fail() {
	echo "FAIL: $*" >&2
	screen >&2
	cat "$work"/out "$work"/log >&2 2>/dev/null
	exit 1
}

# until_true COMMAND...: waits for it, for at most 20 s.
until_true() {
	local end=$((SECONDS + 20))
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

drawn() { # PATTERN
	screen | grep -Eq -- "$1"
}

shows() {
	until_true drawn "$1" || fail "not on the screen: $1"
}

absent() {
	! drawn "$1"
}

press() {
	tmux -S "$sock" send-keys "$@"
}

flag() { # NAME VALUE
	[ "$(tmux -S "$sock" display -p "#{$1}")" = "$2" ]
}

# start COLS ROWS COMMAND: the command runs in the terminal, then its exit code is in $work/code.
start() {
	printf '%s\n' "cd $work || exit" "stty -g >before" "$3" 'echo $? >code' "stty -g >after" \
		'echo over' 'exec sleep 100' >"$work/run"
	(cd "$here" && tmux -u -S "$sock" -f /dev/null new-session -d -x "$1" -y "$2" \
		"exec bash $work/run") 2>"$work/log" || fail "tmux does not start"
}

top="gort top -d 1h --host-proc $here/proc 4121"

# The terminal is as it was, and the exit code is CODE.
given_back() {
	until_true test -s "$work/after" || fail "gort did not end"
	[ "$(cat "$work/code")" = "$1" ] || fail "exit $(cat "$work/code"), not $1"
	cmp -s "$work/before" "$work/after" || fail "the terminal's modes are not restored"
	until_true flag alternate_on 0 || fail "still on the alternate screen"
	until_true flag cursor_flag 1 || fail "the cursor is still hidden"
}

# The second refresh is there, and the next one is an hour away.
settled() {
	shows 'cycles 1,205'
}

matches() { # FILE
	screen | sed -E -e 's/[0-9]{2}:[0-9]{2}:[0-9]{2}/HH:MM:SS/' -e 's/cost +[0-9.]+%/cost N%/' \
		>"$work/out"
	[ -z "${GOLDEN_UPDATE:-}" ] || cp "$work/out" "$here/screens/$1"
	diff -u "$here/screens/$1" "$work/out" || fail "the screen is not screens/$1"
}

gort_pid() {
	pgrep -P "$(tmux -S "$sock" display -p '#{pane_pid}')" -x gort
}

case $1 in
table)
	start 80 24 "$top"
	settled
	matches 80x24.txt
	press q
	given_back 0
	;;
wide)
	start 200 50 "$top"
	settled
	matches 200x50.txt
	press q
	given_back 0
	;;
resize)
	start 80 24 "$top"
	settled
	tmux -S "$sock" resize-window -x 200 -y 50
	shows 'OLDEST'
	matches 200x50.txt
	tmux -S "$sock" resize-window -x 30 -y 5
	shows 'gort top needs 40x10'
	tmux -S "$sock" resize-window -x 80 -y 24
	shows '^  COUNT  STATE'
	matches 80x24.txt
	press q
	given_back 0
	;;
group)
	start 80 24 "$top"
	settled
	press Enter
	shows 'example.com/shop/feed.\(\*Hub\).push'
	matches group.txt
	press Escape
	shows '^  COUNT  STATE'
	press Down Enter
	shows '^3 goroutines \[chan receive\]'
	press Escape
	shows '^  COUNT  STATE'
	press q
	given_back 0
	;;
pages)
	start 80 24 "$top"
	settled
	press m
	shows '^allocated in all'
	press t
	shows '^ +TID +NAME'
	press '?'
	shows '^enter +stacks of the selected group'
	press c
	shows 'WAITS ON'
	shows '8  chan send .* 0xc000123000'
	press g
	shows 'g:all'
	press s
	shows 's:wait'
	press f
	shows 'FROZEN'
	press f
	shows 'non-stop'
	press C-c
	given_back 0
	;;
leaks)
	start 200 50 "$top"
	settled
	press l
	shows '^! +8  chan send .*3 leak: no receiver reachable'
	press Enter
	shows '^8 goroutines .*3 leak: no receiver reachable'
	press q
	given_back 0
	;;
filter)
	start 80 24 "$top"
	settled
	press / h u b x
	shows ' /hubx_'
	shows 'no goroutine matches hubx'
	press BSpace Enter
	shows '^ +8  chan send'
	until_true absent '^ +3  chan receive' || fail "the filter hides nothing"
	press / Escape
	shows '^ +3  chan receive'
	press q
	given_back 0
	;;
files)
	start 80 24 "FAKE_CPU=1 $top"
	settled
	press w
	shows 'wrote gort-checkout-4121-[0-9]+\.json'
	"$GORT_BUILD/bin/json_check" gort.stacks/1 0 pid=4121 groups.0.count=8 \
		<"$(echo "$work"/gort-checkout-*.json)" || fail "JSON"
	press r
	shows 'records for 10s where CPU time goes'
	press r
	shows 'wrote gort-checkout-4121-[0-9]+\.pb\.gz: where CPU time went'
	gzip -t "$work"/gort-checkout-*.pb.gz || fail "not gzip"
	press q
	given_back 0
	;;
record)
	# What q cuts short is written all the same; where the kernel gives none, goroutines are.
	start 80 24 "FAKE_CPU=1 $top 2>log"
	settled
	press r
	shows 'records for 10s where CPU time goes'
	press Down
	shows 'r:STOP'
	press q
	given_back 0
	grep -q '^gort: wrote gort-checkout-4121-[0-9]*\.pb\.gz: where CPU time went' "$work/log" ||
		fail "not told"
	gzip -t "$work"/gort-checkout-*.pb.gz || fail "not gzip"
	tmux -S "$sock" kill-server
	rm -f "$work"/{before,after,code} "$work"/gort-checkout-*
	sock=$work/tmux2
	start 80 24 "FAKE_CPU=1 GORT_WITHOUT=perf $top"
	settled
	press r
	shows 'wrote gort-checkout-4121-[0-9]+\.pb\.gz: goroutines'
	gzip -t "$work"/gort-checkout-*.pb.gz || fail "not gzip"
	press q
	given_back 0
	;;
gone)
	start 80 24 "FAKE_GONE=1 gort top -d 100ms --host-proc none 4121 2>log"
	shows 'the process has ended'
	shows '\[ENDED'
	press q
	given_back 3
	grep -q '^gort: the process has ended' "$work/log" || fail "no message"
	tmux -S "$sock" kill-server
	rm -f "$work"/{before,after,code,log}
	sock=$work/tmux2
	start 80 24 "FAKE_CPU=1 FAKE_GONE=60 gort top -d 100ms --host-proc none 4121 2>log"
	shows '^  COUNT  STATE'
	press r
	shows 'the process has ended.*; wrote gort-checkout'
	gzip -t "$work"/gort-checkout-*.pb.gz || fail "not gzip"
	press q
	given_back 3
	;;
signals)
	for sig in INT:0 TERM:0 HUP:0 SEGV:139 ABRT:134; do
		rm -f "$work"/{before,after,code}
		sock=$work/tmux.${sig%:*}
		start 80 24 "ASAN_OPTIONS=handle_segv=0:handle_abort=0 $top"
		settled
		kill -"${sig%:*}" "$(gort_pid)"
		given_back "${sig#*:}"
		tmux -S "$sock" kill-server
	done
	;;
suspend)
	start 80 24 "set -m; $top; echo stopped; read -r _; fg >/dev/null"
	settled
	pid=$(gort_pid)
	press C-z
	until_true grep -q '^State:.*stopped' "/proc/$pid/status" || fail "not stopped"
	until_true flag alternate_on 0 || fail "stopped on the alternate screen"
	press Enter
	until_true flag alternate_on 1 || fail "not back after fg"
	shows '^  COUNT  STATE'
	press q
	given_back 0
	;;
*)
	fail "no case $1"
	;;
esac
