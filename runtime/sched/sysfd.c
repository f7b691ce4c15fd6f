/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sysfd.c - the program's own descriptors in the poller.
 *
 * libgort did not open them, so they stay blocking: O_NONBLOCK belongs to the open file, which the
 * user's shell may share. A call is first made in a way that does not block (interpose.c knows
 * how); when that fails with EAGAIN, the descriptor is registered with the poller, once, and the
 * goroutine parks. One goroutine at a time for each direction; a second one blocks its thread.
 *
 * What is known of a number holds until the program closes it. All ways to close one that libc
 * names come by sysfddrop(); a bare system call does not, and may leave a goroutine waiting for the
 * file that the number meant before.
 *
 * Invariants, under sysfd.lock:
 *  1. waitq != NULL: the number is registered, and waitq->pd is the registration.
 *  2. A waitq that was dropped belongs to the goroutines inside; the last one out frees it. With
 *     nobody inside, whoever drops it does, if it has a P; else it is left to the next wait.
 *
 * Lock order: sysfd.lock, then pollDesc.lock.
 */
#include "sched/sysfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/noptr.h"
#include "base/syscall.h"
#include "mem/malloc.h"
#include "sched/proc.h"

struct waitq {
	struct pollDesc *pd;
	bool inside[2]; /* by direction */
	bool dropped;
	struct waitq *link; /* in free or orphans */
};

struct sysfd {
	struct mutex lock;
	_Atomic uint8_t kind; /* enum sysfdkind */
	struct waitq *waitq;
};

/* Two levels, since most programs use small numbers; those beyond are SYSFD_FILE. */
enum { CHUNK = 1024, NCHUNK = 1024 };
static _Atomic(struct sysfd *) table[NCHUNK] NOPTRBSS;

static struct {
	struct mutex lock;
	struct waitq *free;
	struct waitq *orphans; /* dropped by a thread without a P */
} cache = {.lock = {.rank = lockRankLeaf}};

static struct sysfd *find(int fd)
{
	if ((unsigned)fd >= CHUNK * NCHUNK)
		return NULL;
	struct sysfd *chunk = load_acq(&table[fd / CHUNK]); /* pairs with the release in findnew */
	return chunk ? &chunk[fd % CHUNK] : NULL;
}

static struct sysfd *findnew(int fd)
{
	struct sysfd *found = find(fd), *none = NULL;
	if (found || (unsigned)fd >= CHUNK * NCHUNK)
		return found;
	struct sysfd *chunk = persistentalloc(CHUNK * sizeof(*chunk));
	for (int i = 0; i < CHUNK; i++)
		lockinit(&chunk[i].lock, lockRankSysfd);
	cas_rel(&table[fd / CHUNK], &none, chunk); /* a loser's chunk is left alone */
	return find(fd);
}

static enum sysfdkind ask(int fd)
{
	struct stat st;
	if (rawsyscall(SYS_fstat, fd, (long)&st, 0, 0) != 0)
		return SYSFD_UNKNOWN;
	switch (st.st_mode & S_IFMT) {
	case S_IFIFO:
		return SYSFD_PIPE;
	case S_IFSOCK:
		return SYSFD_SOCKET;
	case S_IFCHR:
	case 0: /* eventfd, timerfd, epoll, inotify, pidfd */
		return SYSFD_POLL;
	}
	return SYSFD_FILE;
}

enum sysfdkind sysfdkind(int fd)
{
	struct sysfd *f = findnew(fd);
	if (!f)
		return SYSFD_FILE;
	enum sysfdkind kind = load_rlx(&f->kind);
	if (likely(kind != SYSFD_UNKNOWN))
		return kind;
	kind = ask(fd);
	store_rlx(&f->kind, kind);
	return kind == SYSFD_UNKNOWN ? SYSFD_FILE : kind;
}

/* ---- waiting ---- */

static struct waitq *waitqget(void)
{
	lock(&cache.lock);
	struct waitq *w = cache.free;
	if (w)
		cache.free = w->link;
	unlock(&cache.lock);
	return w ? w : persistentalloc(sizeof(*w));
}

/* Nobody is inside w, and nobody comes in any more. The caller has a P. */
static void waitqfree(struct waitq *w)
{
	pollUnblock(w->pd);
	pollClose(w->pd);
	*w = (struct waitq){0};
	lock(&cache.lock);
	w->link = cache.free;
	cache.free = w;
	unlock(&cache.lock);
}

static void freeorphans(void)
{
	if (likely(!*(struct waitq *volatile *)&cache.orphans))
		return;
	lock(&cache.lock);
	struct waitq *w = cache.orphans;
	cache.orphans = NULL;
	unlock(&cache.lock);
	for (struct waitq *next; w; w = next) {
		next = w->link;
		waitqfree(w);
	}
}

