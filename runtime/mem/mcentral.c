/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mcentral.c - the spans of a class that no P has (Go's mcentral.go).
 *
 * A span that has not been swept since the last collection is in the lists of its own, and whoever
 * takes it off sweeps it: no other has it then. The two pairs of lists change places when a
 * collection ends, at which time all have been swept.
 */
#include "mem/mbarrier.h"
#include "mem/mgc.h"
#include "mem/mheap.h"

/* Spans that are full after sweeping, before a fresh one is taken instead. */
#define SWEEPBUDGET 100

static void listput(struct mspanlist *l, struct mspan *s)
{
	s->next = l->first;
	l->first = s;
	l->n++;
}

/*
 * Who comes next takes s and sweeps it, and then looks at the one behind: all this is 10 ns away
 * where a collection has been, and s itself was fetched when the one before was taken.
 */
static inline void fetch(const struct mspan *s)
{
	if (!s)
		return;
	__builtin_prefetch((const void *)s->bits, 1);
	__builtin_prefetch(s->next, 1);
	__builtin_prefetch((const void *)((uintptr_t)s->next + LINE), 1);
}

static struct mspan *listget(struct mspanlist *l)
{
	struct mspan *s = l->first;
	if (!s)
		return NULL;
	l->first = s->next;
	fetch(s->next);
	l->n--;
	s->next = NULL;
	return s;
}

static inline unsigned swept(void)
{
	return mheap.sweepcycle & 1;
}

/* With the lock. */
static struct mspan *getunswept(struct mcentral *c)
{
	unsigned unswept = !swept();
	struct mspan *s = listget(&c->partial[unswept]);
	return s ? s : listget(&c->full[unswept]);
}

struct mspan *takeunswept(struct mcentral *c)
{
	unsigned unswept = !swept();
	if (!c->partial[unswept].first && !c->full[unswept].first) /* a hint: others take only */
		return NULL;
	lock(&c->lock);
	struct mspan *s = getunswept(c);
	unlock(&c->lock);
	return s;
}

/* With the lock. */
static void put(struct mcentral *c, struct mspan *s)
{
	listput(s->allocCount < s->nelems ? &c->partial[swept()] : &c->full[swept()], s);
}

void putswept(struct mspan *s)
{
	struct mcentral *c = &mheap.central[SPANCLASS(s->sizeclass, s->kind)];
	lock(&c->lock);
	put(c, s);
	unlock(&c->lock);
}

/* Puts old there, if there is one, and takes another, *fresh when it has been swept. */
static struct mspan *exchange(struct mcentral *c, struct mspan *old, bool *fresh)
{
	lock(&c->lock);
	if (old)
		put(c, old);
	struct mspan *s = listget(&c->partial[swept()]);
	*fresh = s != NULL;
	if (!s)
		s = getunswept(c);
	unlock(&c->lock);
	return s;
}

/* A span in which sweeping found a free slot. */
static struct mspan *sweepforone(struct mcentral *c)
{
	for (unsigned i = 0; i < SWEEPBUDGET; i++) {
		struct mspan *s = takeunswept(c);
		if (!s)
			return NULL;
		sweepspan(s);
		if (s->allocCount < s->nelems)
			return s;
		putswept(s);
	}
	return NULL;
}

/*
 * The objects of one word exist, all that have been allocated since the span was taken among them.
 * While goroutines mark these are black: marked, and never looked at. The mark comes first, since a
 * marker that finds an object without one looks at it.
 */
static void settleword(const struct mspan *s, struct gcbits *b, uint64_t exist)
{
	uint64_t new = exist & ~b->alloc;
	if (new &&wbenabled()) {
		or_acqrel(&b->mark, new);
		markblack(popcount(new) * s->elemsize);
	}
	__atomic_store_n(&b->alloc, b->alloc | new, __ATOMIC_RELEASE); /* pairs with setmark */
}

/* From now on the alloc bits alone tell what exists: marking looks at nothing else. */
static void settlebits(struct mspan *s)
{
	uint32_t w = 0, n = s->freeindex;
	for (; n >= 64; w++, n -= 64)
		settleword(s, &s->bits[w], UINT64_MAX);
	if (n)
		settleword(s, &s->bits[w], ((uint64_t)1 << n) - 1);
}

void uncacheSpan(struct mspan *s)
{
	settlebits(s);
	putswept(s);
}

/* What is on the lists, swept; old, which is full, goes there. */
static struct mspan *takelisted(struct mcentral *c, struct mspan *old)
{
	bool fresh;
	struct mspan *s = exchange(c, old, &fresh);
	if (!s || fresh)
		return s;
	sweepspan(s);
	if (likely(s->allocCount < s->nelems))
		return s;
	putswept(s);
	return sweepforone(c);
}

/*
 * Memory that nothing was written to is read as a page of zeros that all share, and gort_store
 * reads before it writes: two faults, the second of which has every CPU of the process flush its
 * TLB. So it is written to first, if there is an object in each page.
 */
static void touch(const struct mspan *s)
{
	uintptr_t end = s->startAddr + ((uintptr_t)s->npages << PAGESHIFT);
	if (s->needzero || s->elemsize > OSPAGE)
		return;
	for (uintptr_t at = s->startAddr; at < end; at += OSPAGE)
		*(volatile char *)at = 0;
}

struct mspan *cacheSpan(unsigned spanclass, struct mspan *old)
{
	unsigned sizeclass = spanclass % NSIZECLASS;
	size_t npages = sizeclasses.npages[sizeclass];
	if (old)
		settlebits(old);
	struct mspan *s = takelisted(&mheap.central[spanclass], old);
	if (!s) {
		sweepcredit(npages);
		s = mheapalloc(npages, sizeclass, (enum spankind)(spanclass / NSIZECLASS),
			sizeclasses.size[sizeclass]);
		touch(s);
	}
	s->allocCountBefore = s->allocCount;
	return s;
}
