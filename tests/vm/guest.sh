#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# guest.sh CASE: what needs a machine of its own, in one (scripts/vm). It changes settings of the
# whole system, so it runs nowhere else. Finds the build in GORT_BUILD.
#   connections [N]  N connections (100000) held by one process: libgort and Go
#   thp              a million parked goroutines under each setting of huge pages: libgort and Go
#   overcommit       strict overcommit: what fits works, what does not is refused
#   runtime          the tests of libgort in which the kernel has a part; 5 GB of memory
#   probes           gort on live programs; then again without the kernel's type information (BTF)
# Exit status: 0 passed, 1 failed.
set -u
grep -q 'gort\.vm=1' /proc/cmdline || {
	echo "guest.sh: run it by scripts/vm" >&2
	exit 1
}
cd "$GORT_SOURCE" || exit 1
failed=0

check() {
	"$@" || failed=1
}

# tests CTEST-ARGUMENT...: their limits of time are for a CPU ten times as fast.
tests() {
	find "$GORT_BUILD" -name CTestTestfile.cmake -exec sed -i -E 's/(TIMEOUT "[0-9]+)/\10/' {} +
	CK_TIMEOUT_MULTIPLIER=10 check ctest --test-dir "$GORT_BUILD" --output-on-failure "$@"
}

million() {
	echo "$1" >/sys/kernel/mm/transparent_hugepage/enabled || exit 1
	echo "transparent_hugepage: $(cat /sys/kernel/mm/transparent_hugepage/enabled)"
	check scripts/bench --build "$GORT_BUILD" --no-peers --procs 1 --rounds 1 \
		--only parked_bytes_1m
}

probes() {
	tests -R '^(tools|test_(runqlat|gort|cunwind|symbolize|gosnap)|debug_usdt|cli_real)'
	tests -R '^probes\.go1\.2[46]\.stripped'
}

uname -sr
case $1 in
connections)
	# A message on its way costs a page at either end: more than TCP may have by default.
	sysctl -w net.ipv4.tcp_mem='1000000 1000000 1000000'
	# Timers of that many connections expire at once and send more packets than lo queues by
	# default; what it drops is sent again, at once, when the next timers expire, and so on.
	sysctl -w net.core.netdev_max_backlog=1000000
	check tests/net/soak100k "${2-100000}"
	;;
thp)
	for mode in never madvise always; do
		million $mode
	done
	;;
overcommit)
	sysctl -w vm.overcommit_memory=2
	check tests/runtime/limits.sh overcommit
	tests -R '^(runtime\.limits\.|runtime_stack|runtime_proc\.)'
	;;
runtime)
	# Not those that judge compilers, models, or instruction by instruction: no kernel is in it.
	tests -L '^runtime$' -LE '^(go|slow)$' \
		-E '^runtime\.(compile|gc_inject|gc_mutants|libgcc|escape_clean)'
	;;
probes)
	ls /sys/kernel/btf
	probes
	mount -t tmpfs none /sys/kernel/btf
	probes
	;;
*)
	echo "guest.sh: no case '$1'" >&2
	exit 1
	;;
esac
exit $failed
