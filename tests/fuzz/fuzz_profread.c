/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_profread.c - the input is a profile, compressed or not. */
#include <stdlib.h>
#include <string.h>
#include "cli/profread.h"

static void sample(void *ctx, const char *func, int64_t value)
{
	*(size_t *)ctx += strlen(func) + (value != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t sum = 0, len;
	struct profread r = {.ctx = &sum, .sample = sample};
	uint8_t *raw;
	if (!profread_gunzip(data, size, &raw, &len)) {
		profread(&r, raw, len);
		free(raw);
	}
	profread(&r, data, size);
	return 0;
}
