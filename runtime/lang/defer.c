/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * defer.c - the goroutine's list of deferred calls.
 *
 * The compiler's cleanup attribute runs a deferred call at the end of its scope; the list is for
 * ends that unwind no scopes: gort_goexit and a panic. The list head is in struct gcold and each
 * record points to it, so popping needs no thread-local variable, whose address a compiler could
 * have kept over a switch.
 *
 * Invariant: a record is unlinked before its call, so that a panic in the call cannot run it twice.
 */
#include "lang/defer.h"

#include "base/throw.h"
#include "lang/panic.h"
#include "sched/proc.h"

#ifdef GORT_DEFERLIST
_Static_assert(offsetof(struct gcold, _defer) == GORT_DEFERLIST &&
		       offsetof(struct g, stack) == offsetof(struct gort_deferg, lo) &&
		       offsetof(struct m, curg) == offsetof(struct gort_deferm, curg),
	"programs know the way to the list");
#endif

void gort_defer_outside(void)
{
	getgslow("defer");
	throw("defer: a goroutine without one");
}

/* The list is the goroutine's own: neither its P nor the gate of its M matters. */
void gort_defer_push(struct gort_defer *d)
{
	struct g *gp = getg();
	if (unlikely(!gp))
		gort_defer_outside();
	struct gcold *c = gcold(gp);
	d->list = &c->_defer;
	d->next = c->_defer;
	c->_defer = d;
}

void rununtil(struct gcold *c, const struct gort_defer *stop)
{
	for (struct gort_defer *d; (d = c->_defer) != stop;) {
		c->_defer = d->next;
		gort_call6(&d->call);
	}
}

/*
 * Protects that are open stay so that they catch panics of the deferred calls; recover.c then goes
 * on here, as their frames are left all the same. One is left when all that was deferred after it
 * has run: a panic would else look for a record that is off the list.
 */
void rundefers(struct g *gp)
{
	struct gcold *c = gcold(gp);
	c->goexitsp = (uintptr_t)__builtin_frame_address(0);
	c->_panic = NULL;
	for (;;) {
		while (c->_protect && c->_protect->defers == c->_defer)
			c->_protect = c->_protect->prev;
		struct gort_defer *d = c->_defer;
		if (!d)
			return;
		c->_defer = d->next;
		gort_call6(&d->call);
	}
}
