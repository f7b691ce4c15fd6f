/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stw.c - stopping the world, and changing the number of Ps in it (Go's proc.go: stopTheWorld,
 * startTheWorld, procresize).
 *
 * A P stops, that is gets the status _Pgcstop, in one of four ways:
 *  - idle, or in a system call: the stopper takes it, by sched.lock or by compare-and-swap of
 *    p.status; the M that comes back from the call finds none;
 *  - running the program's text, when the stop is for the collector: the handler of the preemption
 *    signal stops it there (gcstandp); P and M stay together;
 *  - running: EVENT_STOP makes the next scheduling decision of its M end on g0, which gives the P
 *    up (gcstopm), and the goroutine is preempted so that the decision comes. For the collector M
 *    and P stay together here, too: it is not for long, and nobody need be woken for the P then;
 *  - on its way from one M to another, or in sysmon's hands: whoever has it finds sched.gcwaiting,
 *    under sched.lock before it would make the P idle, or in findrunnable before it looks for work.
 * sched.stopwait counts those that are missing, under sched.lock; at 0 sched.stopnote is signalled.
 * A running P may change its M between the stopper's look and its mark, or its M enter a system
 * call, so the stopper looks, marks and preempts again each 100 us. It sends signals after 10 us: a
 * program that allocates stops before.
 *
 * Invariants:
 *  1. A goroutine stops only where it may be switched out, or in the program's text outside of
 *     inlined sections. So nobody stands in the middle of the runtime nor of an inlined section,
 *     and lock elision may be turned on or off (`single`).
 *  2. The stopper keeps its P, status _Prunning.
 *  3. A struct p is never freed: allp has MAXGOMAXPROCS slots, nallp of them were ever used, and
 *     those from gomaxprocs on are _Pdead, with empty queues and no timers. They keep their caches
 *     for when they are used again.
 */
#include "sched/stw.h"

#include "base/clock.h"
#include "base/noptr.h"
#include "base/throw.h"
#include "mem/malloc.h"
#include "mem/mgc.h"
#include "sched/lend.h"
#include "sched/preempt.h"
#include "sched/proc.h"
#include "sched/race.h"
#include "sched/runq.h"
#include "sched/text.h"
#include "sched/timer.h"

#define AGAIN_NS 100000
#define CALL_NS  10000
#define SPIN_NS  30000 /* others stop within 10 us if they have a CPU; a wakeup costs more */

_Atomic bool stopcrowded;
static gort_mutex worldsema; /* held while the world is stopped, and by who stops it */
static bool standing;        /* Ps stop where their Ms stand; guarded by sched.lock */
static int64_t stopbegan;    /* guarded by worldsema */

/* ---- stopping ---- */

void gcstopp(struct p *pp)
{
	store_rlx(&pp->status, _Pgcstop);
	int32_t left = load_rlx(&sched.stopwait) - 1;
	store_rel(&sched.stopwait, left); /* pairs with the acquire in stopTheWorld */
	if (left == 0)
		notewakeup(&sched.stopnote);
}

void gcstopm(struct m *mp)
{
	if (mp->spinning) {
		mp->spinning = false;
		store_sc(&sched.nmspinning, 0);
	}
	lock(&sched.lock);
	bool stop = load_rlx(&sched.gcwaiting), stay = stop && standing;
	uint32_t turn = gcturn(); /* does not change before this P has stopped */
	if (stop)
		gcstopp(stay ? mp->p : releasep(mp));
	and_acqrel(&mp->events, ~(uint32_t)EVENT_STOP);
	unlock(&sched.lock);
	if (stay)
		gcawait(turn);
}

/* With sched.lock held: all Ps that no M runs. */
static void stopothers(struct p *mine)
{
	for (struct p *pp; (pp = pidleget());)
		gcstopp(pp);
	for (int32_t i = 0; i < gomaxprocs; i++) {
		uint32_t status = _Psyscall;
		if (allp[i] != mine && cas_acqrel(&allp[i]->status, &status, _Pidle))
			gcstopp(allp[i]);
	}
}

/* False when some need a CPU first. */
static bool preemptall(struct p *mine, bool signal)
{
	static struct p *ps[MAXGOMAXPROCS] NOPTRBSS; /* who has been asked; of who has worldsema */
	static struct m *ms[MAXGOMAXPROCS] NOPTRBSS;
	int32_t n = 0;
	for (int32_t i = 0; i < gomaxprocs; i++) {
		struct p *pp = allp[i];
		struct m *mp = *(struct m *volatile *)&pp->m;
		if (pp == mine || load_acq(&pp->status) != _Prunning || !mp)
			continue;
		or_acqrel(&mp->events, EVENT_STOP);
		ps[n] = pp;
		ms[n] = preemptask(pp, load_rlx(&pp->schedtick));
		n += ms[n] != NULL;
	}
	return !signal || preemptsignals(ps, ms, n);
}

/* A little while, in which nobody need be woken. */
static bool stoppedsoon(int64_t ns)
{
	int64_t end = nanotime() + ns;
	while (load_acq(&sched.stopwait) > 0) {
		if (nanotime() > end)
			return false;
		__builtin_ia32_pause();
	}
	return true;
}

/* What the others need on a loaded machine is a CPU. */
static void lendall(struct p *mine)
{
	for (int32_t i = 0; i < gomaxprocs; i++) {
		struct p *pp = allp[i];
		struct m *mp = *(struct m *volatile *)&pp->m;
		if (pp != mine && mp && load_acq(&pp->status) == _Prunning)
			lendcpu(mp);
	}
}

