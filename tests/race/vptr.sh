#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# vptr.sh: vptr.cc as each compiler builds it, under gort-race.
# shellcheck source=tests/race/lib.sh
. "$(dirname "$0")/lib.sh"

for cc in g++ clang++-14; do
	command -v "$cc" >/dev/null || continue
	"$cc" -fsanitize=thread -g -O1 -fno-optimize-sibling-calls -pthread -o vptr \
		"$here/vptr.cc" 2>err || fail "$cc"
	ends 0 "$gort_race" ./vptr object clean
	finished "$cc, clean"
	silent "$cc"
	ends 66 "$gort_race" ./vptr object race
	finished "$cc, race"
	grep -qF 'data race on vptr (ctor/dtor vs virtual call)' err || fail "$cc: title"
	[ "$(grep -c '^WARNING' err)" = 1 ] || fail "$cc: not one report"
	grep -q '#[0-9] use' err || fail "$cc: the call is not in the report"
	grep -q '#[0-9] Base::~Base()' err || fail "$cc: the destructor is not in the report"
done
exit 0
