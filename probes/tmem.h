/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tmem.h - memory of a target as its readers see it: a live process, or an image in tests and
 * fuzzers.
 */
#ifndef GORT_PROBES_TMEM_H
#define GORT_PROBES_TMEM_H

#include <stdbool.h>
#include <stddef.h>
#include "probes/probes.h"

struct tmem_read_at {
	taddr at;
	void *buf;
	size_t len;
	bool ok; /* set by readv: all of len was read */
};

struct tmem {
	/* Reads all, in their order; each one wholly or not at all. */
	void (*readv)(void *ctx, struct tmem_read_at *reads, size_t n);
	void *ctx;
	/* Bytes that there are; disjoint objects have no more in all. NULL: nobody knows. */
	uint64_t (*size)(void *ctx);
};

static inline uint64_t tmem_size(const struct tmem *mem)
{
	return mem->size ? mem->size(mem->ctx) : UINT64_MAX;
}

static inline bool tmem_read(const struct tmem *mem, taddr at, void *buf, size_t len)
{
	struct tmem_read_at r = {.at = at, .buf = buf, .len = len};
	mem->readv(mem->ctx, &r, 1);
	return r.ok;
}

#endif
