/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fd.c - a descriptor that goroutines share (Go's internal/poll fd_unix.go and fd_mutex.go).
 *
 * The state word of a netFD says who is inside a call, so that close() reaches the kernel only when
 * the last of them has left: a number handed out again meanwhile is never read by mistake.
 *
 *	bits 63-32  life: raised when the descriptor is really closed
 *	bits 31-5   refs: calls that are inside, those that wait for their turn included
 *	bits 4, 3   somebody waits for his turn to write, read; change only under fd->lock
 *	bits 2, 1   somebody writes, reads: the two locks
 *	bit  0      closed: no new call may begin
 *
 * Invariants:
 *  1. A netFD is never freed, only reused in its next life. A handle names netFD and life, and a
 *     call begins by a compare-and-swap of the whole word, so that a stale handle cannot get in.
 *  2. The netFD is destroyed by whoever makes refs 0 while closed is set; close itself holds a ref,
 *     and returns when that has happened, so that the port or the path is free then, as in Go.
 *  3. Each mode has one user at a time, so a pollDesc never has two waiters in one mode. While
 *     somebody waits for his turn the lock is handed over, never free.
 *  4. drained is written by the reader whose turn it is.
 *
 * Reads that are sure to fail are left out: a read of a TCP socket that got less than it asked for
 * has emptied the receive buffer, and whatever comes after it makes a new edge. So the next read
 * waits for that edge first. What could end a stream, or cut a read short, without an edge of its
 * own (the far end's shutdown, an error, urgent data) marks the pollDesc for good: pollHungUp.
 * Unix sockets also cut reads where ancillary data begins and are left alone.
 *
 * The two ends of a pipe made here know each other: a call on one readies the goroutine that waits
 * for the other, so that a ping-pong never asks the poller. The edge that comes later finds nobody,
 * or wakes somebody in vain. Blocking descriptors have no pollDesc.
 *
 * Lock order: fd->lock is a leaf; goready comes after it is released.
 */
#include "net/fd.h"

#include <errno.h>

#include "base/syscall.h"
#include "base/throw.h"
#include "mem/malloc.h"
#include "sched/park.h"
#include "sched/proc.h"
#include "sched/race.h"

enum { LIFE_SHIFT = 32, HANDLE_SHIFT = 48, HANDLE_LIVES = 1 << 16 };
static const uint64_t CLOSED = 1, REF = 1 << 5;
static const uint64_t REFS = (UINT64_C(1) << 32) - (1 << 5);
#define BUSY(mode)   ((uint64_t)(mode) << 1)
#define QUEUED(mode) ((uint64_t)(mode) << 3)

struct netFD {
	_Atomic uint64_t state;
	struct pollDesc *pd; /* NULL when ops->blocks */
	const struct fdops *ops;
	int sysfd;
	bool drained;
	struct mutex lock;
	struct gQueue rqueue, wqueue; /* who waits for his turn */
	struct g *closer;             /* who waits for the last user to leave; under lock */
	struct pollDesc *peer;        /* the other end of a pipe, or NULL */
	uint32_t peerseq;             /* in this life only */
	struct netFD *link;           /* in fdcache */
} __attribute__((aligned(64)));

static struct {
	struct mutex lock;
	struct netFD *first;
} fdcache = {.lock = {.rank = lockRankLeaf}};

static fdhandle handle_of(struct netFD *fd, uint64_t state)
{
	return (uintptr_t)fd | (state >> LIFE_SHIFT) % HANDLE_LIVES << HANDLE_SHIFT;
}

static struct netFD *fd_of(fdhandle h)
{
	return (struct netFD *)(h & ((UINT64_C(1) << HANDLE_SHIFT) - 1));
}

/* ---- calls ---- */

/* Begins a call, setting also the given bits; NULL when h is closed. *old: the state before. */
static struct netFD *incref(fdhandle h, uint64_t set, uint64_t *old)
{
	struct netFD *fd = fd_of(h);
	getgchecked("gort_net");
	if (!fd)
		return NULL;
	uint64_t state = load_acq(&fd->state);
	do {
		if (handle_of(fd, state) != h || (state & CLOSED))
			return NULL;
		if ((state & REFS) == REFS)
			throw("net: too many goroutines on one descriptor");
	} while (!cas_acqrel(&fd->state, &state, (state | set) + REF));
	*old = state;
	return fd;
}

/* Nobody is inside any more, and nobody can come in. */
static void destroy(struct netFD *fd)
{
	lock(&fd->lock); /* a closer holds it until he can be woken */
	struct g *closer = fd->closer;
	fd->closer = NULL;
	unlock(&fd->lock);
	if (fd->pd)
		pollClose(fd->pd);
	rawsyscall(SYS_close, fd->sysfd, 0, 0, 0);
	uint64_t life = (load_rlx(&fd->state) >> LIFE_SHIFT) + 1;
	/* Closed until netfdopen hands it out; the release pairs with incref's acquire. */
	store_rel(&fd->state, life << LIFE_SHIFT | CLOSED);
	lock(&fdcache.lock);
	fd->link = fdcache.first;
	fdcache.first = fd;
	unlock(&fdcache.lock);
	if (closer)
		goready(closer);
}

static bool unused(uint64_t state)
{
	return (state & (REFS | CLOSED)) == CLOSED;
}

static void decref(struct netFD *fd)
{
	if (unused(xadd_acqrel(&fd->state, -REF) - REF))
		destroy(fd);
}

static struct gQueue *queue(struct netFD *fd, enum pollMode mode)
{
	return mode == POLL_READ ? &fd->rqueue : &fd->wqueue;
}

/* Somebody else reads, or writes: waits for the turn, unless it is free by now. */
static __attribute__((noinline)) void await_turn(struct netFD *fd, enum pollMode mode)
{
	struct g *gp = getg();
	lock(&fd->lock);
	uint64_t state = load_rlx(&fd->state), next;
	do
		next = state | (state & BUSY(mode) ? QUEUED(mode) : BUSY(mode));
	while (!cas_acqrel(&fd->state, &state, next));
	if (!(state & BUSY(mode))) {
		unlock(&fd->lock);
		return;
	}
	LIST_PUSH_BACK(queue(fd, mode), gp, schedlink);
	goparkunlock(&fd->lock, waitReasonIOWait);
}

static struct netFD *enter(fdhandle h, enum pollMode mode)
{
	uint64_t old;
	struct netFD *fd = incref(h, BUSY(mode), &old);
	if (mode == POLL_WRITE)
		racerelease(&raceio);
	if (fd && unlikely(old & BUSY(mode)))
		await_turn(fd, mode);
	return fd;
}

static __attribute__((noinline)) void hand_over(struct netFD *fd, enum pollMode mode)
{
	lock(&fd->lock);
	struct g *gp = LIST_POP(queue(fd, mode), schedlink);
	if (queue(fd, mode)->size == 0)
		xadd_acqrel(&fd->state, -QUEUED(mode));
	unlock(&fd->lock);
	goready(gp);
	decref(fd);
}

static void leave(struct netFD *fd, enum pollMode mode)
{
	uint64_t state = load_rlx(&fd->state), next;
	if (mode == POLL_READ)
		raceacquire(&raceio);
	do {
		if (unlikely(state & QUEUED(mode))) {
			hand_over(fd, mode);
			return;
		}
		next = (state & ~BUSY(mode)) - REF;
	} while (!cas_acqrel(&fd->state, &state, next));
	if (unused(next))
		destroy(fd);
}

/* ---- open and close ---- */

static struct netFD *fdalloc(void)
{
	lock(&fdcache.lock);
	struct netFD *fd = fdcache.first;
	if (fd)
		fdcache.first = fd->link;
	unlock(&fdcache.lock);
	if (fd)
		return fd;
	fd = persistentalloc(sizeof *fd);
	lockinit(&fd->lock, lockRankLeaf);
	store_rlx(&fd->state, CLOSED);
	return fd;
}

int netfdopen(int sysfd, const struct fdops *ops, fdhandle *out)
{
	struct pollDesc *pd = NULL;
	int err = ops->blocks ? 0 : pollOpen(sysfd, &pd);
	if (err == -EPERM)
		ops = &blocking_ops;
	else if (err)
		return err;
	struct netFD *fd = fdalloc();
	fd->sysfd = sysfd;
	fd->pd = pd;
	fd->ops = ops;
	fd->drained = false;
	fd->peer = NULL;
	uint64_t state = load_rlx(&fd->state) & ~CLOSED;
	*out = handle_of(fd, state);
	store_rel(&fd->state, state); /* pairs with incref's acquire */
	return 0;
}

int netfdadopt(int sysfd, const struct fdops *ops, fdhandle *out)
{
	int err = netfdopen(sysfd, ops, out);
	if (err)
		rawsyscall(SYS_close, sysfd, 0, 0, 0);
	return err;
}

/* Nothing wakes who is in a blocking call, so that close does not wait for him. */
static void close_wait(struct netFD *fd)
{
	struct g *gp = getg();
	lock(&fd->lock);
	bool last = unused(xadd_acqrel(&fd->state, -REF) - REF);
	if (!last && fd->pd) {
		fd->closer = gp;
		gp->sudog.c = NULL;
		gp->sudog.elem = fd;
		gp->waiting = &gp->sudog;
		goparkunlock(&fd->lock, waitReasonSemacquire);
		return;
	}
	unlock(&fd->lock);
	if (last)
		destroy(fd);
}

int netfdclose(fdhandle h)
{
	uint64_t old;
	struct netFD *fd = incref(h, CLOSED, &old);
	if (!fd)
		return -EBADF;
	if (fd->pd)
		pollUnblock(fd->pd);
	close_wait(fd);
	return 0;
}

/* The user has no other handle yet: both are open and nobody is inside. */
void netfdlink(fdhandle r, fdhandle w)
{
	struct netFD *rfd = fd_of(r), *wfd = fd_of(w);
	rfd->peerseq = pollSeq(wfd->pd);
	rfd->peer = wfd->pd;
	wfd->peerseq = pollSeq(rfd->pd);
	wfd->peer = rfd->pd;
}

/* ---- use ---- */

static ssize_t until_done(struct netFD *fd, netfdcall *f, void *arg)
{
	ssize_t n;
	do
		n = f(fd->sysfd, arg);
	while (n == -EINTR);
	return n;
}

static ssize_t until_ready(struct netFD *fd, enum pollMode mode, netfdcall *f, void *arg)
{
	if (unlikely(!fd->pd))
		return until_done(fd, f, arg);
	bool wait = mode == POLL_READ && fd->drained && !pollHungUp(fd->pd);
	ssize_t n = wait ? pollWait(fd->pd, mode) : pollReset(fd->pd, mode);
	while (n == 0) {
		n = f(fd->sysfd, arg);
		if (n == -EINTR)
			n = 0;
		else if (n != -EAGAIN)
			return n;
		else
			n = pollWait(fd->pd, mode);
	}
	return n;
}

ssize_t netfddo(fdhandle h, enum pollMode mode, netfdcall *f, void *arg)
{
	struct netFD *fd = enter(h, mode);
	if (!fd)
		return -EBADF;
	ssize_t n = until_ready(fd, mode, f, arg);
	leave(fd, mode);
	return n;
}

ssize_t netfdread(fdhandle h, struct span *s)
{
	size_t want = s->left;
	struct netFD *fd = enter(h, POLL_READ);
	if (!fd)
		return -EBADF;
	ssize_t n = until_ready(fd, POLL_READ, fd->ops->read, s);
	if (fd->ops->drains)
		fd->drained = n > 0 && (size_t)n < want;
	if (fd->peer && n > 0)
		pollHint(fd->peer, fd->peerseq, POLL_WRITE);
	leave(fd, POLL_READ);
	return n;
}

ssize_t netfdwrite(fdhandle h, struct span *s)
{
	struct netFD *fd = enter(h, POLL_WRITE);
	if (!fd)
		return -EBADF;
	ssize_t n = until_ready(fd, POLL_WRITE, fd->ops->write, s);
	if (fd->peer && n == 0)
		pollHint(fd->peer, fd->peerseq, POLL_READ);
	leave(fd, POLL_WRITE);
	return n;
}

ssize_t netfdpeek(fdhandle h, netfdcall *f, void *arg)
{
	uint64_t old;
	struct netFD *fd = incref(h, 0, &old);
	if (!fd)
		return -EBADF;
	ssize_t n = f(fd->sysfd, arg);
	decref(fd);
	return n;
}

int netfddeadline(fdhandle h, unsigned modes, int64_t when)
{
	uint64_t old;
	struct netFD *fd = incref(h, 0, &old);
	if (!fd)
		return -EBADF;
	int err = fd->pd ? pollSetDeadline(fd->pd, modes, when) : -EOPNOTSUPP;
	decref(fd);
	return err;
}
