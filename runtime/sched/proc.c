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
#include "lang/defer.h"
#include "mem/malloc.h"
#include "sched/asm.h"
#include "sched/netpoll.h"
#include "sched/runq.h"
#include "sched/sanitizer.h"
#include "sched/stack.h"

struct schedt sched;
_Atomic(struct g **) allgptr;
_Atomic uint64_t allglen;

static struct mutex allglock = {.rank = lockRankAllg};
static uint64_t allgcap;

struct g *getgchecked(const char *what)
{
	struct m *mp = getm();
	if (unlikely(!mp || !mp->curg))
		throw("%s: called from a thread that is not a goroutine", what);
	if (unlikely(!mp->p))
		throw("%s: called between gort_blocking_begin and gort_blocking_end", what);
	return mp->curg;
}

/* ---- struct g: allgs and free lists ---- */

/*
 * Appends n Gs. The array is replaced, never changed in place below allglen, and old arrays stay: a
 * reader that loads allglen and then allgptr (acquire, paired with the releases here) finds allglen
 * valid pointers, whatever it is interrupted by.
 */
static void allgadd(struct g **gs, uint32_t n)
{
	lock(&allglock);
	uint64_t len = load_rlx(&allglen);
	struct g **array = load_rlx(&allgptr);
	if (len + n > allgcap) {
		allgcap = allgcap ? allgcap * 2 : 512;
		struct g **bigger = sysalloc(allgcap * sizeof(*bigger));
		for (uint64_t i = 0; i < len; i++)
			bigger[i] = array[i];
		array = bigger;
		store_rel(&allgptr, array);
	}
	for (uint32_t i = 0; i < n; i++)
		array[len + i] = gs[i];
	store_rel(&allglen, len + n);
	unlock(&allglock);
}

#define GBATCH 32

