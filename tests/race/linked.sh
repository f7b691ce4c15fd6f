#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# linked.sh: objects that gcc instrumented, linked with libgort-race.so in the place of libtsan, by
# themselves and under gort-race.
# shellcheck source=tests/race/lib.sh
. "$(dirname "$0")/lib.sh"

gcc -fsanitize=thread -g -O1 -fno-optimize-sibling-calls -Wno-tsan -c "$here/cases.c" 2>err ||
	fail "compile"
gcc cases.o -o cases "$lib" -Wl,-rpath,"$GORT_BUILD/lib" -pthread 2>err || fail "link"
for run in "" "$gort_race"; do
	ends 0 ${run:+"$run"} ./cases counter clean
	finished "$run clean"
	ends 66 ${run:+"$run"} ./cases counter race
	finished "$run race"
	grep -q '^WARNING: ThreadSanitizer: data race' err || fail "no report"
done
grep -q '#0 early_access ' err || fail "early_access is not in the launcher's report"
grep -q '#0 late_access ' err || fail "late_access is not in the launcher's report"
