/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_corpus.c - files of a fuzz corpus: what is taken is never longer than its text, and a
 * mistake has a reason. The text ends where its memory does.
 */
#include "testing/corpus.h"

#include <stdlib.h>
#include <string.h>

#include "mem/malloc.h"

static void *given; /* by the heap that corpus.c asks */

void *mallocgc_noscan(size_t size)
{
	given = malloc(size);
	if (!given)
		abort();
	return given;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *why = NULL;
	size_t got = 0;
	char *text = malloc(size + 1);
	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	text = realloc(text, size ? size : 1);
	uint8_t *value = corpus_decode(text, size, &got, &why);
	if (value ? got >= size : !why)
		abort();
	free(given);
	free(text);
	return 0;
}
