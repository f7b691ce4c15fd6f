/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netpoll.c - which goroutine waits for which descriptor (Go's netpoll.go).
 *
 * For each direction a pollDesc has a binary semaphore, rg and wg:
 *
 *	pdNil      nothing
 *	pdReady    an edge came and nobody waited; the next wait consumes it
 *	G pointer  that goroutine is parked; an edge or a close takes it off and makes it runnable
 *
 * Go has a fourth state, pdWait, for a goroutine that has announced itself but is still on its
 * stack. Here goparkunlock() covers that moment: the goroutine becomes findable under pd->lock, and
 * may be made runnable while it still switches out.
 *
 * Deadlines. A pollDesc has one for each direction and one timer, armed for the earlier of them or
 * before. A deadline that moves later only writes it down: the timer, when it fires, looks at what
 * the deadlines are now, and is armed anew if none has passed. So a server that moves its deadline
 * at every read touches the timer heap once in each period, and a timer of a past life or of a
 * deadline since cleared does no harm, whenever it fires.
 *
 * Invariants:
 *  1. rg and wg change from or to a G pointer only under pd->lock; pdReady is consumed without it.
 *  2. A pollDesc is never freed, only reused: the kernel may hold an event of its last life. Such
 *     an event has another seq, which is read under pd->lock.
 *  3. netpollWaiters counts the G pointers in all rg and wg. It is raised before a goroutine can be
 *     found and lowered after, so 0 means that nobody waits.
 *  4. armed: the timer is in a heap, or was taken out to be fired and its function has yet to take
 *     pd->lock. Only then may the timer not be added. If a deadline is set, armed is true and
 *     timer.when is not after it, or the function that has yet to run will see to it.
 *
 * Lock order: pd->lock, then timers.lock of the timer's P; readying happens after both. Deadlines
 * are set by goroutines, so nobody without a P touches the timers.
 *
 * Rejected: Go's sequence numbers and separate timers for reads and writes. What they guard
 * against, a timer that fires for a deadline that is no more, is told by the deadline itself.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/throw.h"
#include "debug/usdt.h"
#include "mem/malloc.h"
#include "sched/netpoll.h"
#include "sched/park.h"
#include "sched/proc.h"
#include "sched/timer.h"

static struct g *const pdNil = NULL;
#define pdReady ((struct g *)1)

/* Bits of pollDesc.info. A deadline of mode m has passed: m << EXPIRED_SHIFT. */
enum { pollClosing = 1, EXPIRED_SHIFT = 1, pollHup = 8 };

/* Values of a deadline that are no time. */
enum { NO_DEADLINE = 0, EXPIRED = -1 };

struct pollDesc {
	_Atomic(struct g *) rg;
	_Atomic(struct g *) wg;
	_Atomic uint32_t info; /* read without the lock */
	int fd;

	struct mutex lock; /* guards the rest */
	uint32_t seq;      /* which life: 16 bits */
	bool armed;
	int64_t rd, wd; /* deadlines: nanotime, NO_DEADLINE or EXPIRED */

	struct pollDesc *link; /* in pollcache, guarded by pollcache.lock */
	struct timer timer;
} __attribute__((aligned(64)));

static struct {
	struct mutex lock;
	struct pollDesc *first;
} pollcache = {.lock = {.rank = lockRankLeaf}};

static struct mutex netpollInitLock = {.rank = lockRankLeaf};
static _Atomic bool netpollInited;
_Atomic int32_t netpollWaiters;

/* The release pairs with the first acquire: who sees true may use the epoll descriptor. */
void netpollGenericInit(void)
{
	if (likely(load_acq(&netpollInited)))
		return;
	lock(&netpollInitLock);
	if (!load_rlx(&netpollInited)) {
		netpollinit();
		store_rel(&netpollInited, true);
	}
	unlock(&netpollInitLock);
}

static void netpollDeadline(void *arg);

static struct pollDesc *pollalloc(void)
{
	lock(&pollcache.lock);
	struct pollDesc *pd = pollcache.first;
	if (pd)
		pollcache.first = pd->link;
	unlock(&pollcache.lock);
	if (pd)
		return pd;
	pd = persistentalloc(sizeof *pd);
	lockinit(&pd->lock, lockRankPollDesc);
	pd->timer.f = netpollDeadline;
	pd->timer.arg = pd;
	return pd;
}

static void pollfree(struct pollDesc *pd)
{
	lock(&pd->lock);
	pd->seq = (pd->seq + 1) & 0xffff;
	unlock(&pd->lock);
	lock(&pollcache.lock);
	pd->link = pollcache.first;
	pollcache.first = pd;
	unlock(&pollcache.lock);
}

int pollOpen(int fd, struct pollDesc **out)
{
	netpollGenericInit();
	struct pollDesc *pd = pollalloc();
	lock(&pd->lock);
	pd->fd = fd;
	pd->rd = pd->wd = NO_DEADLINE;
	store_rlx(&pd->info, 0);
	store_rlx(&pd->rg, pdNil);
	store_rlx(&pd->wg, pdNil);
	uint32_t seq = pd->seq;
	unlock(&pd->lock);
	int err = netpollopen(fd, pd, seq);
	if (err) {
		pollfree(pd);
		return err;
	}
	*out = pd;
	return 0;
}

static bool waits(_Atomic(struct g *) *gpp)
{
	struct g *gp = load_acq(gpp);
	return gp != pdNil && gp != pdReady;
}

void pollForget(struct pollDesc *pd)
{
	netpollclose(pd->fd);
	pd->fd = -1; /* which pollClose may unregister without harm */
}

void pollClose(struct pollDesc *pd)
{
	if (!(load_rlx(&pd->info) & pollClosing) || waits(&pd->rg) || waits(&pd->wg))
		throw("netpoll: pollClose of a descriptor in use: fd %d", pd->fd);
	netpollclose(pd->fd);
	pollfree(pd);
}

/* ---- waiting ---- */

static _Atomic(struct g *) *semaphore(struct pollDesc *pd, enum pollMode mode)
{
	return mode == POLL_READ ? &pd->rg : &pd->wg;
}

static int netpollcheckerr(struct pollDesc *pd, enum pollMode mode)
{
	uint32_t info = load_acq(&pd->info); /* pairs with publish */
	if (likely(!(info & (pollClosing | (uint32_t)mode << EXPIRED_SHIFT))))
		return 0;
	return info & pollClosing ? -EBADF : -ETIMEDOUT;
}

int pollReset(struct pollDesc *pd, enum pollMode mode)
{
	_Atomic(struct g *) *gpp = semaphore(pd, mode);
	struct g *ready = pdReady;
	int err = netpollcheckerr(pd, mode);
	if (unlikely(err))
		return err;
	if (load_rlx(gpp) == pdReady)
		cas_acqrel(gpp, &ready, pdNil);
	return 0;
}

bool pollHungUp(struct pollDesc *pd)
{
	return load_acq(&pd->info) & pollHup;
}

int pollWait(struct pollDesc *pd, enum pollMode mode)
{
	struct g *gp = getgchecked("gort_net");
	_Atomic(struct g *) *gpp = semaphore(pd, mode);
	for (;;) {
		struct g *ready = pdReady, *nil = pdNil;
		int err = netpollcheckerr(pd, mode);
		if (err)
			return err;
		if (load_rlx(gpp) == pdReady && cas_acqrel(gpp, &ready, pdNil))
			return 0;
		lock(&pd->lock);
		if (netpollcheckerr(pd, mode) || !cas_acqrel(gpp, &nil, gp)) {
			bool twice = waits(gpp);
			unlock(&pd->lock);
			if (twice)
				throw("netpoll: two goroutines wait for fd %d in one mode", pd->fd);
			continue;
		}
		xadd_sc(&netpollWaiters, 1);
		goparkunlock(&pd->lock, waitReasonIOWait);
	}
}

/* Takes the waiter off, with pd->lock held. An edge nobody waits for is kept. */
static struct g *netpollunblock(_Atomic(struct g *) *gpp, bool ioready)
{
	struct g *gp = load_rlx(gpp);
	while (gp != pdReady && (gp != pdNil || ioready))
		if (cas_acqrel(gpp, &gp, ioready ? pdReady : pdNil))
			return gp;
	return NULL;
}

static void taken(struct gQueue *list, struct g *gp)
{
	if (!gp)
		return;
	store_rel(&gp->atomicstatus, _Grunnable);
	usdt_go_unblock(gp);
	LIST_PUSH_BACK(list, gp, schedlink);
}

void netpollready(struct gQueue *list, struct pollDesc *pd, uint32_t seq, unsigned modes)
{
	struct g *rg = NULL, *wg = NULL;
	lock(&pd->lock);
	if (pd->seq == seq) {
		if (modes & POLL_HUNGUP)
			store_rel(&pd->info, load_rlx(&pd->info) | pollHup);
		if (modes & POLL_READ)
			rg = netpollunblock(&pd->rg, true);
		if (modes & POLL_WRITE)
			wg = netpollunblock(&pd->wg, true);
	}
	unlock(&pd->lock);
	taken(list, rg);
	taken(list, wg);
}

void netpollrun(struct gQueue *list)
{
	int32_t n = (int32_t)list->size;
	if (n == 0)
		return;
	injectglist(list);
	xadd_sc(&netpollWaiters, -n); /* after it: else the program looked dead to checkdead */
}

uint32_t pollSeq(struct pollDesc *pd)
{
	return pd->seq;
}

void pollHint(struct pollDesc *pd, uint32_t seq, enum pollMode mode)
{
	_Atomic(struct g *) *gpp = semaphore(pd, mode);
	struct g *gp = NULL;
	if (!waits(gpp))
		return; /* who is about to wait finds the edge */
	lock(&pd->lock);
	if (pd->seq == seq && waits(gpp))
		gp = netpollunblock(gpp, true);
	unlock(&pd->lock);
	if (!gp)
		return;
	xadd_sc(&netpollWaiters, -1);
	goready(gp);
}

void netpolltry(int64_t now)
{
	int64_t last = load_rlx(&sched.lastpoll);
	struct gQueue ready = netpoll(0);
	if (ready.size)
		store_rlx(&getm()->p->pollwhen, now);
	netpollrun(&ready);
	if (last) /* fails when an M has gone in meanwhile */
		cas_acqrel(&sched.lastpoll, &last, now);
}

/* ---- deadlines and close ---- */

/* Pairs with the acquires in netpollcheckerr: who does not see a bit is found and woken. */
static void publish(struct pollDesc *pd, uint32_t closing)
{
	uint32_t info = (load_rlx(&pd->info) & (pollClosing | pollHup)) | closing;
	if (pd->rd == EXPIRED)
		info |= POLL_READ << EXPIRED_SHIFT;
	if (pd->wd == EXPIRED)
		info |= POLL_WRITE << EXPIRED_SHIFT;
	store_rel(&pd->info, info);
}

static int64_t earliest(struct pollDesc *pd)
{
	int64_t rd = pd->rd > 0 ? pd->rd : INT64_MAX, wd = pd->wd > 0 ? pd->wd : INT64_MAX;
	return rd < wd ? rd : wd;
}

/* Restores invariant 4 after the deadlines have changed, with pd->lock held. */
static void rearm(struct pollDesc *pd)
{
	int64_t when = earliest(pd);
	if (pd->armed) {
		if (when != INT64_MAX && when >= pd->timer.when)
			return;
		if (!timerdel(&pd->timer))
			return; /* netpollDeadline is about to do this */
		pd->armed = false;
	}
	if (when == INT64_MAX)
		return;
	pd->timer.when = when;
	pd->armed = true;
	timerstart(&pd->timer, false);
}

/*
 * The deadlines have changed, or a close has begun: publishes that, wakes whom it concerns, sees to
 * the timer. pd->lock is held, and released here.
 */
static void changed(struct pollDesc *pd, uint32_t closing)
{
	struct gQueue list = {0};
	publish(pd, closing);
	uint32_t info = load_rlx(&pd->info);
	if (info & (pollClosing | POLL_READ << EXPIRED_SHIFT))
		taken(&list, netpollunblock(&pd->rg, false));
	if (info & (pollClosing | POLL_WRITE << EXPIRED_SHIFT))
		taken(&list, netpollunblock(&pd->wg, false));
	rearm(pd);
	unlock(&pd->lock);
	netpollrun(&list);
}

/* The timer has fired. Its pollDesc may have a new life, or no deadline any more. */
static void netpollDeadline(void *arg)
{
	struct pollDesc *pd = arg;
	int64_t now = timenow();
	lock(&pd->lock);
	pd->armed = false;
	if (pd->rd > 0 && pd->rd <= now)
		pd->rd = EXPIRED;
	if (pd->wd > 0 && pd->wd <= now)
		pd->wd = EXPIRED;
	changed(pd, 0);
}

int pollSetDeadline(struct pollDesc *pd, unsigned modes, int64_t when)
{
	if (when < 0 || (when > 0 && when <= timenow()))
		when = EXPIRED;
	lock(&pd->lock);
	if (load_rlx(&pd->info) & pollClosing) {
		unlock(&pd->lock);
		return -EBADF;
	}
	if (modes & POLL_READ)
		pd->rd = when;
	if (modes & POLL_WRITE)
		pd->wd = when;
	changed(pd, 0);
	return 0;
}

void pollUnblock(struct pollDesc *pd)
{
	lock(&pd->lock);
	pd->rd = pd->wd = NO_DEADLINE;
	changed(pd, pollClosing);
}
