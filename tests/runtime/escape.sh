#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# escape.sh: the check for pointers to finished frames accuses no example and no stress model.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# clean COMMAND...
clean() {
	timeout 120 "$@" >"$work/out" 2>"$work/err"
	silent "$*"
}

silent() { # WHAT
	if grep -q '^gort: a pointer' "$work/err"; then
		echo "FAIL: $1" >&2
		cat "$work/err" >&2
		exit 1
	fi
}

# A server, whose goroutines pass on pointers to their stacks, with work to do.
served() {
	coproc DEMO { exec "$GORT_BUILD/examples/demo" 2>"$work/err"; }
	local server=$DEMO_PID address
	if ! read -r -t 60 _ _ address <&"${DEMO[0]}" ||
		! timeout 120 "$GORT_BUILD/examples/gort-load" demo "$address" --conns 8 \
			--seconds 60 --messages 20000 >"$work/out"; then
		echo "FAIL: demo does not work" >&2
		cat "$work/err" "$work/out" >&2
		exit 1
	fi
	kill "$server"
	wait "$server"
	silent demo
}

export ASAN_OPTIONS=detect_leaks=0
for example in hello fan leak leak_fixed seed seed_runtime seed_testing; do
	GORT_DEBUG=escapecheck=1,gcstress=1 clean "$GORT_BUILD/examples/$example"
done
for procs in 1 2 8; do
	GORT_DEBUG=escapecheck=1 GORT_GOMAXPROCS=$procs \
		clean "$GORT_BUILD/tests/runtime/stress" 1 $procs
done
GORT_DEBUG=escapecheck=1,gcstress=1 served