/* First those who call the library soon anyway: a signal would take longer than they do. */
static void awaitall(struct p *mine)
{
	preemptall(mine, false);
	if (stoppedsoon(CALL_NS))
		return;
	while (load_acq(&sched.stopwait) > 0) {
		lock(&sched.lock);
		stopothers(mine);
		unlock(&sched.lock);
		bool run = preemptall(mine, true);
		if (stoppedsoon(run ? SPIN_NS : 0))
			break;
		lendall(mine);
		if (!run) /* else they are only slow, in the kernel, and have CPUs of their own */
			store_rlx(&stopcrowded, true);
		futexsleep(&sched.stopnote.key, 0, AGAIN_NS);
	}
	lendback();
}

/* Returns when it began to ask. */
static int64_t stopworld(bool stand)
{
	gort_mutex_lock(&worldsema);
	struct m *mp = getm();
	struct p *pp = mp->p;
	mp->noretake++; /* the waits below are the runtime's */
	textrefresh();  /* not in the stop: a goroutine that stands may hold the loader's lock */
	if (stand)
		gcstopbegin();
	noteclear(&sched.stopnote);
	store_rlx(&stopcrowded, false);
	stopbegan = nanotime();
	lock(&sched.lock);
	standing = stand;
	store_rlx(&sched.stopwait, gomaxprocs - 1);
	store_sc(&sched.gcwaiting, true);
	stopothers(pp);
	unlock(&sched.lock);
	awaitall(pp);
	if (!stand)
		timehistrecord(&sched.stwStoppingTimeOther, nanotime() - stopbegan);
	return stopbegan;
}

void stopTheWorld(void)
{
	stopworld(false);
}

int64_t stopTheWorldGC(void)
{
	return stopworld(true);
}

bool gcstandp(struct m *mp, uint32_t *turn)
{
	lock(&sched.lock);
	bool stop = standing && load_rlx(&sched.gcwaiting) && load_rlx(&mp->p->status) == _Prunning;
	*turn = gcturn(); /* does not change before this P has stopped */
	if (stop)
		gcstopp(mp->p);
	and_acqrel(&mp->events, ~(uint32_t)EVENT_STOP);
	unlock(&sched.lock);
	return stop;
}

/* ---- another number of Ps ---- */

static void pinit(int32_t id)
{
	struct p *pp = allp[id];
	if (!pp) {
		pp = allp[id] = persistentalloc(sizeof(*pp));
		pp->id = id;
		timersinit(pp);
		if (id >= load_rlx(&nallp))
			store_rel(&nallp, id + 1);
	}
	store_rlx(&pp->status, _Pgcstop);
}

/* Everything that waits in pp goes to the global queue, its timers to the first P. */
static void pdestroy(struct p *pp)
{
	struct g *gp;
	timersmove(allp[0], pp);
	lock(&sched.lock);
	while ((gp = runnextget(pp)) || (gp = runqget(pp)))
		globrunqput(gp);
	unlock(&sched.lock);
	store_rlx(&pp->status, _Pdead);
}

/* The P of mp will be no more: continues on the first one. */
static void changep(struct m *mp)
{
	store_rlx(&releasep(mp)->status, _Pgcstop);
	store_rlx(&allp[0]->status, _Pidle);
	acquirep(mp, allp[0]);
}

static void procresize(struct m *mp, int32_t procs)
{
	int32_t old = gomaxprocs;
	for (int32_t i = old; i < procs; i++)
		pinit(i);
	if (mp->p->id >= procs)
		changep(mp);
	compiler_barrier(); /* threads without a P read gomaxprocs, then allp */
	*(int32_t volatile *)&gomaxprocs = procs;
	single = procs == 1 && !raceenabled;
	mp->elide->mode = single;
	for (int32_t i = procs; i < old; i++)
		pdestroy(allp[i]);
	runqresize();
}

/* ---- starting ---- */

/* With sched.lock held. Returns the Ps with goroutines, linked; the others are idle. */
static struct p *releaseall(struct p *mine)
{
	struct p *busy = NULL;
	for (int32_t i = gomaxprocs; i-- > 0;) {
		struct p *pp = allp[i];
		if (pp == mine)
			continue;
		if (pp->m) { /* it stands, in the handler or on g0 */
			store_rel(&pp->status, _Prunning);
			continue;
		}
		store_rlx(&pp->status, _Pidle);
		if (runqempty(pp)) {
			pidleput(pp);
		} else {
			pp->link = busy;
			busy = pp;
		}
	}
	return busy;
}

int64_t startTheWorld(int32_t procs)
{
	struct m *mp = getm();
	if (procs != gomaxprocs)
		procresize(mp, procs);
	lock(&sched.lock);
	store_sc(&sched.gcwaiting, false);
	struct p *busy = releaseall(mp->p);
	uint32_t n = load_rlx(&sched.runqsize);
	unlock(&sched.lock);
	gcletgo(); /* threads that stand may hold locks of libc, which startm needs */
	for (struct p *next; busy; busy = next) {
		next = busy->link;
		busy->link = NULL;
		startm(busy, false);
	}
	for (; n > 0 && load_rlx(&sched.npidle) > 0; n--)
		startm(NULL, false);
	int64_t now = nanotime();
	wakep(); /* at least one looks for what timers and the poller have */
	if (!standing)
		timehistrecord(&sched.stwTotalTimeOther, now - stopbegan);
	mp->noretake--;
	gort_mutex_unlock(&worldsema);
	return now;
}

int gort_gomaxprocs(int n)
{
	getgchecked("gort_gomaxprocs");
	if (n < 1 || n == gomaxprocs)
		return gomaxprocs;
	stopTheWorld();
	int old = gomaxprocs; /* another goroutine may have been faster */
	startTheWorld(n < MAXGOMAXPROCS ? n : MAXGOMAXPROCS);
	return old;
}
