/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fd.c - a descriptor that goroutines share (Go's internal/poll fd_unix.go and fd_mutex.go).
 *
 * The state word of a netFD counts who is inside a call, so that close() reaches the kernel only
 * when the last of them has left: a number handed out again meanwhile is never read by mistake.
 *
 *	bits 63-32  life: raised when the descriptor is really closed
 *	bit  31     closed: no new call may begin
 *	bits 30-0   refs: calls that are inside
 *
 * Invariants:
 *  1. A netFD is never freed, only reused in its next life. A handle names netFD and life, and a
 *     call begins by a compare-and-swap of the whole word, so that a stale handle cannot get in.
 *  2. The netFD is destroyed by whoever makes refs 0 while closed is set; close itself holds a ref.
 *  3. Each mode has one user at a time (fdlock), so a pollDesc never has two waiters in one mode.
 *
 * Lock order: fdlock.lock is a leaf; goready comes after it is released.
 */
#include "net/fd.h"

#include <errno.h>

#include "base/syscall.h"
#include "base/throw.h"
#include "mem/malloc.h"
#include "sched/proc.h"

enum { LIFE_SHIFT = 32, HANDLE_SHIFT = 48, HANDLE_LIVES = 1 << 16 };
static const uint64_t CLOSED = UINT64_C(1) << 31;
static const uint64_t REFS = (UINT64_C(1) << 31) - 1;

/* A mutex over parks: unlocking hands it to the first in the queue. */
struct fdlock {
	struct mutex lock;
	bool held;
	struct gQueue waiters;
};

struct netFD {
	_Atomic uint64_t state;
	int sysfd;
	struct pollDesc *pd;
	struct fdlock rlock, wlock;
	struct netFD *link; /* in fdcache */
} __attribute__((aligned(64)));

static struct {
	struct mutex lock;
	struct netFD *first;
} fdcache = {.lock = {.rank = lockRankLeaf}};

static void fdlock_acquire(struct fdlock *l)
{
	lock(&l->lock);
	if (!l->held) {
		l->held = true;
		unlock(&l->lock);
		return;
	}
	struct g *gp = getgchecked("gort_net");
	LIST_PUSH_BACK(&l->waiters, gp, schedlink);
	goparkunlock(&l->lock, waitReasonIOWait);
}

static void fdlock_release(struct fdlock *l)
{
	lock(&l->lock);
	struct g *next = LIST_POP(&l->waiters, schedlink);
	l->held = next != NULL;
	unlock(&l->lock);
	if (next)
		goready(next);
}

static fdhandle handle_of(struct netFD *fd, uint64_t state)
{
	return (uintptr_t)fd | (state >> LIFE_SHIFT) % HANDLE_LIVES << HANDLE_SHIFT;
}

static struct netFD *fd_of(fdhandle h)
{
	return (struct netFD *)(h & ((UINT64_C(1) << HANDLE_SHIFT) - 1));
}

/* Begins a call, setting also the given bits; NULL when h is closed. */
static struct netFD *incref(fdhandle h, uint64_t set)
{
	struct netFD *fd = fd_of(h);
	if (!fd)
		return NULL;
	uint64_t state = load_acq(&fd->state);
	do {
		if (handle_of(fd, state) != h || (state & CLOSED))
			return NULL;
		if ((state & REFS) == REFS)
			throw("net: too many goroutines on one descriptor");
	} while (!cas_acqrel(&fd->state, &state, (state | set) + 1));
	return fd;
}

/* Nobody is inside any more, and nobody can come in. */
static void destroy(struct netFD *fd)
{
	pollClose(fd->pd);
	rawsyscall(SYS_close, fd->sysfd, 0, 0, 0);
	uint64_t life = (load_rlx(&fd->state) >> LIFE_SHIFT) + 1;
	/* Closed until netfdopen hands it out; the release pairs with incref's acquire. */
	store_rel(&fd->state, life << LIFE_SHIFT | CLOSED);
	lock(&fdcache.lock);
	fd->link = fdcache.first;
	fdcache.first = fd;
	unlock(&fdcache.lock);
}

static void decref(struct netFD *fd)
{
	uint64_t left = xadd_acqrel(&fd->state, -1) - 1;
	if ((left & REFS) == 0 && (left & CLOSED))
		destroy(fd);
}

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
	lockinit(&fd->rlock.lock, lockRankLeaf);
	lockinit(&fd->wlock.lock, lockRankLeaf);
	store_rlx(&fd->state, CLOSED);
	return fd;
}

int netfdopen(int sysfd, fdhandle *out)
{
	struct pollDesc *pd;
	int err = pollOpen(sysfd, &pd);
	if (err) {
		rawsyscall(SYS_close, sysfd, 0, 0, 0);
		return err;
	}
	struct netFD *fd = fdalloc();
	fd->sysfd = sysfd;
	fd->pd = pd;
	uint64_t state = load_rlx(&fd->state) & ~CLOSED;
	*out = handle_of(fd, state);
	store_rel(&fd->state, state); /* pairs with incref's acquire */
	return 0;
}

int netfdclose(fdhandle h)
{
	struct netFD *fd = incref(h, CLOSED);
	if (!fd)
		return -EBADF;
	pollUnblock(fd->pd);
	decref(fd);
	return 0;
}

static ssize_t call_until_ready(struct netFD *fd, enum pollMode mode, netfdcall *f, void *arg)
{
	ssize_t n = pollReset(fd->pd, mode);
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
	struct netFD *fd = incref(h, 0);
	if (!fd)
		return -EBADF;
	struct fdlock *l = mode == POLL_READ ? &fd->rlock : &fd->wlock;
	fdlock_acquire(l);
	ssize_t n = call_until_ready(fd, mode, f, arg);
	fdlock_release(l);
	decref(fd);
	return n;
}

ssize_t netfdpeek(fdhandle h, netfdcall *f, void *arg)
{
	struct netFD *fd = incref(h, 0);
	if (!fd)
		return -EBADF;
	ssize_t n = f(fd->sysfd, arg);
	decref(fd);
	return n;
}
