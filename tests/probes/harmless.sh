#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The promise that a target is never stopped, signalled or written to: strace of gort on a live Go
# process must show none of the calls that could. Planted positive: strace of kill does show one.
set -euo pipefail
calls=ptrace,kill,tgkill,tkill,pidfd_send_signal,process_vm_writev
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
pid=
if ! strace -o /dev/null true 2>/dev/null; then
	echo "SKIP: strace cannot trace here"
	exit 77
fi
target=$GORT_BUILD/gotarget/harmless
mkdir -p "$GORT_BUILD/gotarget"
(cd "$here/gotarget" && CGO_ENABLED=0 go build -ldflags='-s -w' -o "$target" .)
"$target" -n 2000 >"$work/ready" &
pid=$!
for _ in $(seq 200); do
	grep -q ready "$work/ready" && break
	sleep 0.05
done

for verb in "stacks" "stacks --go" "top --once" "top --batch -n 6 -d 20ms" "gc -d 1ms" "chans" \
	"heap" "leaks -n 1" "record -e goroutine -o $work/g.pb.gz" "ps"; do
	who=$pid
	[ "$verb" = ps ] && who=
	# shellcheck disable=SC2086 # the verb is several words
	strace -f -e trace=$calls -o "$work/trace" "$GORT_BUILD/bin/gort" $verb $who >/dev/null ||
		[ $? = 66 ]
	if grep -E "^[0-9]+ +(${calls//,/|})\(" "$work/trace"; then
		echo "gort $verb made a call that touches its target"
		exit 1
	fi
done

strace -f -e trace=$calls -o "$work/trace" bash -c "kill -0 $pid"
grep -q 'kill(' "$work/trace" || { echo "the judge does not see kill()"; exit 1; }
echo "none of $calls in ten commands"
