#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# interface.sh PROGRAM: what a program asks of the runtime itself, interface.c, under gort-race and
# with the library alone.
# shellcheck source=tests/race/lib.sh
. "$(dirname "$0")/lib.sh"
program=$1
need=$(readelf -d "$program" | sed -n 's/.*NEEDED.*\[\(lib.*tsan.*\)\]/\1/p')
alone=(env "LD_PRELOAD=$lib${need:+:$GORT_BUILD/lib/gort-race/$need}" "$program")

for run in "$gort_race $program" "${alone[*]}"; do
	read -ra run <<<"$run"
	ends 0 "${run[@]}" heap
	finished heap
	silent heap
	ends 0 "${run[@]}" names
	finished names
	grep -q '^    #0 __sanitizer_print_stack_trace ' err || fail "no stack"
	grep -q '^    #1 outer ' err || fail "the caller is not in it"
	grep -qx 'SUMMARY: of its own' err || fail "no summary"
	ends 66 "${run[@]}" death
	finished death
	races 1
	grep -qx 'at death' err || fail "no callback"
	ends 66 "${run[@]}" object
	races 1
	TSAN_OPTIONS=halt_on_error=1 ends 66 "${run[@]}" death
	grep -qx 'at death' err || fail "no callback where the first report ends it"
	ends 66 "${run[@]}" file "$work/log"
	finished file
	grep -q '^WARNING: ThreadSanitizer: data race' log.* || fail "no report in the file"
	rm log.*
done
ends 0 "$gort_race" "$program" names
grep -q '^    #1 outer .*interface.c:[0-9]' err || fail "no line in the stack"
grep -q '^.*interface.c:[0-9]' out || fail "no line for a pc"