/* With f->lock held. */
static struct waitq *registered(struct sysfd *f, int fd)
{
	if (f->waitq)
		return f->waitq;
	struct waitq *w = waitqget();
	if (pollOpen(fd, &w->pd) == 0)
		return f->waitq = w;
	store_rlx(&f->kind, SYSFD_FILE);
	lock(&cache.lock);
	w->link = cache.free;
	cache.free = w;
	unlock(&cache.lock);
	return NULL;
}

static struct waitq *enter(struct sysfd *f, int fd, int dir)
{
	lock(&f->lock);
	struct waitq *w = registered(f, fd);
	if (w && w->inside[dir])
		w = NULL;
	if (w)
		w->inside[dir] = true;
	unlock(&f->lock);
	return w;
}

static void leave(struct sysfd *f, struct waitq *w, int dir)
{
	lock(&f->lock);
	w->inside[dir] = false;
	bool last = w->dropped && !w->inside[!dir];
	unlock(&f->lock);
	if (last)
		waitqfree(w);
}

/* A time limit that the program set on the socket. */
static bool haslimit(int fd, enum pollMode mode)
{
	struct timeval tv = {0};
	socklen_t len = sizeof(tv);
	int option = mode == POLL_READ ? SO_RCVTIMEO : SO_SNDTIMEO;
	rawsyscall6(SYS_getsockopt, fd, SOL_SOCKET, option, (long)&tv, (long)&len, 0);
	return tv.tv_sec || tv.tv_usec;
}

/* After an EAGAIN: whether waiting in the poller does what the blocking call would have done. */
static int maywait(const struct sysfdop *op)
{
	if (op->polls)
		return 0;
	if (rawsyscall(SYS_fcntl, op->fd, F_GETFL, 0, 0) & O_NONBLOCK)
		return -EAGAIN;
	bool limit = sysfdkind(op->fd) == SYSFD_SOCKET && haslimit(op->fd, op->mode);
	return limit ? SYSFD_BLOCK : 0;
}

static long wait(struct waitq *w, struct sysfdop *op)
{
	bool asked = false;
	for (;;) {
		long r = pollReset(w->pd, op->mode);
		if (r == 0)
			r = op->try(op);
		if (r != -EAGAIN)
			return r;
		r = asked ? 0 : maywait(op);
		asked = true;
		if (r == 0)
			r = pollWait(w->pd, op->mode);
		if (r != 0)
			return r;
	}
}

long sysfddo(struct sysfdop *op)
{
	int dir = op->mode == POLL_READ ? 0 : 1;
	struct sysfd *f = find(op->fd);
	if (f && !*(struct waitq *volatile *)&f->waitq) {
		/* Registered only when it has to wait. */
		long r = op->try(op);
		if (r != -EAGAIN)
			return r;
	}
	freeorphans();
	struct waitq *w = f ? enter(f, op->fd, dir) : NULL;
	if (!w)
		return SYSFD_BLOCK;
	if (op->deadline)
		pollSetDeadline(w->pd, op->mode, op->deadline);
	long r = wait(w, op);
	if (op->deadline)
		pollSetDeadline(w->pd, op->mode, 0);
	leave(f, w, dir);
	return r;
}

/* ---- closing ---- */

static void drop(struct sysfd *f)
{
	struct m *mp = getm();
	bool haveP = mp && mp->p;
	lock(&f->lock);
	struct waitq *w = f->waitq;
	store_rlx(&f->kind, SYSFD_UNKNOWN);
	f->waitq = NULL;
	if (!w) {
		unlock(&f->lock);
		return;
	}
	pollForget(w->pd);
	w->dropped = true;
	bool inside = w->inside[0] || w->inside[1];
	if (inside && haveP)
		pollUnblock(w->pd);
	unlock(&f->lock);
	if (inside)
		return;
	if (haveP) {
		waitqfree(w);
		return;
	}
	lock(&cache.lock);
	w->link = cache.orphans;
	cache.orphans = w;
	unlock(&cache.lock);
}

void sysfddrop(unsigned first, unsigned last)
{
	unsigned end = last < CHUNK * NCHUNK ? last + 1 : CHUNK * NCHUNK;
	while (first < end) {
		struct sysfd *f = find((int)first);
		if (!f) {
			first = (first / CHUNK + 1) * CHUNK;
			continue;
		}
		if (load_rlx(&f->kind) != SYSFD_UNKNOWN)
			drop(f);
		first++;
	}
}
