#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# compile.sh: every example compiles without a warning, with gcc and with clang.
set -u
here=$GORT_SOURCE/tests
flags=(-std=gnu17 -O2 -D_GNU_SOURCE -Wall -Wextra -Werror "-I$GORT_SOURCE/runtime/include")
count=0
for cc in gcc clang-14; do
	command -v $cc >/dev/null || { echo "SKIP: no $cc"; exit 77; }
	for source in "$here"/examples/*.c "$here"/lang/seed/*.c; do
		$cc "${flags[@]}" -S -o /dev/null "$source" || { echo "FAIL: $cc $source"; exit 1; }
		count=$((count + 1))
	done
done
[ $count -ge 30 ] || { echo "FAIL: $count compilations"; exit 1; }
