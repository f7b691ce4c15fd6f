/* SPDX-License-Identifier: BSD-2-Clause */
/* mcache.c - the slow side of a P's cache of spans (Go's mcache.go, malloc.go nextFree). */
#include "mem/mgc.h"
#include "mem/mheap.h"
#include "sched/race.h"

static void refillAllocCache(struct mspan *s, uint32_t word)
{
	s->allocCache = ~s->bits[word].alloc;
}

uint32_t nextFreeIndex(struct mspan *s)
{
	uint32_t index = s->freeindex;
	while (index < s->nelems && s->allocCache == 0) {
		index = (index + 64) & ~63u;
		if (index < s->nelems)
			refillAllocCache(s, index / 64);
	}
	if (index < s->nelems)
		index += (uint32_t)__builtin_ctzll(s->allocCache);
	if (index >= s->nelems) {
		s->freeindex = s->nelems;
		return s->nelems;
	}
	uint32_t next = index + 1;
	s->allocCache = next % 64 ? ~s->bits[next / 64].alloc >> next % 64 : 0;
	if (next % 64 == 0 && next < s->nelems)
		refillAllocCache(s, next / 64);
	s->freeindex = next;
	return index;
}

/* What was allocated from s while c had it. */
static void count(struct mcache *c, const struct mspan *s)
{
	c->nsmall[SPANCLASS(s->sizeclass, s->kind)] += s->allocCount - s->allocCountBefore;
}

/* All that is free in s, which is what will be handed out. */
static void forgetfree(const struct mspan *s)
{
	for (uint32_t i = s->freeindex; i < s->nelems; i++)
		if (!(s->bits[i / 64].alloc >> i % 64 & 1))
			racenew(s->startAddr + i * s->elemsize, s->elemsize);
}

struct mspan *mcacherefill(struct mcache *c, unsigned spanclass)
{
	struct mspan *old = c->alloc[spanclass];
	if (old)
		count(c, old);
	struct mspan *s = c->alloc[spanclass] = cacheSpan(spanclass, old);
	if (unlikely(raceenabled))
		forgetfree(s);
	gcaccount((s->nelems - s->allocCount) * s->elemsize);
	return s;
}

void mcacherelease(struct mcache *c)
{
	for (unsigned i = usedclass(0); i < NSPANCLASS; i = usedclass(i + 1)) {
		if (c->alloc[i]) {
			count(c, c->alloc[i]);
			uncacheSpan(c->alloc[i]);
			c->alloc[i] = NULL;
		}
	}
	c->tiny = 0;
}
