#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# gotchas.sh: each wrong form in gotchas.c is found by the tool for it, which names the place; what
# Go's runtime ends a program for ends it here with the same line.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
here=$GORT_SOURCE/tests/examples
flags=(-std=gnu17 -O1 -g -Wall -Wextra -Wshadow -Werror "-I$GORT_SOURCE/runtime/include")

fail() {
	echo "FAIL: $*" >&2
	[ -s "$work/out" ] && head -60 "$work/out" >&2
	exit 1
}

# build NAME FLAGS...
build() {
	local name=$1
	shift
	gcc "${flags[@]}" "$@" "$here/gotchas.c" "$GORT_BUILD/lib/libgort.a" -lpthread \
		-o "$work/$name" 2>"$work/out" || fail "$name is not built"
}

# found CODE COMMAND... -- PATTERN...: it ends with this code, and has a line like each pattern.
found() {
	local want=$1 code command=()
	shift
	while [ "$1" != -- ]; do
		command+=("$1")
		shift
	done
	shift
	timeout 120 "${command[@]}" >"$work/out" 2>&1
	code=$?
	[ $code = "$want" ] || fail "${command[*]}: exit $code, not $want"
	for pattern; do
		grep -qE -- "$pattern" "$work/out" || fail "${command[*]}: no line like $pattern"
	done
}

# One P: nobody runs before main waits, so the accesses come in the order that is wrong.
race() {
	found 66 env GORT_GOMAXPROCS=1 "$GORT_BUILD/bin/gort-race" "$work/raced" "$1" -- \
		'WARNING: ThreadSanitizer: data race' "#[0-9]+ $2 .*gotchas\\.c:[0-9]+"
}

build plain -DGORT_VET
build raced -fsanitize=thread
race race_publish publish
race race_shared modify
race race_loop use
race race_add adds_inside
race race_alias extend

found 66 env GORT_LEAKCHECK=1 "$work/plain" leak_send -- '^found unexpected goroutines:$' \
	'in state chan send \(unreachable\), with answers on top'
found 66 env GORT_LEAKCHECK=1 "$work/plain" leak_range -- '^found unexpected goroutines:$' \
	'in state chan receive.*, with ranges on top'
found 0 env GORT_DEBUG=escapecheck=1 "$work/plain" escape_local -- \
	'^gort: a pointer to a finished frame of a goroutine is in a global variable' \
	'of kept in' 'escape_local .*gotchas\.c:[0-9]+'
found 0 "$work/plain" vet_nil -- '^nil: false$' 'gotchas\.c:[0-9]+: .*it holds a nil \*failure'
found 2 "$work/plain" fatal_nilmap -- '^panic: assignment to entry in nil map$'
found 2 "$work/plain" fatal_range -- '^fatal error: all goroutines are asleep - deadlock!$'
found 2 "$work/plain" fatal_closed -- '^panic: send on closed channel$'

# The same program is not accused where it is right.
found 0 "$GORT_BUILD/bin/gort-race" "$work/raced" none --
found 0 env GORT_LEAKCHECK=1 GORT_DEBUG=escapecheck=1 "$work/plain" none --
[ -s "$work/out" ] && fail "accused without a wrong form"
exit 0
