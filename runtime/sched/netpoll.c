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
 * Invariants:
 *  1. rg and wg change from or to a G pointer only under pd->lock; pdReady is consumed without it.
 *  2. A pollDesc is never freed, only reused: the kernel may hold an event of its last life. Such
 *     an event has another seq, which is read under pd->lock.
 *  3. netpollWaiters counts the G pointers in all rg and wg. It is raised before a goroutine can be
 *     found and lowered after, so 0 means that nobody waits.
 *
 * Lock order: pd->lock is a leaf; readying happens after it is released.
 */
#include <errno.h>

#include "base/throw.h"
#include "mem/malloc.h"
#include "sched/netpoll.h"
#include "sched/proc.h"

static struct g *const pdNil = NULL;
#define pdReady ((struct g *)1)

struct pollDesc {
	_Atomic(struct g *) rg;
	_Atomic(struct g *) wg;
	int fd;

	struct mutex lock; /* guards the rest */
	uint32_t seq;      /* which life: 16 bits */
	_Atomic bool closing;

	struct pollDesc *link; /* in pollcache, guarded by pollcache.lock */
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
	lockinit(&pd->lock, lockRankLeaf);
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
	store_rlx(&pd->closing, false);
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

void pollClose(struct pollDesc *pd)
{
	if (!load_rlx(&pd->closing) || waits(&pd->rg) || waits(&pd->wg))
		throw("netpoll: pollClose of a descriptor in use: fd %d", pd->fd);
	netpollclose(pd->fd);
	pollfree(pd);
}

static _Atomic(struct g *) *semaphore(struct pollDesc *pd, enum pollMode mode)
{
	return mode == POLL_READ ? &pd->rg : &pd->wg;
}

int pollReset(struct pollDesc *pd, enum pollMode mode)
{
	struct g *ready = pdReady;
	if (load_acq(&pd->closing))
		return -EBADF;
	cas_acqrel(semaphore(pd, mode), &ready, pdNil);
	return 0;
}

int pollWait(struct pollDesc *pd, enum pollMode mode)
{
	struct g *gp = getgchecked("gort_net");
	_Atomic(struct g *) *gpp = semaphore(pd, mode);
	while (!load_acq(&pd->closing)) {
		struct g *ready = pdReady;
		if (cas_acqrel(gpp, &ready, pdNil))
			return 0;
		lock(&pd->lock);
		struct g *nil = pdNil;
		if (load_rlx(&pd->closing) || !cas_acqrel(gpp, &nil, gp)) {
			bool twice = waits(gpp);
			unlock(&pd->lock);
			if (twice)
				throw("netpoll: two goroutines wait for fd %d in one mode", pd->fd);
			continue;
		}
		xadd_sc(&netpollWaiters, 1);
		goparkunlock(&pd->lock, waitReasonIOWait);
	}
	return -EBADF;
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
	LIST_PUSH_BACK(list, gp, schedlink);
	xadd_sc(&netpollWaiters, -1);
}

void netpollready(struct gQueue *list, struct pollDesc *pd, uint32_t seq, unsigned modes)
{
	struct g *rg = NULL, *wg = NULL;
	lock(&pd->lock);
	if (pd->seq == seq) {
		if (modes & POLL_READ)
			rg = netpollunblock(&pd->rg, true);
		if (modes & POLL_WRITE)
			wg = netpollunblock(&pd->wg, true);
	}
	unlock(&pd->lock);
	taken(list, rg);
	taken(list, wg);
}

void pollUnblock(struct pollDesc *pd)
{
	struct gQueue list = {0};
	lock(&pd->lock);
	store_rel(&pd->closing, true); /* pairs with the acquires in pollReset and pollWait */
	struct g *rg = netpollunblock(&pd->rg, false);
	struct g *wg = netpollunblock(&pd->wg, false);
	unlock(&pd->lock);
	taken(&list, rg);
	taken(&list, wg);
	injectglist(&list);
}
