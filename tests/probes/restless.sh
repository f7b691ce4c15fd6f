#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# restless.sh CASE - restless.py itself.
#
# looks    some looks at every way of being restless, and it ends when its time is over
# TERM     ended by that signal in the middle, it leaves no program behind
# KILL     nor by this one
set -u
here=$(cd "$(dirname "$0")" && pwd)
gort=$GORT_BUILD/bin/gort
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

fail() {
	echo "FAIL: $*" >&2
	cat "$work/out" >&2
	exit 1
}

built=$("$here/build-target.sh" 1.26.8 stripped) || fail "the target does not build"
cp "$built" "$work/restless-target" # a name that no other test's programs have

# running: whether programs of this test are there.
running() {
	find /proc -mindepth 2 -maxdepth 2 -name exe -lname "$work/restless-target*" 2>/dev/null |
		grep -q .
}

until_true() {
	local end=$((SECONDS + 60))
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.02
	done
}

none() { ! running; }

if [ "$1" = looks ]; then
	"$here/restless.py" "$gort" 5 "$work/restless-target" >"$work/out" 2>&1 ||
		fail "ended with $?"
	grep -q '^[1-9][0-9]* looks, 0 bad$' "$work/out" || fail "no looks"
	none || fail "programs are left"
	exit 0
fi
"$here/restless.py" "$gort" 1000 "$work/restless-target" >"$work/out" 2>&1 &
python=$!
until_true running || fail "no program started"
kill "-$1" $python
wait $python
until_true none || fail "programs are left after SIG$1"
