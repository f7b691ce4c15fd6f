/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mfinal.c - finalizers (Go's mfinal.go), and the two goroutines that call them and cleanups.
 *
 * The sweep that finds the object unreachable takes the special off its span and appends it to a
 * queue, of which it becomes an entry: nothing is allocated. It may be anybody who allocates, so
 * it wakes nobody, but sets finwanted and closes its gate: its goroutine does it at its next entry
 * into libgort, which comes before it can block. Sweeps of threads without a P are left to sysmon.
 *
 * Finalizers run one after the other, and so do cleanups, beside them.
 */
#include "base/throw.h"
#include "gort/finalizer.h"
#include "mem/mbarrier.h"
#include "mem/mgc.h"
#include "mem/mheap.h"
#include "mem/mspecial.h"
#include "mem/nostop.h"
#include "sched/park.h"
#include "sched/preempt.h"
#include "sched/race.h"

struct finqueue {
	struct mutex lock;
	struct special *first, *last;
	struct g *waiting; /* its goroutine, while it waits */
	_Atomic bool started;
};

static struct finqueue finalizers = {.lock = {.rank = lockRankFin}};
static struct finqueue cleanups = {.lock = {.rank = lockRankFin}};
_Atomic bool finwanted;

/* ---- the queues ---- */

static void append(struct finqueue *q, struct special *sp)
{
	struct m *mp = getm();
	sp->next = NULL;
	nostop_begin();
	lock(&q->lock);
	if (q->first)
		q->last->next = sp;
	else
		q->first = sp;
	q->last = sp;
	unlock(&q->lock);
	nostop_end();
	store_rlx(&finwanted, true);
	if (mp && mp->curg && mp->p)
		closegate(mp);
}

/* The oldest entry, which it waits for. */
static struct special *take(struct finqueue *q)
{
	for (;;) {
		lock(&q->lock);
		struct special *sp = q->first;
		if (sp) {
			q->first = sp->next;
			unlock(&q->lock);
			return sp;
		}
		q->waiting = getm()->curg;
		goparkunlock(&q->lock, waitReasonFinalizerWait);
	}
}

static __attribute__((noinline)) void callone(struct finqueue *q)
{
	struct special *sp = take(q);
	void (*fn)(void *arg) = sp->fn;
	void *arg = sp->arg;
	raceacquire(sp);
	specialfree(sp);
	fn(arg);
	getgchecked("the finalizers"); /* the P may have been taken */
}

static void callfinalizers(void)
{
	for (;;)
		callone(&finalizers);
}

static void callcleanups(void)
{
	for (;;)
		callone(&cleanups);
}

/* Counts as no goroutine of the program. */
static void start(struct finqueue *q, void (*fn)(void))
{
	bool not = false;
	if (load_rlx(&q->started) || !cas_acqrel(&q->started, &not, true))
		return;
	newsystemproc(fn, (uintptr_t)fn);
	getm()->p->ngexited++;
}

static void wake(struct finqueue *q)
{
	struct gQueue ready = {0};
	lock(&q->lock);
	struct g *gp = q->first ? q->waiting : NULL;
	if (gp)
		q->waiting = NULL;
	unlock(&q->lock);
	if (!gp)
		return;
	store_rlx(&gp->atomicstatus, _Grunnable);
	usdt_go_unblock(gp);
	LIST_PUSH_BACK(&ready, gp, schedlink);
	injectglist(&ready);
}

void finwake(void)
{
	if (likely(!load_rlx(&finwanted)) || !xchg_acqrel(&finwanted, false))
		return;
	wake(&finalizers);
	wake(&cleanups);
}

static void scanqueue(const struct finqueue *q)
{
	for (const struct special *sp = q->first; sp; sp = sp->next)
		scanword((uintptr_t)sp->arg);
}

const struct gort_abi_roots finlist = {&finalizers.first, offsetof(struct special, next),
	offsetof(struct special, arg), offsetof(struct special, arg) + sizeof(void *)};
const struct gort_abi_roots cleanuplist = {&cleanups.first, offsetof(struct special, next),
	offsetof(struct special, arg), offsetof(struct special, arg) + sizeof(void *)};

void finroots(void)
{
	scanqueue(&finalizers);
	scanqueue(&cleanups);
}

void queuefinalizer(struct special *sp)
{
	append(&finalizers, sp);
}

void queuecleanup(struct special *sp)
{
	append(&cleanups, sp);
}

void startcleanups(void)
{
	start(&cleanups, callcleanups);
}

/* ---- the program's side ---- */

/* The span of an object that may have a finalizer. */
static struct mspan *finalizable(const void *p)
{
	struct mspan *s = NULL;
	uint32_t i;
	uintptr_t base = findObject((uintptr_t)p, &s, &i);
	if (!base)
		throw("gort_set_finalizer: %p does not point into the heap", p);
	if (base != (uintptr_t)p && !(s->kind == SPANNOSCAN && s->elemsize == TINYSIZE))
		throw("gort_set_finalizer: %p is not the beginning of an object, which is at %p", p,
			(void *)base);
	return s;
}

void gort_set_finalizer(void *p, void (*fn)(void *p))
{
	getgchecked("gort_set_finalizer");
	struct mspan *s = finalizable(p);
	if (!fn) {
		struct special *old = removespecial(s, (uintptr_t)p, SPECIALFINALIZER, 0);
		if (old)
			specialfree(old);
		return;
	}
	start(&finalizers, callfinalizers);
	struct special *sp = specialalloc(SPECIALFINALIZER);
	sp->fn = fn;
	sp->arg = p;
	racerelease(sp);
	if (!addspecial(s, p, sp))
		throw("gort_set_finalizer: %p has a finalizer already", p);
	/* What it refers to is a root from now on; of a marking that goes on, too. */
	if (wbenabled() && s->kind != SPANNOSCAN)
		gort_wbrange(p, s->elemsize);
}
