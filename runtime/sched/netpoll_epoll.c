/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netpoll_epoll.c - the poller on epoll (Go's netpoll_epoll.go).
 *
 * Each descriptor is registered once, edge-triggered for both directions, and never modified: an
 * edge that nobody waits for stays in its pollDesc. An event carries the pollDesc's address and, in
 * the bits that user addresses do not use, the low bits of its sequence number, so that an event of
 * a descriptor closed meanwhile does not ready its successor.
 *
 * netpollBreak() writes to an eventfd, at most once until the waiter has seen it (netpollWakeSig).
 * Its compare-and-swap pairs with the store that the waiter does after reading the eventfd.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/syscall.h"
#include "base/throw.h"
#include "mem/malloc.h"
#include "sched/netpoll.h"

enum { EVENTS = 128, SEQ_SHIFT = 48 };

static int epfd = -1;
static int breakfd = -1;
static _Atomic uint32_t netpollWakeSig;
static _Atomic bool nopwait2; /* a kernel before 5.11: milliseconds, rounded up */

static long epollctl(int op, int fd, struct epoll_event *ev)
{
	return rawsyscall(SYS_epoll_ctl, epfd, op, fd, (long)ev);
}

void netpollinit(void)
{
	epfd = (int)rawsyscall(SYS_epoll_create1, EPOLL_CLOEXEC, 0, 0, 0);
	breakfd = (int)rawsyscall(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK, 0, 0);
	if (epfd == -EMFILE || breakfd == -EMFILE || epfd == -ENFILE || breakfd == -ENFILE)
		throwlimit(LIMIT_FILES, "no descriptors left for the poller: it needs two");
	if (epfd < 0 || breakfd < 0 ||
		epollctl(EPOLL_CTL_ADD, breakfd, &(struct epoll_event){.events = EPOLLIN}) != 0)
		throw("netpoll: cannot set up epoll: %d, %d", epfd, breakfd);
}

int netpollopen(int fd, struct pollDesc *pd, uint32_t seq)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET,
		.data.u64 = (uint64_t)(uintptr_t)pd | (uint64_t)seq << SEQ_SHIFT,
	};
	return (int)epollctl(EPOLL_CTL_ADD, fd, &ev);
}

void netpollclose(int fd)
{
	epollctl(EPOLL_CTL_DEL, fd, &(struct epoll_event){0});
}

void netpollBreak(void)
{
	uint32_t idle = 0;
	uint64_t one = 1;
	long n;
	netpollGenericInit();
	if (!cas_acqrel(&netpollWakeSig, &idle, 1))
		return;
	do
		n = rawsyscall(SYS_write, breakfd, (long)&one, sizeof one, 0);
	while (n == -EINTR);
	if (n != sizeof one)
		throw("netpoll: cannot wake the poller: %ld", n);
}

/* Only a waiter drains the eventfd: a look in passing leaves the wake-up to whoever waits. */
static void breakseen(int64_t delay)
{
	uint64_t count;
	if (delay == 0)
		return;
	rawsyscall(SYS_read, breakfd, (long)&count, sizeof count, 0);
	store_rel(&netpollWakeSig, 0);
}

static long epollwaitms(struct epoll_event *events, int64_t delay)
{
	int64_t ms = delay < 0 ? -1 : (delay + 999999) / 1000000;
	return rawsyscall(
		SYS_epoll_pwait, epfd, (long)events, EVENTS, ms < INT32_MAX ? ms : INT32_MAX);
}

static long epollwait(struct epoll_event *events, int64_t delay)
{
	struct timespec ts = {delay / 1000000000, delay % 1000000000};
	if (load_rlx(&nopwait2))
		return epollwaitms(events, delay);
	long n =
		rawsyscall(SYS_epoll_pwait2, epfd, (long)events, EVENTS, delay < 0 ? 0 : (long)&ts);
	if (n != -ENOSYS)
		return n;
	store_rlx(&nopwait2, true);
	return epollwaitms(events, delay);
}

static unsigned modesof(uint32_t events)
{
	unsigned modes = 0;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		modes |= POLL_READ;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		modes |= POLL_WRITE;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI))
		modes |= POLL_HUNGUP;
	return modes;
}

/*
 * Room for what the kernel reports. Not on the stack: that is a goroutine's, whose next page it
 * would touch, and a goroutine that waits for a connection keeps each page it has touched.
 */
static struct epoll_event *eventbuffer(void)
{
	struct m *mp = getm();
	if (unlikely(!mp->pollevents))
		mp->pollevents = persistentalloc(EVENTS * sizeof(struct epoll_event));
	return mp->pollevents;
}

/* A signal ends the wait early: the caller works out anew how long it may sleep. */
struct gQueue netpoll(int64_t delay)
{
	struct epoll_event *events = eventbuffer();
	struct gQueue ready = {0};
	netpollGenericInit();
	long n = epollwait(events, delay);
	if (n < 0 && n != -EINTR)
		throw("netpoll: epoll_wait failed: %ld", n);
	for (long i = 0; i < n; i++) {
		uint64_t data = events[i].data.u64;
		uintptr_t addr = data & ((UINT64_C(1) << SEQ_SHIFT) - 1);
		if (addr)
			netpollready(&ready, (struct pollDesc *)addr, data >> SEQ_SHIFT,
				modesof(events[i].events));
		else
			breakseen(delay);
	}
	return ready;
}
