#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# libgcc.sh: libgort calls no function of the compiler's own library. In a program linked with
# libgort.a such a function is the program's text, so a goroutine could be preempted in it, in the
# middle of the runtime. Planted: a division of 128 bits is seen.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# helpers OBJECT: what it takes from libgcc.a.
helpers() {
	comm -12 <(nm -u "$1" | sed -n 's/^ *U //p' | sort -u) \
		<(nm --defined-only "$("${CC}" -print-libgcc-file-name)" 2>/dev/null |
			sed -n 's/^[0-9a-f]* T //p' | sort -u)
}

echo 'unsigned __int128 f(unsigned __int128 a, unsigned __int128 b) { return a / b; }' >"$work/a.c"
"$CC" -O2 -c "$work/a.c" -o "$work/a.o"
[ "$(helpers "$work/a.o")" = __udivti3 ] || { echo "the planted call is not seen"; exit 1; }
found=$(helpers "$GORT_BUILD/lib/libgort.a")
[ -z "$found" ] || { echo "libgort calls $found"; exit 1; }
