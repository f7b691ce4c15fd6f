#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# cc.sh stores|driver|stamp|returned|storm: gort-cc with each compiler that is here.
#   stores    every form of a store is logged, at each optimization
#   driver    what a compiler takes as arguments
#   stamp     which outputs are stamped, and what libgort makes of it
#   returned  gcc's stores without a hook are found
#   storm     nothing is lost that plain stores change while others mark
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
here=$GORT_SOURCE/tests/cc
cc=$GORT_BUILD/bin/gort-cc
compilers=()
for name in gcc clang-14; do
	command -v $name >/dev/null && compilers+=("$name")
done
cd "$work" || exit 1

fail() {
	echo "FAIL: $GORT_CC: $*" >&2
	[ -s err ] && cat err >&2
	exit 1
}

try() { # COMMAND...
	"$@" 2>err || fail "$*"
}

expect() { # TEXT COMMAND...
	local text=$1 out
	shift
	out=$("$@" 2>err) || fail "$*: exit $?"
	[ "$out" = "$text" ] || fail "$*: '$out', not '$text'"
}

stores() {
	local level
	"$GORT_CC" -O2 "-I$GORT_SOURCE/runtime/include" -c "$here/fake.c" || fail "fake.c"
	ar rc libgort.a fake.o
	for level in -O0 -O1 -O2 '-O3 -march=x86-64-v3' -Os '-O2 -fPIC -fno-plt' '--race -O2'; do
		# shellcheck disable=SC2086 # words
		try "$cc" $level -Wall -Wextra -fno-strict-aliasing "$here/stores.c" \
			"$here/values.c" libgort.a -o stores
		case $level in *x86-64-v3) grep -q avx2 /proc/cpuinfo || continue ;; esac
		./stores || fail "stores at $level"
	done
	# The test sees stores that have no hook.
	try "$GORT_CC" -O2 -fno-strict-aliasing "-I$GORT_SOURCE/runtime/include" "$here/stores.c" \
		"$here/values.c" libgort.a -o stores
	./stores >/dev/null && fail "stores without hooks pass"
}

driver() {
	cp "$here/mode.c" "$here/other.c" .
	try "$cc" -O2 -c mode.c
	try "$cc" -O2 -c -o named.o -MD -MF named.d other.c
	grep -q 'named.o:' named.d || fail "named.d"
	try "$cc" mode.o -o a
	expect barrier ./a
	try "$cc" mode.c
	expect barrier ./a.out
	try "$cc" -g -DCALLS_OTHER mode.c other.c -oboth
	expect barrier ./both
	try "$cc" -E mode.c -o mode.i
	grep -q gort_main mode.i || fail "-E"
	try "$cc" -S mode.c
	grep -q gort_gcmode mode.s || fail "-S"
	echo '-DCALLS_OTHER "mode.c" -o' "'from response'" >args
	echo 'named.o' >>args
	try "$cc" @args
	expect barrier './from response'
	ar rc libother.a named.o
	try "$cc" -DCALLS_OTHER mode.c -L. -lother -o archive
	expect barrier ./archive
	try "$cc" -DCALLS_OTHER -static mode.c other.c -o allstatic
	expect barrier ./allstatic
	try "$cc" -x c - -o stdin <mode.c
	expect barrier ./stdin
	"$cc" nosuchfile.c 2>err && fail "a missing file"
	grep -q nosuchfile err || fail "a missing file, without a message"
	echo 'int x = ;' >bad.c
	"$cc" -c bad.c 2>err && fail "a bad file"
	"$cc" --version | grep -qiE 'gcc|clang' || fail "--version"
}

cxx() {
	GORT_CXX=${GORT_CC/clang-14/clang++-14}
	GORT_CXX=${GORT_CXX/gcc/g++}
	export GORT_CXX
	command -v "$GORT_CXX" >/dev/null || return 0
	cat >c.cc <<-'END'
		#include <gort/gort.h>
		#include <cstring>
		struct node { node *next; long n[9]; };
		static node *head;
		int gort_main(int, char **)
		{
			static node a{}, b{};
			head = &a;
			a.next = &b;
			std::memcpy(&b, &a, sizeof(a));
			return head->next->next == &b ? 0 : 1;
		}
	END
	try "$GORT_BUILD/bin/gort-c++" -O2 c.cc -o c
	expect '' ./c
}

stamp() {
	cp "$here/mode.c" "$here/other.c" .
	try "$GORT_CC" -c other.c -o plain.o
	try "$cc" --gort-verbose -DCALLS_OTHER mode.c plain.o -o withplain
	grep -q 'withplain is not stamped: plain.o' err || fail "does not say why"
	expect "kernel the program" ./withplain
	expect barrier env GORT_GCMODE=barrier ./withplain
	expect stw env GORT_GCMODE=stw ./withplain
	ar rc libplain.a plain.o
	try "$cc" -DCALLS_OTHER mode.c libplain.a -o plainarchive
	expect "kernel the program" ./plainarchive
	try "$cc" mode.c libplain.a -o unused # no member of it is linked
	expect barrier ./unused
	try "$cc" -shared -fPIC other.c -o libstamped.so
	try "$cc" -DCALLS_OTHER mode.c ./libstamped.so -o withlibrary
	expect barrier ./withlibrary
	try "$GORT_CC" -shared -fPIC other.c -o libstamped.so # an older build of it
	expect "kernel libstamped.so" ./withlibrary
	try "$cc" -DCALLS_OTHER mode.c ./libstamped.so -o withlibrary
	expect "kernel the program" ./withlibrary
	try "$cc" -flto mode.c -o lto
	expect "kernel the program" ./lto
	try "$cc" mode.c -o alone
	expect "kernel libstamped.so" env LD_PRELOAD=./libstamped.so ./alone
}

returned() {
	local bad flags
	[ "$GORT_CC" = gcc ] || return 0
	echo 'void *one(void *v) { return v; }' >one.c
	for flags in -O0 -O2; do
		for bad in 0 1 2 3 4; do
			try "$cc" --gort-verbose $flags -DBAD=$bad -c "$here/returned.c"
			if readelf -SW returned.o | grep -q note.gort.cc; then
				[ $bad = 0 ] || fail "BAD=$bad $flags has the note"
			else
				[ $bad != 0 ] || fail "$flags: no note, though all have hooks"
				grep -q 'no barrier' err || fail "says nothing"
			fi
		done
	done
}

storm() {
	local procs
	try "$cc" -O2 -fno-strict-aliasing -DPLAIN "$GORT_SOURCE/tests/runtime/gc_storm.c" -o storm
	for procs in 1 2; do
		GORT_GOMAXPROCS=$procs GOGC=15 \
			GORT_DEBUG=clobberfree=1,gccheckmark=1,preempt=100us \
			./storm 4 8000 $procs 500 >/dev/null 2>err || fail "storm with $procs Ps"
	done
}

for GORT_CC in "${compilers[@]}"; do
	export GORT_CC
	case $1 in
	stores | stamp | returned | storm) "$1" ;;
	driver) driver && cxx ;;
	esac
	rm -rf ./*
done
