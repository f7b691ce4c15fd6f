/* SPDX-License-Identifier: BSD-2-Clause */
/* mstats.c - how much was ever allocated (Go's mstats.go). */
#include "mem/malloc.h"
#include "mem/mheap.h"
#include "sched/runtime2.h"

static void addcache(const struct mcache *c, uint64_t *objects, uint64_t *bytes)
{
	*objects += c->nlarge + c->tinyallocs;
	*bytes += c->largebytes;
	for (unsigned i = 0; i < NSPANCLASS; i++) {
		const struct mspan *s = c->alloc[i];
		uint64_t n = c->nsmall[i] + (s ? s->allocCount - s->allocCountBefore : 0);
		*objects += n;
		*bytes += n * sizeclasses.size[i % NSIZECLASS];
	}
}

void memcounts(uint64_t *objects, uint64_t *bytes)
{
	*objects = *bytes = 0;
	for (int32_t i = 0, n = load_acq(&nallp); i < n; i++)
		addcache(&allp[i]->mcache, objects, bytes);
}
