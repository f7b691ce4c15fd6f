/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mcleanup.c - cleanups (Go's mcleanup.go): calls that are made when an object has been freed.
 *
 * The object is not revived, so it may have any number of them, and may lie in a circle. mfinal.c
 * makes the calls.
 */
#include "base/throw.h"
#include "gort/finalizer.h"
#include "mem/mbarrier.h"
#include "mem/mheap.h"
#include "mem/mspecial.h"
#include "mem/nostop.h"
#include "sched/proc.h"
#include "sched/race.h"

static _Atomic uint64_t lastid;

gort_cleanup gort_add_cleanup(void *p, void (*fn)(void *arg), void *arg)
{
	struct mspan *s = NULL;
	uint32_t i;
	getgchecked("gort_add_cleanup");
	uintptr_t base = findObject((uintptr_t)p, &s, &i);
	if (!base)
		throw("gort_add_cleanup: %p does not point into the heap", p);
	if (!fn)
		throw("gort_add_cleanup: no function");
	if ((uintptr_t)arg - base < s->elemsize)
		throw("gort_add_cleanup: the argument points to the object itself, which would "
		      "never be freed");
	startcleanups();
	struct special *sp = specialalloc(SPECIALCLEANUP);
	sp->fn = fn;
	sp->arg = arg;
	racerelease(sp);
	uint64_t id = sp->id = xadd_rlx(&lastid, 1) + 1;
	addspecial(s, p, sp);
	if (wbenabled() && arg)
		gort_wblog(arg);
	return (gort_cleanup){id, ~(uintptr_t)p};
}

void gort_cleanup_stop(gort_cleanup c)
{
	getgchecked("gort_cleanup_stop");
	struct mspan *s = c.id ? spanOf(~c.hidden) : NULL;
	struct special *sp = s ? removespecial(s, ~c.hidden, SPECIALCLEANUP, c.id) : NULL;
	if (sp)
		specialfree(sp);
}
