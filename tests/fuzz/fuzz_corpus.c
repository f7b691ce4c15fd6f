/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_corpus.c - files of a fuzz corpus: what is taken is written as a file that gives the same
 * again, and so are the bytes that a fuzzer begins with. The text ends where its memory does.
 */
#include "testing/corpus.h"

#include <stdlib.h>

#include "fuzz_heap.h"

static const struct gort_fuzztype *const bytes[] = {&gort_fuzz_bytes, NULL},
					 *const texts[] = {&gort_fuzz_string, &gort_fuzz_int, NULL},
					 *const numbers[] = {&gort_fuzz_bool, &gort_fuzz_u8,
						 &gort_fuzz_i32, &gort_fuzz_f64, NULL};

static void again(string text, const struct gort_fuzztype *const *types)
{
	union gort_fuzzvalue args[GORT_FUZZ_MOST], same[GORT_FUZZ_MOST];
	if (corpus_decode(text, types, args))
		return;
	string file = corpus_encode(types, args);
	if (corpus_decode(file, types, same) || !str_equal(corpus_encode(types, same), file))
		abort();
}

static void split(const uint8_t *data, size_t size, const struct gort_fuzztype *const *types)
{
	union gort_fuzzvalue args[GORT_FUZZ_MOST], same[GORT_FUZZ_MOST];
	corpus_split(data, size, types, args);
	string file = corpus_encode(types, args);
	again(file, types);
	gort_bytes joined = corpus_join(types, args);
	corpus_split(joined.ptr, (size_t)joined.len, types, same);
	if (!str_equal(corpus_encode(types, same), file))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	string text = str_unsafe(data, (isize)size);
	again(text, bytes);
	again(text, texts);
	again(text, numbers);
	split(data, size, texts);
	split(data, size, numbers);
	fuzz_heap_reset();
	return 0;
}
