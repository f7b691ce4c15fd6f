#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# seed.sh: the examples in seed/ compile without a warning with gcc and clang, and print what the
# same examples print in Go; what must end the program ends it in both, with the same line.
set -eu
if ! command -v go >/dev/null; then
	echo "SKIP: no Go in PATH"
	exit 77
fi
here=$GORT_SOURCE/tests/lang/seed
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

# ends NAME ARGUMENT LINE: both programs end with 2 and have this line on stderr.
ends() {
	local program status
	for program in "$work/$1.c" "$work/$1.go"; do
		status=0
		GOMAXPROCS=2 timeout 60 "$program" "$2" >/dev/null 2>"$work/err" || status=$?
		[ $status = 2 ] || fail "$program $2 ends with $status"
		grep -qxF "$3" "$work/err" || fail "$program $2 does not say: $3"
	done
}

for source in "$here"/*.c; do
	name=$(basename "$source" .c)
	(cd "$here/go/$name" && GO111MODULE=off go build -o "$work/$name.go" .)
	"$work/$name.go" >"$work/want"
	for cc in gcc clang-14; do
		command -v $cc >/dev/null || continue
		$cc -std=gnu17 -O2 -g -Wall -Wextra -Wshadow -Werror "$source" -o "$work/$name.c" \
			"-I$GORT_SOURCE/runtime/include" "$GORT_BUILD/lib/libgort.a" -lpthread
		"$work/$name.c" >"$work/have" || fail "$name by $cc fails"
		diff "$work/want" "$work/have" || fail "$name by $cc: not what Go prints"
	done
done
ends 09_maps race "fatal error: concurrent map writes"
ends 17_gotchas range "fatal error: all goroutines are asleep - deadlock!"
