/* SPDX-License-Identifier: BSD-2-Clause */
/* gotype.h - which words of a value of a Go type are pointers (internal/abi.Type), by address. */
#ifndef GORT_PROBES_GOTYPE_H
#define GORT_PROBES_GOTYPE_H

#include "gotarget.h"

struct gotype {
	uint64_t size, ptrbytes;
	bool known;      /* the rest is valid: else every word of the value may be a pointer */
	uint64_t mask[]; /* a bit for each word up to ptrbytes */
};

/* Types seen so far. */
struct gotypes {
	const struct gotarget *g;
	/* Of libgort instead: a type from the heap, NULL when out of memory. */
	struct gotype *(*read)(const void *ctx, uint64_t addr);
	const void *ctx;
	uint64_t most; /* bytes that a value may have */
	struct pcmap by_addr;
	uint64_t n, unknown;
};

/* The type at an address, read once. NULL when out of memory. */
const struct gotype *gotype_get(struct gotypes *types, uint64_t addr);
void gotypes_free(struct gotypes *types);

#endif
