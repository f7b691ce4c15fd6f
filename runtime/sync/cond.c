/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cond.c - condition variables (Go's sync/cond.go, and notifyList of runtime/sema.go).
 *
 * A waiter draws a ticket while it still holds the mutex, unlocks it, and only then queues up.
 * Tickets in [notify, wait) have not been served. Signal serves ticket notify: its owner is on the
 * list, or comes to queue later, sees that notify has passed it, and does not sleep. So no wake-up
 * is lost, and goroutines are served in the order in which they called wait, even if they
 * queue in another.
 *
 * Invariants: notify and the list change under lock; wait - notify (modulo 2^32) is at most 2^31.
 * unlock is the last access by signal and broadcast: a woken waiter may free the condition.
 */
#include <stdatomic.h>

#include "sched/proc.h"
#include "sched/race.h"
#include "sync/blocked.h"

struct condimpl {
	_Atomic uint32_t wait;   /* next ticket */
	_Atomic uint32_t notify; /* first ticket not served; read without the lock too */
	struct mutex lock;
	struct sudog *first, *last; /* linked by next, ticket in val */
};

_Static_assert(sizeof(struct condimpl) == sizeof(gort_cond), "gort_cond has another size");

/* Blocks until ticket t is served. */
static void notifywait(struct condimpl *c, struct g *gp, uint32_t t)
{
	plock(&c->lock);
	if ((int32_t)(t - load_rlx(&c->notify)) < 0) {
		unlock(&c->lock);
		return;
	}
	struct sudog *sg = &gp->sudog;
	sg->g = gp;
	sg->c = NULL;
	sg->elem = c;
	sg->val = t;
	sg->next = NULL;
	if (c->last)
		c->last->next = sg;
	else
		c->first = sg;
	c->last = sg;
	gp->waiting = sg;
	if (unlikely(blockwatched))
		goparkwatched(&c->lock, waitReasonSyncCondWait);
	else
		goparkunlock(&c->lock, waitReasonSyncCondWait);
}

void gort_cond_wait(gort_cond *cond, gort_mutex *mutex)
{
	struct condimpl *c = (struct condimpl *)cond;
	struct g *gp = getgchecked("gort_cond_wait");
	uint32_t t = pxadd(&c->wait, 1);
	racerelease(mutex);
	gort_mutex_unlock(mutex);
	notifywait(c, gp, t);
	gort_mutex_lock(mutex);
	raceacquire(mutex);
	raceacquire(c);
}

/* Takes the waiter with ticket t off the list; NULL when it has not queued up yet. */
static struct sudog *take(struct condimpl *c, uint32_t t)
{
	struct sudog *prev = NULL, *sg = c->first;
	for (; sg && sg->val != t; sg = sg->next)
		prev = sg;
	if (!sg)
		return NULL;
	if (prev)
		prev->next = sg->next;
	else
		c->first = sg->next;
	if (c->last == sg)
		c->last = prev;
	return sg;
}

void gort_cond_signal(gort_cond *cond)
{
	struct condimpl *c = (struct condimpl *)cond;
	getgchecked("gort_cond_signal");
	racerelease(c);
	/* Nobody new since the last time. Who must be seen has drawn its ticket before. */
	if (load_acq(&c->wait) == load_acq(&c->notify))
		return;
	plock(&c->lock);
	struct sudog *sg = NULL;
	uint32_t t = load_rlx(&c->notify);
	if (t != load_acq(&c->wait)) {
		store_rel(&c->notify, t + 1);
		sg = take(c, t);
	}
	unlock(&c->lock);
	if (sg)
		readyWithTime(sg->g);
}

void gort_cond_broadcast(gort_cond *cond)
{
	struct condimpl *c = (struct condimpl *)cond;
	getgchecked("gort_cond_broadcast");
	racerelease(c);
	if (load_acq(&c->wait) == load_acq(&c->notify))
		return;
	plock(&c->lock);
	struct sudog *sg = c->first;
	c->first = c->last = NULL;
	store_rel(&c->notify, load_acq(&c->wait));
	unlock(&c->lock);
	while (sg) {
		struct sudog *next = sg->next; /* before sg waits in another queue */
		readyWithTime(sg->g);
		sg = next;
	}
}
