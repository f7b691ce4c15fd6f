/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * semaphore.c - weighted semaphores (golang.org/x/sync/semaphore), first come first served.
 *
 * Invariants, under the lock: free >= 0; the first waiter wants more than is free. A waiter is
 * woken with its permits already taken. unlock is the last access by whoever woke somebody: the
 * woken waiter may free the semaphore.
 */
#include "base/throw.h"
#include "gort/sync.h"
#include "sched/proc.h"
#include "sched/race.h"
#include "sync/blocked.h"

struct semimpl {
	int64_t free;
	struct mutex lock;
	struct sudog *first, *last; /* linked by next, number of permits in val */
};

_Static_assert(sizeof(struct semimpl) == sizeof(gort_semaphore), "gort_semaphore: another size");

static struct g *checkcall(const char *what, int64_t n)
{
	if (unlikely(n < 0))
		throw("%s: %ld permits", what, (long)n);
	return getgchecked(what);
}

/* With the lock. */
static bool trytake(struct semimpl *s, int64_t n)
{
	if (s->first || n > s->free)
		return false;
	s->free -= n;
	return true;
}

void gort_semaphore_acquire(gort_semaphore *semaphore, int64_t n)
{
	struct semimpl *s = (struct semimpl *)semaphore;
	struct g *gp = checkcall("gort_semaphore_acquire", n);
	plock(&s->lock);
	if (trytake(s, n)) {
		unlock(&s->lock);
		raceacquire(s);
		return;
	}
	struct sudog *sg = &gp->sudog;
	sg->g = gp;
	sg->c = NULL;
	sg->elem = s;
	sg->val = (uint64_t)n;
	sg->next = NULL;
	if (s->last)
		s->last->next = sg;
	else
		s->first = sg;
	s->last = sg;
	gp->waiting = sg;
	if (unlikely(blockwatched))
		goparkwatched(&s->lock, waitReasonSemacquire);
	else
		goparkunlock(&s->lock, waitReasonSemacquire);
	raceacquire(semaphore);
}

bool gort_semaphore_tryacquire(gort_semaphore *semaphore, int64_t n)
{
	struct semimpl *s = (struct semimpl *)semaphore;
	checkcall("gort_semaphore_tryacquire", n);
	plock(&s->lock);
	bool taken = trytake(s, n);
	unlock(&s->lock);
	if (taken)
		raceacquire(s);
	return taken;
}

/* Takes the waiters whose turn it is off the queue, with their permits. */
static void grant(struct semimpl *s, struct gQueue *list)
{
	for (struct sudog *sg; (sg = s->first) && (int64_t)sg->val <= s->free;) {
		s->free -= (int64_t)sg->val;
		s->first = sg->next;
		if (!s->first)
			s->last = NULL;
		LIST_PUSH_BACK(list, sg->g, schedlink);
	}
}

void gort_semaphore_release(gort_semaphore *semaphore, int64_t n)
{
	struct semimpl *s = (struct semimpl *)semaphore;
	struct gQueue list = {0};
	checkcall("gort_semaphore_release", n);
	racerelease(s);
	plock(&s->lock);
	s->free += n;
	grant(s, &list);
	unlock(&s->lock);
	for (struct g *gp; (gp = LIST_POP(&list, schedlink));)
		readyWithTime(gp);
}
