/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_goheap.c - the input is the memory of a Go process with a heap (tests/probes/goheapimage.h):
 * spans, types, variables, goroutines and what they wait for are read from it, and judged.
 */
#include <stdlib.h>
#include "probes/goleak.h"
#include "tests/probes/goheapimage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gomemory memory = {data, size};
	struct target t;
	struct gotarget g;
	struct goleaker l;
	struct probe_leaks leaks;
	const char *why;
	goheapimage_open(&g, &t, &memory);
	goleaker_init(&l, &g);
	if (!goleaker_pass(&l, &leaks, &why)) {
		if (leaks.n > leaks.goroutines)
			__builtin_trap();
		goleaks_intersect(&leaks, &leaks);
		free(leaks.v);
	}
	goleaker_free(&l);
	return 0;
}
