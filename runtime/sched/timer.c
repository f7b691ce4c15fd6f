/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer.c - per-P timers in a 4-ary heap, and gort_sleep (Go's time.go).
 *
 * Who calls a due timer: its P at each 64th decision and when it runs out of work; an M that has
 * found nothing to run, for every P; sysmon makes a busy P look (p.slow); and when all is idle,
 * the one M in netpoll wakes for the earliest timer of all Ps.
 *
 * Invariants:
 *  1. heap[i].when >= heap[(i - 1) / 4].when.
 *  2. minwhen == heap[0]->when, or INT64_MAX when empty; written under the lock, read without.
 *  3. heap[i]->index == i.
 *  4. A timer is out of the heap before its function is called, and the lock is released: the
 *     function may reuse the timer. A timer never fires before nanotime() >= when.
 */
#include "sched/timer.h"

#include "base/clock.h"
#include "base/throw.h"
#include "mem/malloc.h"
#include "sched/netpoll.h"
#include "sched/proc.h"
#include "sched/runq.h"

void timersinit(struct p *pp)
{
	lockinit(&pp->timers.lock, lockRankTimers);
	store_rlx(&pp->timers.minwhen, INT64_MAX);
}

static inline void place(struct timer **heap, uint32_t i, struct timer *t)
{
	heap[i] = t;
	t->index = i;
}

static void siftup(struct timer **heap, uint32_t i, struct timer *t)
{
	while (i > 0 && heap[(i - 1) / 4]->when > t->when) {
		place(heap, i, heap[(i - 1) / 4]);
		i = (i - 1) / 4;
	}
	place(heap, i, t);
}

static void siftdown(struct timer **heap, uint32_t i, uint32_t n, struct timer *t)
{
	for (uint32_t c; (c = 4 * i + 1) < n;) {
		uint32_t least = c;
		for (uint32_t k = c + 1; k < c + 4 && k < n; k++)
			if (heap[k]->when < heap[least]->when)
				least = k;
		if (heap[least]->when >= t->when)
			break;
		place(heap, i, heap[least]);
		i = least;
	}
	place(heap, i, t);
}

static void setminwhen(struct timers *ts)
{
	store_rlx(&ts->minwhen, ts->len ? ts->heap[0]->when : INT64_MAX);
}

static void grow(struct timers *ts)
{
	uint32_t cap = ts->cap ? ts->cap * 2 : 512;
	struct timer **heap = sysalloc(cap * sizeof(*heap));
	for (uint32_t i = 0; i < ts->len; i++)
		heap[i] = ts->heap[i];
	if (ts->heap)
		sysfree(ts->heap, ts->cap * sizeof(*heap));
	ts->heap = heap;
	ts->cap = cap;
}

void timeradd(struct p *pp, struct timer *t)
{
	struct timers *ts = &pp->timers;
	if (ts->len == ts->cap)
		grow(ts);
	store_rlx(&t->pp, pp);
	siftup(ts->heap, ts->len++, t);
	setminwhen(ts);
}

/*
 * The fence pairs with the exchange of lastpoll in pollidle: either the poller, now about to
 * sleep, sees the new minwhen, or we see that it polls. Missing it would only be late, not lost:
 * the timer's own P is running.
 */
void wakeNetPoller(int64_t when)
{
	if (load_rlx(&sched.npidle) == 0)
		return;
	atomic_thread_fence(memory_order_seq_cst);
	if (load_rlx(&sched.lastpoll) != 0)
		return;
	int64_t until = load_rlx(&sched.pollUntil);
	if (until == 0 || until > when)
		netpollBreak();
}

/* Takes out heap[i]. */
static void removeat(struct timers *ts, uint32_t i)
{
	struct timer *t = ts->heap[i], *last = ts->heap[--ts->len];
	if (t != last && i > 0 && ts->heap[(i - 1) / 4]->when > last->when)
		siftup(ts->heap, i, last);
	else if (t != last)
		siftdown(ts->heap, i, ts->len, last);
	setminwhen(ts);
	store_rlx(&t->pp, NULL);
}

bool timerdel(struct timer *t)
{
	struct p *pp = load_rlx(&t->pp);
	if (!pp)
		return false;
	lock(&pp->timers.lock);
	bool found = load_rlx(&t->pp) != NULL;
	if (found)
		removeat(&pp->timers, t->index);
	unlock(&pp->timers.lock);
	return found;
}

static struct timer *popdue(struct timers *ts, int64_t now)
{
	if (ts->len == 0 || ts->heap[0]->when > now)
		return NULL;
	struct timer *t = ts->heap[0];
	removeat(ts, 0);
	return t;
}

#define TIMERBATCH 32

void timersrunlocked(struct p *pp, int64_t now)
{
	struct timer *due[TIMERBATCH];
	int n;
	do {
		if (!trylock(&pp->timers.lock))
			return; /* another M is at it */
		for (n = 0; n < TIMERBATCH && (due[n] = popdue(&pp->timers, now)); n++)
			;
		unlock(&pp->timers.lock);
		for (int i = 0; i < n; i++)
			due[i]->f(due[i]->arg);
	} while (n == TIMERBATCH);
}

int64_t timeSleepUntil(void)
{
	int64_t least = INT64_MAX;
	for (int32_t i = 0; i < gomaxprocs; i++) {
		int64_t when = load_rlx(&allp[i]->timers.minwhen);
		least = when < least ? when : least;
	}
	return least;
}

static void goroutineReady(void *arg)
{
	goready(arg);
}

void gort_sleep(gort_duration ns)
{
	struct g *gp = getgchecked("gort_sleep");
	if (ns <= 0)
		return;
	struct p *pp = getm()->p;
	int64_t now = nanotime();
	gp->timer.when = ns < INT64_MAX - now ? now + ns : INT64_MAX - 1;
	gp->timer.f = goroutineReady;
	gp->timer.arg = gp;
	gp->waiting = NULL;
	lock(&pp->timers.lock);
	timeradd(pp, &gp->timer);
	goparkunlock(&pp->timers.lock, waitReasonSleep);
}
