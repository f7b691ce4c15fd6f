#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# aslr.sh: programs of each compiler work wherever the kernel puts them: with as few and as many
# random bits of addresses as it can. The setting is the whole machine's, so it is put back.
# shellcheck source=tests/race/lib.sh
. "$(dirname "$0")/lib.sh"
setting=/proc/sys/vm/mmap_rnd_bits
before=$(cat $setting 2>/dev/null) || skip "this kernel has no vm.mmap_rnd_bits"
{ echo "$before" >$setting; } 2>/dev/null || skip "vm.mmap_rnd_bits cannot be set here"
trap 'echo "$before" >$setting; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
# Also when this test is killed: programs with gcc's AddressSanitizer hang with 32 bits.
# shellcheck disable=SC2016 # they are that shell's own
setsid bash -c 'while kill -0 "$0"; do sleep 0.2; done; echo "$1" >"$2"' \
	$$ "$before" "$setting" </dev/null >/dev/null 2>&1 &

build() { # NAME COMPILER FLAG...
	"$2" -fsanitize=thread -g -O1 -fno-optimize-sibling-calls -pthread "${@:3}" -o "$1" \
		"$here/cases.c" 2>err || fail "$*"
	programs+=("$1")
}

programs=()
build gcc_pie gcc -pie -fPIE
build gcc_fixed gcc -no-pie
if clang=$(compiler clang clang-14); then
	build clang_pie "$clang" -pie -fPIE
	build clang_fixed "$clang" -no-pie
	build clang_shared "$clang" -shared-libsan
fi
go= # it has no position-independent programs with -race
if command -v go >/dev/null; then
	go=go_race
	go build -race -o $go "$here/go_cases.go" 2>err || fail "go"
fi

ran=0
for bits in 28 32; do
	{ echo $bits >$setting; } 2>err || continue # more than this kernel has
	ran=$((ran + 1))
	for _ in 1 2 3; do
		for program in "${programs[@]}"; do
			ends 0 "$gort_race" "./$program" counter clean
			silent "$program, $bits bits"
			ends 66 "$gort_race" "./$program" counter race
			races 1
		done
		for program in $go; do
			GORACE=atexit_sleep_ms=0 ends 0 "$gort_race" "./$program" atomics clean
			silent "$program, $bits bits"
			GORACE=atexit_sleep_ms=0 ends 66 "$gort_race" "./$program" atomics race
			grep -q '^WARNING: DATA RACE' err || fail "$program, $bits bits: no report"
		done
	done
done
[ $ran -gt 0 ] || skip "vm.mmap_rnd_bits takes neither 28 nor 32"
exit 0
