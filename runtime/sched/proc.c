/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proc.c - goroutines: creation, parking, waking, exit, and the switches between them (the G half
 * of Go's proc.go; Ms and Ps are in m.c).
 *
 * A goroutine that blocks picks the next one itself, on its own stack, and switches straight to
 * it; the M's system stack (g0) is entered only when there is nothing to run, or nothing that can
 * run yet.
 *
 * The switch-out protocol. No lock is held over a switch and nobody waits for one on a
 * goroutine's stack. Enqueue under the object's lock, mark as waiting, unlock, switch. From the
 * unlock on, a waker may put the goroutine on any run queue although it still runs. Whoever takes
 * it off finds sched.sp == 0 until the switch is complete, and then must wait; it does so on g0
 * (m.nextg). Waiting on a goroutine's stack could deadlock: M1 leaving G1 may have picked G2
 * while M2 leaving G2 has picked G1.
 *
 * Stacks are bound late: newproc only fills in a struct g. A fresh goroutine gets its stack at
 * its first run, and when the goroutine before it has just exited, it takes over that stack
 * without a switch.
 *
 * Rejected: switching through g0 each time, as Go's mcall does, costs a second switch. Rejected:
 * a lock held over the switch and dropped by the next goroutine, as it makes each waker wait.
 */
#include "sched/proc.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/throw.h"
#include "debug/usdt.h"
#include "lang/defer.h"
#include "mem/malloc.h"
#include "mem/mgc.h"
#include "sched/asm.h"
#include "sched/netpoll.h"
#include "sched/park.h"
#include "sched/preempt.h"
#include "sched/race.h"
#include "sched/runq.h"
#include "sched/sanitizer.h"
#include "sched/stack.h"
#include "sched/timer.h"

struct schedt sched;
_Atomic(struct g **) allgptr;
_Atomic uint64_t allglen;

static struct mutex allglock = {.rank = lockRankAllg};

/* ---- struct g: allgs and free lists ---- */

/* allgs: address space for 2^27 Gs, of which as much is opened as is used. */
#define ALLGMAX  ((size_t)1 << 30)
#define ALLGSTEP ((size_t)64 << 10)

static struct {
	size_t opened, reserved; /* bytes */
} allg;

static void allggrow(void)
{
	if (!load_rlx(&allgptr))
		store_rel(&allgptr, sysreserve(ALLGMAX, ALLGSTEP, 32, &allg.reserved));
	char *end = (char *)load_rlx(&allgptr) + allg.opened;
	if (allg.opened == allg.reserved)
		throwlimit(LIMIT_MEMORY,
			"%zu goroutines are all that the reserved %zu bytes "
			"of address space have room for",
			allg.opened / sizeof(struct g *), allg.reserved);
	if (!sysmap(end, ALLGSTEP))
		throwlimit(LIMIT_MEMORY, "no memory for the list of %zu goroutines",
			allg.opened / sizeof(struct g *));
	allg.opened += ALLGSTEP;
}

/*
 * Appends n Gs. The array never moves nor changes below allglen: a reader that loads allglen and
 * then allgptr (acquire, paired with the releases here) finds allglen valid pointers, whatever it
 * is interrupted by.
 */
static void allgadd(struct g **gs, uint32_t n)
{
	lock(&allglock);
	uint64_t len = load_rlx(&allglen);
	while ((len + n) * sizeof(*gs) > allg.opened)
		allggrow();
	struct g **array = load_rlx(&allgptr);
	for (uint32_t i = 0; i < n; i++)
		array[len + i] = gs[i];
	store_rel(&allglen, len + n);
	unlock(&allglock);
}

#define GBATCH 64

static void gfmove(struct gfree *to, struct gfree *from, uint32_t n)
{
	for (; n > 0 && from->first; n--) {
		struct g *gp = from->first;
		from->first = gp->schedlink;
		from->n--;
		prefetchg(gp);
		gp->schedlink = to->first;
		to->first = gp;
		to->n++;
	}
}

static __attribute__((noinline)) void gfrefill(struct p *pp)
{
	lock(&sched.gFreelock);
	gfmove(&pp->gFree, &sched.gFree, GBATCH);
	unlock(&sched.gFreelock);
	if (pp->gFree.n)
		return;
	struct g *batch = persistentalloc(GBATCH * sizeof(struct g)), *gs[GBATCH];
	struct gfree fresh = {0};
	for (uint32_t i = GBATCH; i-- > 0;) {
		store_rlx(&batch[i].atomicstatus, _Gdead);
		gs[i] = &batch[i];
		batch[i].schedlink = fresh.first;
		fresh.first = &batch[i];
	}
	fresh.n = GBATCH;
	allgadd(gs, GBATCH);
	pp->gFree = fresh;
}

static struct g *gfget(struct p *pp)
{
	if (unlikely(!pp->gFree.first))
		gfrefill(pp);
	struct g *gp = pp->gFree.first;
	pp->gFree.first = gp->schedlink;
	pp->gFree.n--;
	return gp;
}

static __attribute__((noinline)) void gfspill(struct p *pp)
{
	lock(&sched.gFreelock);
	gfmove(&sched.gFree, &pp->gFree, 8 * GBATCH);
	unlock(&sched.gFreelock);
}

static void gfput(struct p *pp, struct g *gp)
{
	gp->schedlink = pp->gFree.first;
	pp->gFree.first = gp;
	if (unlikely(++pp->gFree.n >= 16 * GBATCH))
		gfspill(pp);
}

/* ---- creation ---- */

#define GOIDCACHE 16

static uint64_t goidget(struct p *pp)
{
	if (unlikely(pp->goidcache == pp->goidcacheend)) {
		pp->goidcache = xadd_rlx(&sched.goidgen, GOIDCACHE) + 1;
		pp->goidcacheend = pp->goidcache + GOIDCACHE;
	}
	return pp->goidcache++;
}

struct g *newproc1(const struct gort_call *fn, uintptr_t gopc, uint8_t class)
{
	struct m *mp = getm();
	struct p *pp = mp->p;
	struct g *gp = gfget(pp);
	for (unsigned i = 0; i < 5; i++)
		gp->arg0to4[i] = fn->w[i];
	gp->startc = NULL;
	gp->arg5 = fn->w[5];
	gp->goid = goidget(pp);
	gp->parentGoid = mp->curg ? mp->curg->goid : 0;
	store_rlx(&gp->labels, mp->curg ? load_rlx(&mp->curg->labels) : NULL);
	gp->gopc = gopc;
	gp->name = NULL;
	gp->startpc = (uintptr_t)fn->fn;
	gp->stackclass = class & 3;
	gp->bubble = bubblenow() & (NBUBBLE - 1);
	pp->ngcreated++;
	if (unlikely(raceenabled))
		racenewg(mp, gp);
	/*
	 * Everything above is visible to whoever takes gp off a queue: release of the queue's
	 * tail.
	 */
	store_rel(&gp->atomicstatus, _Grunnable);
	usdt_go_create(gp);
	runqputnext(pp, gp);
	if (unlikely(load_rlx(&pp->fresh)))
		wakefresh(pp);
	return gp;
}

struct g *newproc(const struct gort_call *fn, uintptr_t gopc)
{
	return newproc1(fn, gopc, stackdefault);
}

void newsystemproc(void (*fn)(void), uintptr_t gopc)
{
	struct g *gp = newproc(&(struct gort_call){.fn = fn}, gopc);
	gp->system = true;
	gp->bubble = 0;
}

void gort_go_stack(const struct gort_call *call, size_t size)
{
	int class = stackclassof(size);
	getgchecked("go");
	if (class < 0)
		gopanic_text("go: stack of %zu bytes: the largest has 8 MiB", size);
	newproc1(call, (uintptr_t)__builtin_return_address(0), (uint8_t) class);
}

void gort_go(const struct gort_call *call)
{
	getgchecked("go");
	newproc(call, (uintptr_t)__builtin_return_address(0));
}

/* ---- preempted goroutines: preempt.c ---- */

/* Pinned and other goroutines take turns of this much each while both have work. */
#define PINNED_NS 10000000

struct g *pinnedget(struct m *mp)
{
	struct g *gp = LIST_POP(&mp->pinned, schedlink);
	if (!mp->pinned.first)
		and_acqrel(&mp->events, ~(uint32_t)EVENT_PINNED);
	return gp;
}

struct g *besidepinned(struct m *mp, struct g *gp)
{
	if (gp && gp != mp->curg && gp->stack.hi && gcold(gp)->unseen && !gp->wired) {
		gp->wired = true; /* so g0 decides */
		gcold(gp)->lockedm = NULL;
	}
	return gp;
}

/*
 * A pinned goroutine runs when there is nothing else, or when others have had their turn. It may
 * take its whole slice: before it, timers and ready descriptors are looked at, so that who they
 * wake is not behind it.
 */
static struct g *pickpinned(struct m *mp)
{
	struct p *pp = mp->p;
	bool others = load_rlx(&sched.now) - mp->pinnedwhen < PINNED_NS;
	struct g *gp = others ? besidepinned(mp, runqpick(pp)) : NULL;
	if (gp)
		return gp;
	int64_t now = nanotime();
	store_rlx(&sched.now, now);
	timersrun(pp, now);
	if (netpollAnyWaiters()) {
		struct gQueue ready = netpoll(0);
		injectglist(&ready);
	}
	gp = others ? besidepinned(mp, runqpick(pp)) : NULL;
	if (gp)
		return gp;
	store_rlx(&pp->schedtick, load_rlx(&pp->schedtick) + 1);
	return pinnedget(mp);
}

struct g *pickevent(struct m *mp)
{
	uint32_t events = and_acqrel(&mp->events, ~(uint32_t)EVENT_PREEMPT);
	preempted(mp);
	if (unlikely(events & EVENT_RACE)) {
		raceswitch(mp, NULL);
		return NULL; /* g0 decides: pickrace */
	}
	if (unlikely(events & EVENT_STOP) && load_acq(&sched.gcwaiting))
		return NULL; /* g0 gives the P up */
	if (unlikely(events & EVENT_LOCKED))
		return NULL; /* g0 waits for the one goroutine of this thread */
	struct g *gp = events & EVENT_PINNED ? pickpinned(mp) : runqpick(mp->p);
	return unlikely(events & EVENT_GC) ? gcbeforerun(mp, gp) : gp;
}

/* The decision that pickevent left to g0. */
static struct g *pickrace(struct m *mp)
{
	if (load_acq(&sched.gcwaiting))
		return NULL;
	return load_rlx(&mp->events) & EVENT_PINNED ? pickpinned(mp) : runqpick(mp->p);
}

void park(void (*unlockf)(void *arg), void *arg, waitReason reason)
{
	struct m *mp = getm();
	struct g *gp = mp->curg;
	markwaiting(gp, reason);
	unlockf(arg);
	schedule(mp, gp);
}

void goparkforever(waitReason reason)
{
	struct m *mp = getm();
	struct g *gp = mp->curg;
	gp->waiting = NULL;
	markwaiting(gp, reason);
	schedule(mp, gp);
	throw("gopark: goroutine %lu was woken from an endless wait", (unsigned long)gp->goid);
}

static __attribute__((noinline)) void gosched(void)
{
	struct g *gp = getgchecked("gort_gosched");
	struct m *mp = getm();
	struct p *pp = mp->p;
	if (!pp->runnext && runqlen(pp) == 0 && load_rlx(&sched.runqsize) == 0 &&
		!mp->pinned.first) {
		/* Alone here: only look now and then at timers and the poller. */
		uint32_t tick = load_rlx(&pp->schedtick) + 1;
		store_rlx(&pp->schedtick, tick);
		if (likely(tick % 64 != 0 && !load_rlx(&pp->slow)))
			return;
		struct g *next = runqpickslow(pp, tick);
		if (next)
			runqputtail(pp, next);
		if (!next && !pp->runnext)
			return;
	}
	store_rlx(&gp->atomicstatus, _Grunnable);
	usdt_go_sched(gp);
	runqputtail(pp, gp);
	schedule(mp, gp);
}

void gort_gosched(void)
{
	struct m *mp = getm();
	if (gort_elide.mode != GORT_OWNER || !rotate(mp, mp->curg))
		gosched();
}

void pin(struct m *mp, struct g *gp)
{
	if (mp->lockedg) {
		runqputtail(mp->p, gp); /* it comes back to this thread anyway */
	} else {
		LIST_PUSH_BACK(&mp->pinned, gp, schedlink);
		or_acqrel(&mp->events, EVENT_PINNED);
		mp->pinnedwhen = nanotime();
	}
}

void gopreempt(void)
{
	struct m *mp = getm();
	struct g *gp = mp->curg;
	if (gcold(gp)->locks)
		return;
	store_rlx(&gp->atomicstatus, _Grunnable);
	runqputtail(mp->p, gp);
	schedule(mp, gp);
}

void gopreemptasync(void)
{
	struct m *mp = getm();
	struct g *gp = mp->curg;
	store_rlx(&gp->atomicstatus, _Grunnable);
	pin(mp, gp);
	schedule(mp, gp);
}

void leavepinned(void)
{
	struct m *mp = getm();
	struct g *gp = mp->curg;
	store_rlx(&gp->atomicstatus, _Grunnable);
	gp->m = NULL;
	mp->nextg = gp;
	or_acqrel(&mp->events, EVENT_MOVE);
	mp->curg = NULL;
	if (unlikely(raceenabled))
		raceswitch(mp, NULL);
	mswitch(mp->p, gp, mp->g0);
}

void pinnedsend(struct m *mp)
{
	struct g *gp = pinnedget(mp);
	gp->wired = true;
	gcold(gp)->lockedm = mp;
	globrunqput(gp);
}

/* ---- exit ---- */

/*
 * The calling goroutine is done: everything that it still uses of its stack is this frame.
 * Returns when a fresh goroutine has taken over the stack, which the caller then runs.
 */
static void goexit0(struct m *mp)
{
	struct g *gp = mp->curg;
	struct p *pp = mp->p;
	struct stack stack = gp->stack;
	gp->m = NULL;
	endpanics(gcold(gp));
	gcold(gp)->locks = 0;
	gcold(gp)->blocking = false;
	gcold(gp)->unseen = false;
	gcold(gp)->collecting = false;
	if (unlikely(gp->wired))
		exitlocked(mp, gp);
	store_rlx(&gp->atomicstatus, _Gdead);
	usdt_go_end(gp);
	pp->ngexited++;
	struct g *next = pick(mp);
	if (unlikely(raceenabled))
		racegoend(gp);
	if (next && next->stack.hi == 0 && !next->aside && next->stackclass == gp->stackclass) {
		gp->stack = (struct stack){0, 0};
		next->stack = stack;
		execute(mp, next);
		gfput(pp, gp);
		return;
	}
	stackfreeself(pp, gp);
	gfput(pp, gp);
	if (!next || next->stack.hi == 0 || next->aside || !canrun(next)) {
		mp->nextg = next;
		next = mp->g0;
		mp->curg = NULL;
	} else {
		execute(mp, next);
	}
	san_abandon();
	san_leave(NULL, next->stack.lo, next->stack.hi);
	gogo(&next->sched);
}

static void callstart(const struct g *gp)
{
	typedef void (*fn6)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
	const uint64_t *w = gp->arg0to4;
	((fn6)gp->startpc)(w[0], w[1], w[2], w[3], w[4], gp->arg5);
}

void gomain(void)
{
	san_enter(getm()->curg);
	for (;;) {
		callstart(getm()->curg);
		getgchecked("go");
		goexit0(getm());
	}
}

void goleave(void)
{
	getgchecked("goexit");
	san_abandon();
	goexit0(getm());
	/* The stack now belongs to curg: start it at the top. */
	struct g *gp = getm()->curg;
	san_leave(NULL, gp->stack.lo, gp->stack.hi);
	gorestart(gp->stack.hi);
}

void goreturn(void)
{
	struct g *gp = getgchecked("recover");
	if (gp == sched.maing && !gcold(gp)->goexitsp)
		exit(gcleakgate(0));
	goleave();
}

void gort_goexit(void)
{
	rundefers(getgchecked("gort_goexit"));
	goleave();
}

/* ---- g0 ---- */

/* Waits until gp's last M has left its stack. */
static void waitswitchedout(struct g *gp)
{
	for (unsigned i = 0; !canrun(gp); i++)
		osyield_backoff(i);
}

/* mayrun of one that is wired. */
static bool wiredhere(struct m *mp, struct g *gp)
{
	struct m *lockedm = gcold(gp)->lockedm;
	if (lockedm == mp) {
		gp->wired = mp->lockedg == gp;
		return true;
	}
	if (lockedm) {
		startlockedm(mp, gp);
	} else { /* besidepinned */
		gp->wired = false;
		movetom(mp, gp);
	}
	return false;
}

/* Whether mp may run gp; else gp and the P of mp are on their way to another M. */
static bool mayrun(struct m *mp, struct g *gp)
{
	if (unlikely(load_rlx(&mp->events) & EVENT_MOVE)) {
		and_acqrel(&mp->events, ~(uint32_t)EVENT_MOVE);
		movetom(mp, gp);
		return false;
	}
	if (likely(!gp->aside))
		return true;
	if (gp->wired && !wiredhere(mp, gp))
		return false;
	if (gp->timed)
		runqtimed(mp->p, gp);
	return true;
}

/* The scheduler loop of an M, on its own stack. */
void mainloop(struct m *mp)
{
	for (;;) {
		struct g *gp = mp->nextg;
		mp->nextg = NULL;
		if (unlikely(load_rlx(&mp->events) & EVENT_LOCKED)) {
			if (mp->exiting) {
				mexit(mp);
				return;
			}
			gp = gp ? gp : stoplockedm(mp);
		}
		if (!gp && unlikely(raceenabled) && mp->p)
			gp = pickrace(mp);
		if (!gp)
			gp = findrunnable(mp);
		waitswitchedout(gp);
		if (unlikely(load_acq(&gcscanning)))
			gcbeforerung0(mp, gp);
		if (!mayrun(mp, gp))
			continue;
		execute(mp, gp);
		if (unlikely(raceenabled))
			racerun(mp, gp);
		mswitch(mp->p, mp->g0, gp);
	}
}

/* ---- start and small things ---- */

#define MAINFRAME 128 /* of gort_run: what it has saved of its caller's registers */

static struct {
	int (*fn)(int, char **);
	int argc;
	char **argv;
} mainarg;

/* The main goroutine; the others die with it, as in Go. */
static void maingoroutine(void)
{
	int code = mainarg.fn(mainarg.argc, mainarg.argv);
	exit(gcleakgate(code));
}

void gort_run(int (*fn)(int argc, char **argv), int argc, char **argv)
{
	if (sched.started)
		throw("gort_run: called twice");
	mainarg.fn = fn;
	mainarg.argc = argc;
	mainarg.argv = argv;
	m0.g0_.syscallsp = (uintptr_t)__builtin_frame_address(0) - MAINFRAME;
	schedinit();
	struct gort_call call = {.fn = maingoroutine};
	sched.maing = newproc(&call, (uintptr_t)__builtin_return_address(0));
	struct m *mp = getm();
	mp->nextg =
		runnextget(mp->p); /* nobody steals it: it begins on the main thread, as in Go */
	sysmonstart();
	mainloop(mp);
	throw("mainloop: returned on the main thread");
}

/* Sums over Ps move while they are added up: exact only when nothing else runs. */
gort_isize gort_num_goroutine(void)
{
	int64_t n = 0;
	for (int32_t i = 0, all = load_acq(&nallp); i < all; i++)
		n += (int64_t)(allp[i]->ngcreated - allp[i]->ngexited);
	return (gort_isize)n;
}

void gort_set_name(const char *name)
{
	struct g *gp = getgchecked("gort_set_name");
	char *buf = gcold(gp)->namebuf;
	gp->name = NULL;
	if (unlikely(raceenabled))
		racename(gp, name);
	compiler_barrier(); /* a reader that sees name sees a terminated text */
	if (!name || !*name)
		return;
	size_t n = strnlen(name, GNAMELEN - 1);
	memcpy(buf, name, n);
	buf[n] = '\0';
	compiler_barrier();
	gp->name = buf;
}

uint64_t gort_goid(void)
{
	struct g *gp = getg();
	return gp ? gp->goid : 0;
}
