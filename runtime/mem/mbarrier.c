/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mbarrier.c - the write barrier: the log of overwritten pointers (Go's mbarrier.go, mwbbuf.go).
 *
 * Deletion barrier, for a snapshot at the beginning: what the collector must not lose is what was
 * reachable at its first pause; an edge of that graph disappears only by a store, whose old value
 * is logged. The new value needs nothing: whoever stores it holds it, and was scanned.
 *
 * Each P has a block of the log; a thread without a P shares one, under a lock. A full block
 * goes to wb.full, from where markers take it at any time; what is left in blocks that are not
 * full is shaded in the final pause. An entry is written in a no-stop section (nostop.h): a stop
 * between the index and the entry would flush without it.
 *
 * A P may have been taken from an M that slept (syscall.c); the gate says so, as to all entries.
 */
#include "mem/mbarrier.h"

#include "debug/options.h"
#include "gort/gc.h"
#include "mem/malloc.h"
#include "mem/mgccheck.h"
#include "mem/nostop.h"
#include "sched/runtime2.h"

/* So few that what a pause finds in blocks that are not full takes it no time. */
#define NENTRY 62

struct wbblock {
	struct wbblock *next;
	uint32_t n;
	const void *entry[NENTRY];
};

uint32_t gort_writebarrier;
__thread uintptr_t gort_pending;
intptr_t pendingoffset;
__thread struct nostop tls_nostop;
void (*nostop_stop)(void);

static struct {
	struct mutex lock;
	struct wbblock *full, *free;
	struct wbblock *nop; /* of threads without a P */
} wb = {.lock = {.rank = lockRankWb}};

void nostop_deferred(void)
{
	if (tls_nostop.depth > 0)
		return; /* an outer section is still open */
	tls_nostop.wanted = 0;
	nostop_stop();
}

/* ---- logging ---- */

static struct wbblock *popblock(struct wbblock **list)
{
	struct wbblock *b = *list;
	if (b)
		*list = b->next;
	return b;
}

static void pushblock(struct wbblock **list, struct wbblock *b)
{
	b->next = *list;
	*list = b;
}

/* With wb.lock held: puts a fresh block in place of one that is full. */
static void replace(struct wbblock **at)
{
	if (*at)
		pushblock(&wb.full, *at);
	*at = popblock(&wb.free);
	if (!*at)
		*at = persistentalloc(sizeof(**at));
	(*at)->n = 0;
}

static bool isfull(const struct wbblock *b)
{
	return !b || b->n == NENTRY;
}

static __attribute__((noinline)) void logslow(struct wbblock **at, const void *old)
{
	lock(&wb.lock);
	if (isfull(*at))
		replace(at);
	(*at)->entry[(*at)->n++] = old;
	unlock(&wb.lock);
}

/* In a no-stop section. */
static inline void logentry(const void *old)
{
	struct m *mp = getm();
	if (unlikely(!mp || !mp->p || load_acq(&mp->gate) != GATE_OPEN)) {
		logslow(&wb.nop, old);
		return;
	}
	struct wbblock *b = mp->p->wbblock;
	if (unlikely(isfull(b)))
		logslow(&mp->p->wbblock, old);
	else
		b->entry[b->n++] = old;
}

void gort_wblog(const void *old)
{
	if (!old)
		return;
	nostop_begin();
	if (unlikely(debug.gcbarriercheck))
		barrierunderway((uintptr_t)old, 0, 0);
	if (wbenabled())
		logentry(old);
	nostop_end();
}

/* A section for each cache line or two: a stop must not wait for all of a large range. */
#define NWORD 16

/* Words of which only a part is overwritten count, too. */
static __attribute__((no_sanitize("address"))) void logwords(const uintptr_t *w, size_t n)
{
	nostop_begin();
	for (size_t i = 0; i < n; i++)
		if (w[i])
			logentry((const void *)w[i]);
	nostop_end();
}

static __attribute__((noinline)) void tellrange(uintptr_t p, size_t n)
{
	nostop_begin();
	barrierunderway(0, p & ~(uintptr_t)7, p + n);
	nostop_end();
}

void gort_wbrange(const void *p, size_t n)
{
	if (likely(!*(volatile const uint32_t *)&gort_writebarrier))
		return;
	if (debug.gcbarriercheck)
		tellrange((uintptr_t)p, n);
	if (!wbenabled())
		return;
	const uintptr_t *w = (const uintptr_t *)((uintptr_t)p & ~(uintptr_t)7);
	const uintptr_t *end = (const uintptr_t *)(((uintptr_t)p + n + 7) & ~(uintptr_t)7);
	for (; w < end; w += NWORD)
		logwords(w, end - w < NWORD ? (size_t)(end - w) : NWORD);
}

/* ---- stores in which nobody is stopped, so that the order does not matter ---- */

void *gort_swap_racy(void *volatile *slot, void *value)
{
	nostop_begin();
	void *old = __atomic_exchange_n(slot, value, __ATOMIC_SEQ_CST);
	if (wbenabled() && old)
		logentry(old);
	nostop_end();
	return old;
}

bool gort_cas_racy(void *volatile *slot, void *old, void *value)
{
	nostop_begin();
	void *found = old;
	bool done = __atomic_compare_exchange_n(
		slot, &found, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	if (done && wbenabled() && old)
		logentry(old);
	nostop_end();
	return done;
}

/* ---- for the collector ---- */

void wbenable(bool on)
{
	uint32_t flag = (on ? WB_LOG : 0) | (debug.gcbarriercheck ? WB_CHECK : 0);
	__atomic_store_n(&gort_writebarrier, flag, __ATOMIC_RELAXED);
}

static size_t shadeblock(struct wbblock *b, void (*shade)(uintptr_t old))
{
	size_t n = b ? b->n : 0;
	for (size_t i = 0; i < n; i++)
		shade((uintptr_t)b->entry[i]);
	for (size_t i = 0; unlikely(debug.gcbarriercheck) && i < n; i++)
		barrierlogged((uintptr_t)b->entry[i]);
	return n;
}

static struct wbblock *takefull(void)
{
	nostop_begin();
	lock(&wb.lock);
	struct wbblock *b = popblock(&wb.full);
	unlock(&wb.lock);
	nostop_end();
	return b;
}

bool wbdrain(void (*shade)(uintptr_t old))
{
	struct wbblock *b = takefull();
	if (!b)
		return false;
	shadeblock(b, shade);
	nostop_begin();
	lock(&wb.lock);
	pushblock(&wb.free, b);
	unlock(&wb.lock);
	nostop_end();
	return true;
}

size_t wbflush(void (*shade)(uintptr_t old))
{
	size_t n = shadeblock(wb.nop, shade);
	if (wb.nop)
		wb.nop->n = 0;
	for (struct wbblock *b; (b = popblock(&wb.full)); pushblock(&wb.free, b))
		n += shadeblock(b, shade);
	for (int32_t i = 0; i < load_acq(&nallp); i++) {
		struct wbblock *b = allp[i]->wbblock;
		n += shadeblock(b, shade);
		if (b)
			b->n = 0;
	}
	return n;
}
