# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the tests of gort-race share. Source it first: it goes to a directory that is removed at the
# end, or to $GORT_BUILD/<IN>.* where IN is set, and takes the detector's options away.
set -u
# shellcheck disable=SC2034 # the tests use these
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034
gort_race=$GORT_BUILD/bin/gort-race lib=$GORT_BUILD/lib/libgort-race.so
work=$(mktemp -d ${IN:+"$GORT_BUILD/$IN.XXXXXX"}) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset TSAN_OPTIONS UBSAN_OPTIONS GORT_RACE GORACE GITHUB_STEP_SUMMARY GORT_FINDING_FD
: >out
: >err

skip() {
	echo "skip: $*"
	exit 77
}

fail() {
	echo "FAIL: $*"
	head -n 60 out err
	exit 1
}

# ends CODE COMMAND...: it ends so, in PATIENCE seconds; what it says is in out and err.
ends() {
	local code=$1 got
	shift
	timeout "${PATIENCE:-60}" "$@" >out 2>err
	got=$?
	[ $got -eq "$code" ] || fail "$*: exit $got, not $code"
}

finished() { # WHAT
	grep -q '^done' out || fail "$1: did not finish"
}

# races N: so many reports of data races in err.
races() {
	[ "$(grep -c '^WARNING: ThreadSanitizer: data race' err)" = "$1" ] || fail "not $1 reports"
}

silent() { # WHAT
	[ ! -s err ] || fail "$1: not silent"
}

# The first of the compilers that there is.
compiler() {
	local c
	for c in "$@"; do
		command -v "$c" && return
	done
	return 1
}
