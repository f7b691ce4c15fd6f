#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# search.sh: with libFuzzer the input that sample.c fails on is found, written and replayed; and the
# search begins with what FUZZ_ADD and the corpus give (begins.c).
set -u
lib=$(clang-14 -print-file-name=libclang_rt.fuzzer_no_main-x86_64.a 2>/dev/null)
[ -f "$lib" ] || { echo "SKIP: no libFuzzer of clang 14"; exit 77; }
work=$(mktemp -d)
export TMPDIR=$work
trap 'rm -rf "$work"' EXIT
flags=(-std=gnu17 -O1 -g -fsanitize=fuzzer-no-link -DGORT_LIBFUZZER
	"-I$GORT_SOURCE/runtime/include")
for name in sample begins; do
	clang-14 "${flags[@]}" "$GORT_SOURCE/tests/testing/$name.c" "$lib" "-L$GORT_BUILD/lib" \
		-l:libgort_start.a -l:libgort.so "-Wl,-rpath,$GORT_BUILD/lib" -lstdc++ -lm \
		-lpthread -o "$work/$name" || exit 1
done
cd "$work" || exit 1
timeout 200 ./sample -run '^$' -fuzz Bytes -fuzztime 150s >out 2>&1
[ $? = 1 ] || { tail -20 out; echo "FAIL: nothing found"; exit 1; }
found=$(sed -n 's/^ *Failing input written to //p' out)
printf 'go test fuzz v1\n[]byte("bad")\n' | cmp - "$found" || { cat out; exit 1; }
./sample -run Fuzz >out 2>&1 && { echo "FAIL: the replay passes"; exit 1; }
grep -q "FAIL: FuzzBytes/${found##*/}" out || { cat out; exit 1; }

# Several arguments: what is found is told, and fails when it is replayed.
timeout 200 ./sample -run '^$' -fuzz Values -fuzztime 150s >out 2>&1
[ $? = 1 ] || { tail -20 out; echo "FAIL: nothing found for several arguments"; exit 1; }
found=$(sed -n 's/^ *Failing input written to //p' out)
grep -qE '^string\("bad' "$found" || { cat "$found"; exit 1; }
grep -qx 'bool(true)' "$found" || { cat "$found"; exit 1; }
./sample -run FuzzValues >out 2>&1 && { echo "FAIL: the replay passes"; exit 1; }
grep -q "FAIL: FuzzValues/${found##*/}" out || { cat out; exit 1; }

# As in Go all tests run first, and one that fails ends it.
timeout 200 ./sample -fuzz Kinds -fuzztime 150s >out 2>&1
[ $? = 1 ] || { cat out; exit 1; }
grep -q "FAIL: FuzzValues/${found##*/}" out || { cat out; exit 1; }

mkdir -p testdata/fuzz/FuzzFiled
printf 'go test fuzz v1\nstring("of a file")\n' >testdata/fuzz/FuzzFiled/one
for name in Added Filed; do
	timeout 200 ./begins -fuzz $name -fuzztime 150s >out 2>&1
	[ $? = 1 ] || { tail -20 out; echo "FAIL: $name"; exit 1; }
	grep -q ': again$' out || { cat out; exit 1; }
	found=$(sed -n 's/^ *Failing input written to //p' out)
	rm "$found"
done
ls gort-fuzz-* >/dev/null 2>&1 && { echo "FAIL: what it began with is left behind"; exit 1; }
./begins -fuzz . >out 2>&1
[ $? = 1 ] || { cat out; exit 1; }
grep -q 'matches more than one fuzz test: \[FuzzAdded FuzzFiled\]$' out || { cat out; exit 1; }
exit 0
