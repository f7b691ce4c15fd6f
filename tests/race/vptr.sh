#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# vptr.sh: vptr.cc as each compiler builds it, under gort-race.
set -u
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset TSAN_OPTIONS GORT_RACE GORACE

fail() {
	echo "FAIL: $*"
	cat out err
	exit 1
}

# expect CODE FORM
expect() {
	local got
	timeout 60 "$GORT_BUILD/bin/gort-race" ./vptr object "$2" >out 2>err
	got=$?
	[ $got -eq "$1" ] || fail "$compiler, $2: exit $got, not $1"
	grep -q '^done$' out || fail "$compiler, $2: did not finish"
}

: >out
for compiler in g++ clang++-14; do
	command -v "$compiler" >/dev/null || continue
	"$compiler" -fsanitize=thread -g -O1 -fno-optimize-sibling-calls -pthread -o vptr \
		"$here/vptr.cc" 2>err || fail "$compiler"
	expect 0 clean
	[ ! -s err ] || fail "$compiler: not silent"
	expect 66 race
	grep -qF 'data race on vptr (ctor/dtor vs virtual call)' err || fail "$compiler: title"
	[ "$(grep -c '^WARNING' err)" = 1 ] || fail "$compiler: not one report"
	grep -q '#[0-9] use' err || fail "$compiler: the call is not in the report"
	grep -q '#[0-9] Base::~Base()' err || fail "$compiler: the destructor is not in the report"
done
exit 0
