/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * defer.c - the goroutine's list of deferred calls.
 *
 * The compiler's cleanup attribute runs a deferred call at the end of its scope; the list is for
 * ends that unwind no scopes: gort_goexit and a panic. The list head is in struct g and each
 * record points to it, so popping needs no thread-local variable, whose address a compiler could
 * have kept over a switch.
 *
 * Invariant: a record is unlinked before its call, so that a panic in the call cannot run it twice.
 */
#include "lang/defer.h"

#include "sched/proc.h"

void gort_defer_push(struct gort_defer *d)
{
	struct g *gp = getgchecked("defer");
	d->list = &gp->_defer;
	d->next = gp->_defer;
	gp->_defer = d;
}

void rundefers(struct g *gp)
{
	for (struct gort_defer *d; (d = gp->_defer);) {
		gp->_defer = d->next;
		gort_call6(&d->call);
	}
}
