/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress_audit.c - what must be true of the scheduler's queues at any time (runq.h, runtime2.h):
 * a ring holds at most RUNQSIZE goroutines; each list is as long as its count says; what is queued
 * is runnable, what is free is dead.
 *
 * It takes the runtime's own locks, with all signals blocked: whoever holds one must not be
 * preempted, and this file is no part of libgort.
 */
#include <inttypes.h>
#include <signal.h>

#include "sched/runq.h"

_Noreturn void stress_fail(const char *fmt, ...) __attribute__((cold, format(printf, 1, 2)));
void stress_audit(void);

#define CHECK(cond, ...)                          \
	do {                                      \
		if (unlikely(!(cond)))            \
			stress_fail(__VA_ARGS__); \
	} while (0)

/* Head before and after: the tail belongs to it only when it has not moved. */
static void audit_ring(struct p *pp)
{
	uint32_t h = load_acq(&pp->runqhead), t = load_acq(&pp->runqtail);
	if (load_acq(&pp->runqhead) == h)
		CHECK(t - h <= RUNQSIZE, "audit: P%d: ring from %u to %u", pp->id, h, t);
}

static uint32_t audit_queue(const struct gQueue *q)
{
	uint32_t n = 0;
	for (struct g *gp = q->first; gp; gp = gp->schedlink, n++)
		CHECK(readgstatus(gp) == _Grunnable, "audit: goroutine %" PRIu64 " has status %u",
			gp->goid, readgstatus(gp));
	CHECK(n == q->size, "audit: %u in a queue of size %u", n, q->size);
	return n;
}

static void audit_global(void)
{
	lock(&sched.lock);
	uint32_t n = audit_queue(&sched.runq) + audit_queue(&sched.runqnew) +
		     audit_queue(&sched.runqold);
	uint32_t published = load_rlx(&sched.runqsize);
	unlock(&sched.lock);
	CHECK(n == published, "audit: %u in the global queue, published %u", n, published);
}

static void audit_idle(void)
{
	int32_t ps = 0, ms = 0;
	lock(&sched.lock);
	for (struct p *pp = sched.pidle; pp; pp = pp->link)
		ps++;
	for (struct m *mp = sched.midle; mp; mp = mp->schedlink)
		ms++;
	int32_t npidle = load_rlx(&sched.npidle), nmidle = sched.nmidle;
	unlock(&sched.lock);
	int32_t spinning = load_rlx(&sched.nmspinning);
	CHECK(ps == npidle && ms == nmidle, "audit: %d idle Ps of %d, %d idle Ms of %d", ps, npidle,
		ms, nmidle);
	CHECK(spinning == 0 || spinning == 1, "audit: %d spinning", spinning);
}

static void audit_gfree(void)
{
	uint32_t n = 0;
	lock(&sched.gFreelock);
	for (struct g *gp = sched.gFree.first; gp; gp = gp->schedlink, n++)
		CHECK(readgstatus(gp) == _Gdead, "audit: a free goroutine has status %u",
			readgstatus(gp));
	uint32_t counted = sched.gFree.n;
	unlock(&sched.gFreelock);
	CHECK(n == counted, "audit: %u free goroutines of %u", n, counted);
}

void stress_audit(void)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (int32_t i = 0; i < gomaxprocs; i++)
		audit_ring(allp[i]);
	audit_global();
	audit_idle();
	audit_gfree();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
