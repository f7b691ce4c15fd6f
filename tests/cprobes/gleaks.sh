#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# gleaks.sh: gort-leak on programs on libgort (gleaks.c, which ends where its input does): classes,
# every form of report, suppressions and baselines.
set -u
leak=$GORT_BUILD/bin/gort-leak
program=$GORT_BUILD/bin/gleaks-static
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

fail() {
	cat "$tmp"/* >&2
	echo "FAIL: $*" >&2
	exit 1
}

# gives CODE NAME [OPTION...]: gort-leak on that scene; its report is in $tmp/err.
gives() {
	local want=$1 name=$2 code=0
	shift 2
	"$leak" "$@" -- "$program" "$name" >"$tmp/out" 2>"$tmp/err" </dev/null || code=$?
	[ $code = "$want" ] || fail "$name $*: $code, not $want"
}

said() {
	grep -q "$1" "$tmp/${2-err}" || fail "not said in ${2-err}: $1"
}

# Those that will block in a moment are waited for, as the gate in the library does.
program=$GORT_BUILD/examples/leak gives 66 "" --fail-on unreachable
said 'leaked \[chan send, .*\], unreachable:$'
gives 66 registered --fail-on unreachable
said 'goroutines\? leaked \[chan receive, .*\], unreachable:$'
said 'created by leaks'
gives 0 registered --fail-on blocked-forever
gives 66 locks --fail-on unreachable-likely
said 'unreachable-likely:$'
gives 66 registered --fail-on extra
said 'left over'
gives 9 registered --fail-on unreachable --exit-code 9
gives 66 registered --json -o "$tmp/json"
said '"class":"unreachable"' json
gives 66 registered --goleak
said 'found unexpected goroutines'
gives 66 registered --sarif "$tmp/sarif" --junit "$tmp/junit" --github
said '"gort/leak-chan-receive"' sarif
said '<failure message="' junit
said '^::error '
gives 0 registered --ignore "any:^waits$"
gives 66 registered --ignore "any:^nobody$"
printf 'leak:waits # known\nany:^nobody$ # gone\n' >"$tmp/suppressions"
gives 0 registered -v --suppressions "$tmp/suppressions"
said 'nobody'
gives 0 cockroach2448 --baseline "$tmp/base" --update-baseline
gives 0 cockroach2448 --baseline "$tmp/base"
gives 66 typed --baseline "$tmp/base" --ignore "created:^leaks$"
