#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# gdb.sh live|core|stripped|autoload DIRECTORY OF VICTIMS: what gdb says of the goroutines with
# gort-gdb.py: of a live program, of its core file, of a static one without any symbols, and when it
# is to find the script by itself.
set -eu
how=$1
programs=$2
script=$GORT_SOURCE/scripts/gort-gdb.py
if ! gdb -nx -batch -ex "python print(1)" >/dev/null 2>&1; then
	echo "SKIP: no gdb with Python"
	exit 77
fi
tmp=$(mktemp -d)
victim_pid=
trap 'kill $victim_pid 2>/dev/null || true; rm -rf "$tmp"' EXIT
# mprotect guards: gdb's generate-core-file cannot read past the other kind.
export ASAN_OPTIONS=detect_leaks=0 GORT_GOMAXPROCS=1 GORT_DEBUG=stackguard=1
ulimit -f 4000000

fail() {
	echo "gdb: $*" >&2
	cat "$tmp"/out >&2
	exit 1
}

expect() { # PATTERN, over lines
	grep -Pzoq "$1" "$tmp"/out || fail "nothing like: $1"
}

stand() { # VICTIM: starts it, all its goroutines parked
	coproc "$1" stand
	victim_pid=$COPROC_PID
	read -r -t 30 _ <&"${COPROC[0]}" || fail "the victim does not stand"
}

# The same with symbols and lines, wherever the picture comes from.
frame() { # FUNCTION
	printf '%s' "#[0-9]+ +(0x[0-9a-f]+ in )?$1 \\([^\\n]*\\) at [^\\n]*victim\\.c:[0-9]+\\n"
}

expect_goroutines() {
	expect ' 1 +sleep +sleeper \(\) at [^\n]*victim\.c:[0-9]+\n'
	expect ' 2 +chan receive +"feeder" feeder \(\) at [^\n]*victim\.c:[0-9]+\n'
	local inner='\n(#[^\n]*\n)*'
	expect 'goroutine 1 \[sleep\]:'"$inner$(frame sleeper)$(frame stand)$(frame gort_main)"
	expect 'goroutine 2 \[chan receive, name "feeder"\]:'"$inner$(frame feeder)"
	expect '#[0-9]+ +(0x[0-9a-f]+ in )?goexit \(\) at [^\n]*asm_amd64\.S:[0-9]+\n'
	# A frame may be looked into, and afterwards the thread is what it was.
	expect '[$]1 = 0x0\n'
	expect 'thread frame is back'
}

questions=(-ex "info goroutines" -ex "goroutine all" -ex "goroutine 1 frame function stand"
	-ex "goroutine 1 frame apply all -q -s p profile"
	-ex 'python if gdb.selected_frame() == gdb.newest_frame(): print("thread frame is back")')

ask() { # GDB'S ARGUMENTS...
	gdb -nx -batch "$@" >"$tmp"/out 2>&1 </dev/null || true
	! grep -q 'Python Exception\|Error occurred' "$tmp"/out || fail "an error in the script"
}

case $how in
live)
	stand "$programs"/debug_victim
	ask -p "$victim_pid" -ex "source $script" "${questions[@]}" -ex "goroutine 77"
	expect_goroutines
	expect 'No goroutine has the number 77'
	kill -0 "$victim_pid" || fail "the program is gone"
	;;
core)
	stand "$programs"/debug_victim
	ask -p "$victim_pid" -ex "generate-core-file $tmp/core"
	[ "$(stat -c %s "$tmp"/core)" -lt 2000000000 ] || fail "the core has the reserved space"
	ask "$programs"/debug_victim "$tmp"/core -ex "source $script" "${questions[@]}"
	expect_goroutines
	;;
stripped)
	strip -o "$tmp"/stripped "$programs"/debug_victim_static
	stand "$tmp"/stripped
	ask -p "$victim_pid" -ex "source $script" -ex "info goroutines" -ex "goroutine 2"
	expect ' 1 +sleep +0x[0-9a-f]+ \(\)\n'
	expect ' 2 +chan receive +"feeder" 0x[0-9a-f]+ \(\)\n'
	expect 'name "feeder"\]:\n(#[0-9]+ +0x[0-9a-f]+ in [? ]*\(\)\n)+'
	;;
autoload)
	stand "$programs"/debug_victim
	ask -iex "add-auto-load-safe-path $GORT_BUILD/lib" -p "$victim_pid" -ex "info goroutines"
	expect ' 2 +chan receive +"feeder" feeder \(\)'
	;;
esac
