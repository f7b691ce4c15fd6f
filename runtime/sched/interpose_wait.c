/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interpose_wait.c - functions of libc that wait for time, for readiness or for children; the rules
 * are in interpose.c.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "sched/interpose.h"
#include "sched/sysfd.h"
#include "sched/bubble.h"

#ifndef GORT_ASAN

enum { NSIGBYTES = 8 }; /* the kernel's sigset_t */

/* ---- time ---- */

static bool goodtime(const struct timespec *ts)
{
	return ts->tv_sec >= 0 && ts->tv_nsec >= 0 && ts->tv_nsec < 1000000000;
}

static void sleepfor(const struct timespec *ts)
{
	int64_t ns;
	if (__builtin_mul_overflow((int64_t)ts->tv_sec, INT64_C(1000000000), &ns) ||
		__builtin_add_overflow(ns, ts->tv_nsec, &ns))
		ns = INT64_MAX;
	gort_sleep(ns);
}

INTERPOSE int clock_nanosleep(
	clockid_t clock, int flags, const struct timespec *ts, struct timespec *left)
{
	bool steady = clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME;
	if (!steady || flags || !goodtime(ts) || !maypark())
		return (int)-BLOCKINGCALL(SYS_clock_nanosleep, clock, flags, ts, left, 0, 0);
	sleepfor(ts);
	return 0;
}

INTERPOSE int nanosleep(const struct timespec *ts, struct timespec *left)
{
	return (int)libcresult(-clock_nanosleep(CLOCK_REALTIME, 0, ts, left));
}

INTERPOSE int usleep(useconds_t us)
{
	struct timespec ts = {us / 1000000, us % 1000000 * 1000};
	return nanosleep(&ts, NULL);
}

INTERPOSE unsigned sleep(unsigned seconds)
{
	struct timespec ts = {seconds, 0};
	return nanosleep(&ts, &ts) == 0 ? 0 : (unsigned)ts.tv_sec;
}

/* ---- readiness ---- */

struct pollop {
	struct sysfdop op;
	struct pollfd *p;
	struct epoll_event *events;
	int n;
};

static long trypoll(struct sysfdop *op)
{
	struct timespec now = {0};
	long r = rawsyscall6(SYS_ppoll, (long)((struct pollop *)op)->p, 1, (long)&now, 0, 0, 0);
	return r ? r : -EAGAIN;
}

static long tryepoll(struct sysfdop *op)
{
	struct pollop *e = (struct pollop *)op;
	long r = rawsyscall(SYS_epoll_wait, op->fd, (long)e->events, e->n, 0);
	return r ? r : -EAGAIN;
}

/* Waits at most ms, for ever when negative: how many are ready, or SYSFD_BLOCK. */
static long waitready(struct pollop *op, int ms)
{
	if (ms >= 0)
		op->op.deadline = timenow() + (int64_t)ms * 1000000;
	enum sysfdkind kind = sysfdkind(op->op.fd);
	long r = kind == SYSFD_FILE ? SYSFD_BLOCK : sysfddo(&op->op);
	return r == -ETIMEDOUT ? 0 : r;
}

/* The direction that p waits for, 0 when the poller cannot. */
static int polldirection(const struct pollfd *p)
{
	const short in = POLLIN | POLLRDNORM | POLLRDHUP, out = POLLOUT | POLLWRNORM;
	if (p->fd < 0 || !p->events)
		return 0;
	return !(p->events & ~in) ? POLL_READ : !(p->events & ~out) ? POLL_WRITE : 0;
}

static __attribute__((noinline)) long pollone(struct pollfd *p, enum pollMode mode, int ms)
{
	struct pollop op = {.p = p};
	op.op = (struct sysfdop){.fd = p->fd, .mode = mode, .polls = true, .try = trypoll};
	return waitready(&op, ms);
}

INTERPOSE int poll(struct pollfd *fds, nfds_t n, int ms)
{
	struct pollfd *p = fds;
	__asm__("" : "=r"(p) : "0"(fds)); /* libc's prototype claims that it is only written */
	int mode = n == 1 ? polldirection(p) : 0;
	long r = mode && ms && maypark() ? pollone(p, (enum pollMode)mode, ms) : SYSFD_BLOCK;
	if (r == SYSFD_BLOCK)
		r = BLOCKINGCALL(SYS_poll, p, n, ms, 0, 0, 0);
	return (int)libcresult(r);
}

INTERPOSE int epoll_wait(int fd, struct epoll_event *events, int n, int ms)
{
	long r = SYSFD_BLOCK;
	if (ms && maypark()) {
		struct pollop op = {
			.op = {.fd = fd, .mode = POLL_READ, .polls = true, .try = tryepoll},
			.events = events,
			.n = n};
		r = waitready(&op, ms);
	}
	if (r == SYSFD_BLOCK)
		r = BLOCKINGCALL(SYS_epoll_wait, fd, events, n, ms, 0, 0);
	return (int)libcresult(r);
}

INTERPOSE int epoll_pwait(int fd, struct epoll_event *events, int n, int ms, const sigset_t *mask)
{
	return (int)libcresult(BLOCKINGCALL(SYS_epoll_pwait, fd, events, n, ms, mask, NSIGBYTES));
}

/* The kernel writes the time left into it, libc does not. */
static struct timespec *copytime(struct timespec *to, const struct timespec *from)
{
	if (!from)
		return NULL;
	*to = *from;
	return to;
}

INTERPOSE int ppoll(struct pollfd *p, nfds_t n, const struct timespec *ts, const sigset_t *mask)
{
	struct timespec copy, *limit = copytime(&copy, ts);
	return (int)libcresult(BLOCKINGCALL(SYS_ppoll, p, n, limit, mask, NSIGBYTES, 0));
}

INTERPOSE int select(int n, fd_set *r, fd_set *w, fd_set *x, struct timeval *tv)
{
	return (int)libcresult(BLOCKINGCALL(SYS_select, n, r, w, x, tv, 0));
}

INTERPOSE int pselect(
	int n, fd_set *r, fd_set *w, fd_set *x, const struct timespec *ts, const sigset_t *mask)
{
	struct timespec copy, *limit = copytime(&copy, ts);
	const void *sigs[2] = {mask, (void *)(uintptr_t)NSIGBYTES};
	return (int)libcresult(BLOCKINGCALL(SYS_pselect6, n, r, w, x, limit, sigs));
}

/* ---- children and locks on files ---- */

INTERPOSE pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
	return (pid_t)libcresult(BLOCKINGCALL(SYS_wait4, pid, status, options, usage, 0, 0));
}

INTERPOSE pid_t waitpid(pid_t pid, int *status, int options)
{
	return (pid_t)libcresult(BLOCKINGCALL(SYS_wait4, pid, status, options, 0, 0, 0));
}

INTERPOSE pid_t wait3(int *status, int options, struct rusage *usage)
{
	return (pid_t)libcresult(BLOCKINGCALL(SYS_wait4, -1, status, options, usage, 0, 0));
}

INTERPOSE pid_t wait(int *status)
{
	return (pid_t)libcresult(BLOCKINGCALL(SYS_wait4, -1, status, 0, 0, 0, 0));
}

INTERPOSE int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	return (int)libcresult(BLOCKINGCALL(SYS_waitid, type, id, info, options, 0, 0));
}

INTERPOSE int flock(int fd, int operation)
{
	return (int)libcresult(BLOCKINGCALL(SYS_flock, fd, operation, 0, 0, 0, 0));
}

#endif
