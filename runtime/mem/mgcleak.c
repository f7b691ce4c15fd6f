/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mgcleak.c - goroutine leaks, proved by reachability (Go's findGoroutineLeaks in mgc.go; Saraph et
 * al.: Dynamic Partial Deadlock Detection and Recovery via Garbage Collection, ASPLOS 2025).
 *
 * A goroutine that waits for channels, locks or conditions is no root. Everything is marked from
 * the others; who waits for something that was marked may be woken, so its stack is marked too;
 * until nobody is added. Who is left waits for what nobody can reach. It is all done in one stop:
 * one look is a proof. At the end the stacks of those who are left are marked as well. They keep
 * what they have, and their state: Go's, once they are called leaked, crash the program when a
 * pointer that the collector does not see wakes one after all.
 *
 * Wait queues are no roots without being left out: a sudog lies in struct g or on its waiter's
 * stack, and neither is part of the heap. (The cases of a large select are, but lead only to
 * channels of a goroutine that the channel leading to them has woken.)
 *
 * In C locks and wait groups lie on stacks too, and Go's rule that what is outside the heap is
 * reachable would find none of those leaks. So the stack of a goroutine that waits is taken for one
 * object: whatever points into it from something marked makes it reachable, with all it holds. As a
 * C program may well keep the address of a variable in memory that is not scanned (malloc's), a
 * leak that rests on that is only likely.
 *
 * Rejected: marking concurrently. What waits cannot run, and the stop is as long as the heap takes
 * to be marked; but only who asks for a verdict pays for it, and a stop needs no barrier to be
 * believed.
 */
#include "mem/mgcleak.h"

#include "debug/heapsort.h"
#include "gort/gc.h"
#include "mem/malloc.h"
#include "mem/mbarrier.h"
#include "mem/mgc.h"
#include "sched/runtime2.h"

/* A goroutine that is no root. */
struct waiter {
	const struct g *gp;
	uintptr_t lo, hi;      /* what is in use of its stack */
	bool reached;          /* something that is reachable points into its stack */
	bool woken;            /* and so is what it waits for */
	enum gsnap_leak class; /* if not */
};

static struct {
	struct waiter *v; /* by stack */
	size_t n, room;
	uintptr_t sp; /* where the caller's stack begins */
} look;

/* ---- what a goroutine waits for ---- */

static bool forever(const struct g *gp)
{
	return gp->waitreason >= waitReasonChanReceiveNilChan &&
	       gp->waitreason <= waitReasonSelectNoCases;
}

/* In a select with a timeout, which comes. */
static bool timed(const struct g *gp)
{
	const struct gcold *c = gcold(gp);
	for (uint32_t i = 0; i < c->ncases; i++)
		if (c->cases[i].kind == GORT_CASE_AFTER)
			return true;
	return false;
}

/* Only others can make it go on, by way of an object of the program. */
static bool waits(const struct g *gp)
{
	if (load_acq(&gp->atomicstatus) != _Gwaiting || gp->system)
		return false;
	if (gp->waitreason == waitReasonSelect)
		return !timed(gp);
	return gp->waitreason == waitReasonSemacquire ||
	       (gp->waitreason >= waitReasonChanReceiveNilChan &&
		       gp->waitreason <= waitReasonSyncWaitGroupWait);
}

/*
 * One of the runtime's own that waits for work. It holds nothing of the program, but its stack may
 * have been another's, who has left pointers there: it comes last, with the leaked ones.
 */
static bool idle(const struct g *gp)
{
	return load_acq(&gp->atomicstatus) == _Gwaiting && gp->system &&
	       (gp->waitreason == waitReasonGCSweepWait ||
		       gp->waitreason == waitReasonGCWorkerIdle ||
		       gp->waitreason == waitReasonFinalizerWait);
}

static bool noroot(const struct g *gp)
{
	return waits(gp) || idle(gp);
}

/* On whose stack addr lies; NULL: of none of them. */
static struct waiter *owner(uintptr_t addr)
{
	size_t lo = 0, hi = look.n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (look.v[mid].hi <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < look.n && look.v[lo].lo <= addr ? &look.v[lo] : NULL;
}

/* Whether addr, what w waits for, can be reached. */
static bool live(struct waiter *w, const void *object)
{
	uintptr_t addr = (uintptr_t)object;
	const struct waiter *on = owner(addr);
	if (on && !on->reached)
		w->class = GSNAP_LEAK_LIKELY;
	return on ? on->reached : !isunmarked(addr);
}

/* A nil channel in a select never becomes ready. */
static bool anycase(struct waiter *w)
{
	const struct gcold *c = gcold(w->gp);
	bool any = false;
	for (uint32_t i = 0; i < c->ncases && !any; i++)
		any = c->cases[i].c && live(w, c->cases[i].c);
	return any;
}

static bool canwake(struct waiter *w)
{
	const struct g *gp = w->gp;
	w->class = GSNAP_LEAK_UNREACHABLE;
	if (forever(gp)) {
		w->class = GSNAP_LEAK_FOREVER;
		return false;
	}
	if (gp->waitreason == waitReasonSelect)
		return anycase(w);
	return live(w, gp->sudog.c ? (const void *)gp->sudog.c : gp->sudog.elem);
}

/* ---- marking ---- */

static void reach(struct waiter *w)
{
	if (w->reached)
		return;
	w->reached = true;
	rootsgoroutine(w->gp);
}

static void stray(uintptr_t word)
{
	struct waiter *w = owner(word);
	if (w)
		reach(w);
}

/* True when somebody was added. */
static bool wakesome(void)
{
	bool any = false;
	for (size_t i = 0; i < look.n; i++) {
		struct waiter *w = &look.v[i];
		if (w->woken || !canwake(w))
			continue;
		w->woken = any = true;
		reach(w);
		markdrain(UINT64_MAX);
	}
	return any;
}

static bool stackless(const struct heapsort *h, size_t a, size_t b)
{
	(void)h;
	return look.v[a].lo < look.v[b].lo;
}

static void stackswap(const struct heapsort *h, size_t a, size_t b)
{
	struct waiter w = look.v[a];
	(void)h;
	look.v[a] = look.v[b];
	look.v[b] = w;
}

static void gather(void)
{
	uint64_t n = load_acq(&allglen);
	struct g **all = load_acq(&allgptr);
	look.room = (n + 1) * sizeof(*look.v);
	look.v = sysalloc(look.room);
	look.n = 0;
	for (uint64_t i = 0; i < n; i++)
		if (waits(all[i]))
			look.v[look.n++] = (struct waiter){.gp = all[i],
				.lo = rootssp(all[i]),
				.hi = all[i]->stack.hi + sizeof(struct gcold)};
	heapsort_run(&(struct heapsort){.less = stackless, .swap = stackswap}, look.n);
}

/* ---- the verdict ---- */

static bool goidless(const struct heapsort *h, size_t a, size_t b)
{
	const struct gleak *v = h->keys;
	return v[a].goid < v[b].goid;
}

static void goidswap(const struct heapsort *h, size_t a, size_t b)
{
	struct gleak *v = h->elements, l = v[a];
	v[a] = v[b];
	v[b] = l;
}

static void report(struct gleaks *out)
{
	out->room = (look.n + 1) * sizeof(*out->v);
	out->v = sysalloc(out->room);
	for (size_t i = 0; i < look.n; i++) {
		const struct waiter *w = &look.v[i];
		if (!w->woken && w->gp != sched.maing)
			out->v[out->n++] = (struct gleak){w->gp->goid, w->class};
	}
	heapsort_run(&(struct heapsort){goidless, goidswap, out->v, out->v}, out->n);
}

/*
 * gort_pending of a thread that stands in the handler may be of a store that is under way. In the
 * others it is of their last one, and would keep what that wrote to.
 */
static void forgetstores(void)
{
	for (const struct m *mp = load_acq(&allm); mp; mp = mp->alllink)
		if (mp->tp && (load_acq(&mp->stop.state) & STOP_MASK) != STOP_STANDS)
			*(volatile uintptr_t *)(mp->tp + (uintptr_t)pendingoffset) = 0;
}

static void markidle(void)
{
	uint64_t n = load_acq(&allglen);
	struct g **all = load_acq(&allgptr);
	for (uint64_t i = 0; i < n; i++)
		if (idle(all[i]))
			rootsgoroutine(all[i]);
}

static void markleaks(uintptr_t sp, void *arg)
{
	forgetstores();
	gather();
	if (look.n) /* a bound that is kept in a variable must not be a pointer into a stack */
		markstray(stray, look.v[0].lo - 8, look.v[look.n - 1].hi);
	rootsmark(look.sp, noroot);
	markdrain(UINT64_MAX);
	while (wakesome())
		;
	report(arg);
	markstray(NULL, 0, 0);
	scanblock(sp, look.sp);
	for (size_t i = 0; i < look.n; i++)
		if (!look.v[i].reached)
			rootsgoroutine(look.v[i].gp);
	markidle();
	markdrain(UINT64_MAX);
	sysfree(look.v, look.room);
}

bool gleaksfind(uintptr_t sp, struct gleaks *out)
{
	*out = (struct gleaks){0};
	look.sp = sp;
	return gccollectby(markleaks, out);
}

enum gsnap_leak gleaksof(const struct gleaks *l, uint64_t goid)
{
	size_t lo = 0, hi = l->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (l->v[mid].goid < goid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->n && l->v[lo].goid == goid ? l->v[lo].class : GSNAP_LEAK_NONE;
}

void gleaksfree(struct gleaks *l)
{
	if (l->v)
		sysfree(l->v, l->room);
}
