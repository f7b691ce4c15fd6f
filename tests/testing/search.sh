#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# search.sh: with libFuzzer the input that sample.c fails on is found, written and replayed.
set -u
lib=$(clang-14 -print-file-name=libclang_rt.fuzzer_no_main-x86_64.a 2>/dev/null)
[ -f "$lib" ] || { echo "SKIP: no libFuzzer of clang 14"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-std=gnu17 -O1 -g -fsanitize=fuzzer-no-link -DGORT_LIBFUZZER
	"-I$GORT_SOURCE/runtime/include")
clang-14 "${flags[@]}" "$GORT_SOURCE/tests/testing/sample.c" "$lib" "-L$GORT_BUILD/lib" \
	-l:libgort_start.a -l:libgort.so "-Wl,-rpath,$GORT_BUILD/lib" -lstdc++ -lm -lpthread \
	-o "$work/sample" || exit 1
cd "$work" || exit 1
timeout 200 ./sample -fuzz Bytes -fuzztime 150s >out 2>&1
[ $? = 1 ] || { tail -20 out; echo "FAIL: nothing found"; exit 1; }
found=$(sed -n 's/^ *Failing input written to //p' out)
printf 'go test fuzz v1\n[]byte("bad")\n' | cmp - "$found" || { cat out; exit 1; }
./sample -run Fuzz >out 2>&1 && { echo "FAIL: the replay passes"; exit 1; }
grep -q "FAIL: FuzzBytes/${found##*/}" out || { cat out; exit 1; }

# Several arguments: what is found is told, and fails when it is replayed.
timeout 200 ./sample -fuzz Values -fuzztime 150s >out 2>&1
[ $? = 1 ] || { tail -20 out; echo "FAIL: nothing found for several arguments"; exit 1; }
found=$(sed -n 's/^ *Failing input written to //p' out)
grep -qE '^string\("bad' "$found" || { cat "$found"; exit 1; }
grep -qx 'bool(true)' "$found" || { cat "$found"; exit 1; }
./sample -run FuzzValues >out 2>&1 && { echo "FAIL: the replay passes"; exit 1; }
grep -q "FAIL: FuzzValues/${found##*/}" out || { cat out; exit 1; }
