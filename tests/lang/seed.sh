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

# A sanitized libgort.a is for programs that are, too, by the same compiler.
flags=(-std=gnu17 -O2 -g -Wall -Wextra -Wshadow -Werror "-I$GORT_SOURCE/runtime/include")
compilers=(gcc clang-14)
if grep -q '^GORT_SANITIZE:BOOL=ON' "$GORT_BUILD/CMakeCache.txt"; then
	flags+=(-fsanitize=address -fsanitize=undefined)
	compilers=("$CC")
fi

for source in "$here"/*.c; do
	name=$(basename "$source" .c)
	(cd "$here/go/$name" && GO111MODULE=off go build -o "$work/$name.go" .)
	"$work/$name.go" >"$work/want"
	for cc in "${compilers[@]}"; do
		command -v "$cc" >/dev/null || continue
		"$cc" "${flags[@]}" "$source" "$GORT_BUILD/lib/libgort.a" -lpthread \
			-o "$work/$name.c"
		"$work/$name.c" >"$work/have" || fail "$name by $cc fails"
		diff "$work/want" "$work/have" || fail "$name by $cc: not what Go prints"
	done
done
ends 09_maps race "fatal error: concurrent map writes"
ends 17_gotchas range "fatal error: all goroutines are asleep - deadlock!"
