/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mgcworker.c - who marks while goroutines run (Go's mark workers and assists).
 *
 * Workers are goroutines of the runtime, as many as there are Ps, each of which marks for a slice
 * and then looks whether anybody waits for a P. If so, all workers together take a quarter of the
 * Ps' time and sleep for the rest; else they go on. So an idle P marks, and a busy one is left
 * alone but for its share.
 *
 * Assists: who allocates while goroutines mark pays for it with marking, as much as is left to mark
 * for each byte that may still be allocated (mgcpacer.c). A bounded piece at a time, since mallocgc
 * does not switch; who outruns even that is held at its next entry into libgort.
 *
 * Whoever marks is counted in `active`, and leaves nothing behind when he leaves: marking is over,
 * to all appearance, when nobody is active, no block of words is left and no root. The final pause
 * makes sure.
 */
#include "base/clock.h"
#include "mem/mbarrier.h"
#include "mem/mgc.h"
#include "mem/mgcwork.h"
#include "sched/park.h"
#include "sched/proc.h"

#define MAXWORKERS 64
#define SLICE_NS   200000
#define NAPMIN_NS  20000
#define NAPMAX_NS  2000000
#define CHUNK      ((uint64_t)32 << 10) /* bytes between two looks at the clock */
#define ASSISTMAX  ((uint64_t)64 << 10) /* bytes that one assist looks at */

static struct {
	_Atomic int32_t active;
	_Atomic int64_t background, assisted; /* ns in this cycle; the first without idle time */
	_Atomic int64_t idle;
	int64_t start;

	struct mutex lock; /* of parked */
	struct gQueue parked;
	int32_t n; /* made so far */
} workers = {.lock = {.rank = lockRankSync}};

/* ---- a slice ---- */

void markenter(void)
{
	xadd_acqrel(&workers.active, 1);
}

void markleave(void)
{
	gcpublish(gcwork());
	xadd_acqrel(&workers.active, -1); /* pairs with marksettled */
}

/* A piece of what there is; false when there is nothing. */
static bool markpiece(bool withroots)
{
	return !markdrain(CHUNK) || (withroots && rootsjob()) || wbdrain(scanword);
}

/* Marks for about ns; false when nothing was left before. */
static bool markslice(int64_t ns)
{
	int64_t end = nanotime() + ns;
	bool more;
	markenter();
	do {
		more = markpiece(true);
		gcbalance(gcwork());
	} while (more && nanotime() < end);
	markleave();
	return more;
}

static bool marksettled(void)
{
	return load_acq(&workers.active) == 0 && !gchaswork() && !rootsleft();
}

/* ---- workers ---- */

/* Somebody waits for a P. */
static bool wanted(struct p *mine)
{
	if (!runqempty(mine) || load_rlx(&sched.runqsize))
		return true;
	for (int32_t i = 0; i < gomaxprocs; i++)
		if (runqworth(allp[i]))
			return true;
	return false;
}

/* How long to sleep until workers have had no more than their share; 0: not at all. */
static int64_t overdrawn(int64_t now)
{
	int64_t share = (int64_t)((double)(now - workers.start) * GCSHARE * gomaxprocs);
	int64_t over = load_rlx(&workers.background) - share;
	if (over <= 0)
		return 0;
	int64_t nap = (int64_t)((double)over / (GCSHARE * gomaxprocs));
	return nap < NAPMIN_NS ? NAPMIN_NS : nap > NAPMAX_NS ? NAPMAX_NS : nap;
}

static void teststep(enum gcteststep at)
{
	if (unlikely(gcteststep))
		gcteststep(at);
}

static void workerturn(void)
{
	teststep(GCTEST_MARK);
	int64_t start = nanotime(), cpu = limitclock();
	bool busy = wanted(getm()->p), more = markslice(SLICE_NS);
	int64_t now = nanotime(), nap = 0;
	xadd_rlx(busy ? &workers.background : &workers.idle, now - start);
	limitmarked(cpu, !busy);
	if (!more && marksettled()) {
		teststep(GCTEST_DONE);
		gcmarkdone();
	} else if (!more) {
		nap = NAPMIN_NS; /* the others have it all */
	} else if (wanted(getm()->p)) {
		nap = overdrawn(now);
	}
	if (nap)
		gort_sleep(nap);
	else
		gort_gosched();
}

static void parkcommit(void *arg)
{
	(void)arg;
	unlock(&workers.lock);
}

static void workerpark(void)
{
	struct g *gp = getm()->curg;
	lock(&workers.lock);
	if (gcmarking()) {
		unlock(&workers.lock);
		return;
	}
	LIST_PUSH_BACK(&workers.parked, gp, schedlink);
	gopark(parkcommit, NULL, waitReasonGCWorkerIdle);
}

/* It never collects: collecting stays set. */
static void worker(void)
{
	gcold(getm()->curg)->collecting = true;
	for (;;) {
		workerpark();
		while (gcmarking())
			workerturn();
	}
}

/* Counts as no goroutine of the program. */
static void newworker(void)
{
	newsystemproc(worker, (uintptr_t)newworker);
	getm()->p->ngexited++;
	workers.n++;
}

void workersbegin(int64_t now)
{
	workers.start = now;
	store_rlx(&workers.background, 0);
	store_rlx(&workers.assisted, 0);
	store_rlx(&workers.idle, 0);
}

void workersstart(void)
{
	struct gQueue all;
	while (workers.n < gomaxprocs && workers.n < MAXWORKERS)
		newworker();
	lock(&workers.lock);
	all = workers.parked;
	workers.parked = (struct gQueue){0};
	unlock(&workers.lock);
	for (struct g *gp; (gp = LIST_POP(&all, schedlink));)
		goready(gp);
}

struct gctimes workerstimes(void)
{
	return (struct gctimes){load_rlx(&workers.background), load_rlx(&workers.assisted),
		load_rlx(&workers.idle)};
}

/* ---- assists ---- */

struct since {
	int64_t now, cpu;
};

static struct since since(void)
{
	return (struct since){nanotime(), limitclock()};
}

static void assisted(struct since begin)
{
	xadd_rlx(&workers.assisted, nanotime() - begin.now);
	limitmarked(begin.cpu, false);
}

/* Never roots: a stack may have to be waited for, by whoever holds a lock of a channel. */
void gcassist(uint64_t debt)
{
	struct since start = since();
	markenter();
	for (uint64_t done = 0; done < debt && done < ASSISTMAX; done += CHUNK)
		if (!markpiece(false))
			break;
	markleave();
	assisted(start);
}

/*
 * Until he has marked for a slice, or the cycle is over: while others have all there is to mark,
 * and perhaps no CPU, the heap must not grow.
 */
void gchold(void)
{
	for (int64_t nap = NAPMIN_NS; gcmarking() && !limitreached();) {
		struct since start = since();
		bool more = markslice(SLICE_NS);
		assisted(start);
		if (more)
			return;
		gort_sleep(nap);
		nap = 2 * nap < NAPMAX_NS ? 2 * nap : NAPMAX_NS;
	}
}
