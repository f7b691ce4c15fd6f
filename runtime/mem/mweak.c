/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mweak.c - weak pointers (Go's weak package, mheap.go getOrAddWeakHandle).
 *
 * All weak pointers to one address share a handle, an object of 8 bytes that holds the address and
 * is not scanned. The sweep of the object clears it, before its finalizer is queued. Until then an
 * object that is not marked is dead already, although its handle still has it: so whoever reads a
 * handle in an unswept span looks at the mark, under the lock that the sweeper holds while it turns
 * marks into allocation bits. From load to return is one no-stop section, and while marking is on
 * the object is shaded in it.
 */
#include "base/throw.h"
#include "gort/finalizer.h"
#include "mem/malloc.h"
#include "mem/mbarrier.h"
#include "mem/mheap.h"
#include "mem/mspecial.h"
#include "mem/nostop.h"
#include "sched/proc.h"

gort_weak gort_weak_make(const void *p)
{
	struct mspan *s = NULL;
	uint32_t i;
	getgchecked("gort_weak_make");
	if (!p)
		return (gort_weak){NULL};
	if (!findObject((uintptr_t)p, &s, &i))
		throw("gort_weak_make: %p does not point into the heap", p);
	_Atomic uintptr_t *handle = findweakhandle(s, p);
	if (handle)
		return (gort_weak){(void *)handle};
	handle = mallocgc_noscan(sizeof(*handle));
	store_rlx(handle, (uintptr_t)p);
	struct special *sp = specialalloc(SPECIALWEAK);
	sp->handle = handle;
	if (!addspecial(s, p, sp)) { /* somebody else was first */
		specialfree(sp);
		handle = findweakhandle(s, p);
	}
	gort_keepalive(p);
	return (gort_weak){(void *)handle};
}

/* Whether the object at p, whose handle has not been cleared, outlives the sweep of its span. */
static bool survives(struct mspan *s, uintptr_t p)
{
	if (load_acq(&s->sweepgen) == mheap.sweepcycle) /* pairs with sweepspan */
		return true;
	lock(&s->speciallock);
	uint32_t i = objIndex(s, p);
	bool alive = load_rlx(&s->sweepgen) == mheap.sweepcycle ||
		     (load_rlx(&s->bits[i / 64].mark) >> i % 64 & 1);
	unlock(&s->speciallock);
	return alive;
}

void *gort_weak_value(gort_weak w)
{
	_Atomic uintptr_t *handle = w.handle;
	if (!handle)
		return NULL;
	nostop_begin();
	uintptr_t p = load_acq(handle);
	struct mspan *s = p ? spanOf(p) : NULL;
	/* Again: the sweep may have been between the first look and survives. */
	p = s && survives(s, p) ? load_acq(handle) : 0;
	if (wbenabled() && p)
		gort_wblog((void *)p);
	nostop_end();
	return (void *)p;
}