static void gfmove(struct gfree *to, struct gfree *from, uint32_t n)
{
	for (; n > 0 && from->first; n--) {
		struct g *gp = from->first;
		from->first = gp->alllink;
		from->n--;
		gp->alllink = to->first;
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
		batch[i].alllink = fresh.first;
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
	pp->gFree.first = gp->alllink;
	pp->gFree.n--;
	return gp;
}

static __attribute__((noinline)) void gfspill(struct p *pp)
{
	lock(&sched.gFreelock);
	gfmove(&sched.gFree, &pp->gFree, 4 * GBATCH);
	unlock(&sched.gFreelock);
}

static void gfput(struct p *pp, struct g *gp)
{
	gp->alllink = pp->gFree.first;
	pp->gFree.first = gp;
	if (unlikely(++pp->gFree.n >= 8 * GBATCH))
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

struct g *newproc(const struct gort_call *fn, uintptr_t gopc)
{
	struct m *mp = getm();
	struct p *pp = mp->p;
	struct g *gp = gfget(pp);
	gp->start.fn = fn->fn;
	gp->start.n = fn->n;
	for (unsigned i = 0; i < fn->n; i++)
		gp->start.w[i] = fn->w[i];
	gp->goid = goidget(pp);
	gp->parentGoid = mp->curg ? mp->curg->goid : 0;
	gp->gopc = gopc;
	gp->startpc = (uintptr_t)fn->fn;
	gp->stackclass = stackdefault;
	pp->ngcreated++;
	/*
	 * Everything above is visible to whoever takes gp off a queue: release of the queue's
	 * tail.
	 */
	store_rel(&gp->atomicstatus, _Grunnable);
	runqputnext(pp, gp);
	return gp;
}

void gort_go(const struct gort_call *call)
{
	getgchecked("go");
	newproc(call, (uintptr_t)__builtin_return_address(0));
}

/* ---- switching ---- */

static void execute(struct m *mp, struct g *gp)
{
	mp->curg = gp;
	gp->m = mp;
	store_rlx(&gp->atomicstatus, _Grunning);
}

/*
 * Leaves from's stack for to, which may be fresh, switched out, or g0. Returns when from runs
 * again, on whatever M: nothing read before may be used after. Inline, so that a switch is one
 * jump.
 */
static inline void mswitch(struct p *pp, struct g *from, struct g *to)
{
	if (to->stack.hi == 0) {
		stackalloc(pp, to);
		san_leave(from, to->stack.lo, to->stack.hi);
		gostart(&from->sched, to->stack.hi);
	} else {
		san_leave(from, to->stack.lo, to->stack.hi);
		goswitch(&from->sched, &to->sched);
	}
	san_enter(from);
}

/*
 * Whether next can run at once: fresh, or completely switched out. Pairs with goswitch's store of
 * sp.
 */
static inline bool canrun(struct g *gp)
{
	return gp->stack.hi == 0 || load_acq(&gp->sched.sp) != 0;
}

/* gp, which runs here, has been put where somebody will find it: runs something else. */
static inline void schedule(struct m *mp, struct g *gp)
{
	struct p *pp = mp->p;
	struct g *next = runqpick(pp);
	gp->m = NULL;
	if (next == gp) {
		execute(mp, gp);
		return;
	}
	if (likely(next && canrun(next))) {
		execute(mp, next);
	} else {
		mp->nextg = next;
		next = mp->g0;
		mp->curg = NULL;
	}
	mswitch(pp, gp, next);
}

static inline void markwaiting(struct g *gp, waitReason reason)
{
	gp->waitreason = (uint8_t)reason;
	gp->waitsince = load_rlx(&sched.now);
	store_rlx(&gp->atomicstatus, _Gwaiting);
}

void goparkunlock(struct mutex *l, waitReason reason)
{
	struct m *mp = getm();
	struct g *gp = mp->curg;
	markwaiting(gp, reason);
	unlock(l);
	schedule(mp, gp);
}

void gopark(void (*unlockf)(void *arg), void *arg, waitReason reason)
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

void goready(struct g *gp)
{
	if (unlikely(load_rlx(&gp->atomicstatus) != _Gwaiting))
		throw("goready: goroutine %lu has status %u", (unsigned long)gp->goid,
			load_rlx(&gp->atomicstatus));
	store_rlx(&gp->atomicstatus, _Grunnable);
	runqputnext(getm()->p, gp);
}

void gort_gosched(void)
{
	struct g *gp = getgchecked("gort_gosched");
	struct m *mp = getm();
	struct p *pp = mp->p;
	if (!pp->runnext && runqlen(pp) == 0 && load_rlx(&sched.runqsize) == 0) {
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
	runqputtail(pp, gp);
	schedule(mp, gp);
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
	gp->_defer = NULL;
	gp->name = NULL;
	gp->namebuf[0] = '\0';
	store_rlx(&gp->atomicstatus, _Gdead);
	pp->ngexited++;
	struct g *next = runqpick(pp);
	if (next && next->stack.hi == 0 && next->stackclass == gp->stackclass) {
		gp->stack = (struct stack){0, 0};
		next->stack = stack;
		execute(mp, next);
		gfput(pp, gp);
		return;
	}
	stackfreeself(pp, gp);
	gfput(pp, gp);
	if (!next || next->stack.hi == 0 || !canrun(next)) {
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

void gomain(void)
{
	san_enter(getm()->curg);
	for (;;) {
		gort_call6(&getm()->curg->start);
		goexit0(getm());
	}
}

void gort_goexit(void)
{
	struct g *gp = getgchecked("gort_goexit");
	rundefers(gp);
	san_abandon();
	goexit0(getm());
	/* The stack now belongs to curg: start it at the top. */
	gp = getm()->curg;
	san_leave(NULL, gp->stack.lo, gp->stack.hi);
	gorestart(gp->stack.hi);
}

/* ---- g0 ---- */

/* Waits until gp's last M has left its stack. */
static void waitswitchedout(struct g *gp)
{
	for (unsigned i = 0; !canrun(gp); i++)
		osyield_backoff(i);
}

/* The scheduler loop of an M, on its own stack. */
void mainloop(struct m *mp)
{
	for (;;) {
		struct g *gp = mp->nextg;
		mp->nextg = NULL;
		if (!gp)
			gp = findrunnable(mp);
		waitswitchedout(gp);
		execute(mp, gp);
		mswitch(mp->p, mp->g0, gp);
	}
}

/* ---- start and small things ---- */

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
	schedinit();
	struct gort_call call = {.fn = maingoroutine};
	sched.maing = newproc(&call, (uintptr_t)__builtin_return_address(0));
	sysmonstart();
	mainloop(getm());
}

/* Sums over Ps move while they are added up: exact only when nothing else runs. */
gort_isize gort_num_goroutine(void)
{
	int64_t n = 0;
	for (int32_t i = 0; i < gomaxprocs; i++)
		n += (int64_t)(allp[i]->ngcreated - allp[i]->ngexited);
	return (gort_isize)n;
}

void gort_set_name(const char *name)
{
	struct g *gp = getgchecked("gort_set_name");
	gp->name = NULL;
	gp->namebuf[0] = '\0'; /* the table names namebuf: a reader takes the text from there */
	if (!name || !*name)
		return;
	size_t n = strnlen(name, GNAMELEN - 1);
	memcpy(gp->namebuf, name, n);
	gp->namebuf[n] = '\0';
	compiler_barrier(); /* a reader that sees name sees a terminated text */
	gp->name = gp->namebuf;
}

uint64_t gort_goid(void)
{
	struct g *gp = getg();
	return gp ? gp->goid : 0;
}
