/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lockedm.c - goroutines that own their thread (Go's LockOSThread, stoplockedm, mexit).
 *
 * A locked goroutine is wired: whoever takes it off a queue hands it and its P to gcold.lockedm
 * (startlockedm). Its M runs nothing else: with EVENT_LOCKED each of its decisions ends on g0,
 * which gives the P away and sleeps until the goroutine comes with another. So a switch of a locked
 * goroutine costs two threads' switches, as in Go.
 *
 * m.park of such an M is cleared when it is locked and after each wake-up, not before it sleeps:
 * the goroutine may be found, and the note signalled, while the M is still on its way to sleep.
 *
 * When a goroutine ends while it is locked, its thread ends too, since it may have changed it
 * (name space, credentials, scheduling policy). Only the main thread sleeps for ever instead: with
 * it the process would seem dead. The struct m is used again for another thread.
 */
#include <signal.h>

#include "base/throw.h"
#include "mem/malloc.h"
#include "sched/preempt.h"
#include "sched/proc.h"

void gort_lock_os_thread(void)
{
	struct g *gp = getgchecked("gort_lock_os_thread");
	if (getm()->pinned.first)
		leavepinned(); /* nobody but gp will run on this thread */
	struct m *mp = getm();
	struct gcold *c = gcold(gp);
	if (c->lockdepth == UINT32_MAX)
		gopanic_text("gort_lock_os_thread: nesting overflow");
	if (c->lockdepth++ > 0)
		return;
	noteclear(&mp->park);
	mp->lockedg = gp;
	c->lockedm = mp;
	gp->wired = true;
	or_acqrel(&mp->events, EVENT_LOCKED);
}

static void unwire(struct m *mp, struct g *gp)
{
	gp->wired = false;
	mp->lockedg = NULL;
}

void gort_unlock_os_thread(void)
{
	struct g *gp = getgchecked("gort_unlock_os_thread");
	struct m *mp = getm();
	if (gcold(gp)->lockdepth == 0 || --gcold(gp)->lockdepth > 0)
		return;
	unwire(mp, gp);
	and_acqrel(&mp->events, ~(uint32_t)EVENT_LOCKED);
}

struct g *stoplockedm(struct m *mp)
{
	if (mp->p)
		handoffp(releasep(mp));
	lock(&sched.lock);
	sched.nmidlelocked++;
	mpark(mp);
	noteclear(&mp->park);
	struct g *gp = mp->nextg;
	mp->nextg = NULL;
	return gp;
}

void exitlocked(struct m *mp, struct g *gp)
{
	gcold(gp)->lockdepth = 0;
	unwire(mp, gp);
	mp->exiting = true;
}

/* The main thread: counts as idle from now on. */
static _Noreturn void sleepforever(void)
{
	static struct note never;
	lock(&sched.lock);
	sched.nmidlelocked++;
	checkdead();
	unlock(&sched.lock);
	for (;;)
		notesleep(&never);
}

void mexit(struct m *mp)
{
	stack_t none = {.ss_flags = SS_DISABLE};
	startclockdelete(mp);
	mp->tp = 0; /* the collector must not look at what is about to go */
	handoffp(releasep(mp));
	if (mp == &m0)
		sleepforever();
	mp->exiting = false;
	and_acqrel(&mp->events, ~(uint32_t)EVENT_LOCKED);
	sigaltstack(&none, NULL);
	sysfree((void *)mp->gsignal.lo, mp->gsignal.hi - mp->gsignal.lo);
	mp->procid = 0;
	lock(&sched.lock);
	mp->freelink = sched.mfree;
	sched.mfree = mp;
	sched.nmexited++;
	sched.nmleaving = 1; /* /proc still shows this thread */
	checkdead();
	sched.nmleaving = 0;
	unlock(&sched.lock);
	tls_m = NULL;
}
