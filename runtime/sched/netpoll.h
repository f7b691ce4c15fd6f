/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netpoll.h - the network poller: goroutines wait for descriptors without holding a thread. It is
 * also the clock of an idle program: the M that waits in netpoll() wakes for the next timer.
 *
 * Two halves, as in Go: netpoll.c keeps a pollDesc per descriptor and parks and readies goroutines;
 * netpoll_epoll.c asks the kernel. The scheduler calls netpoll(), netpollBreak() and
 * netpollAnyWaiters(); net/ calls the poll* functions.
 *
 * At most one M is in netpoll(delay != 0); it has no P and sched.lastpoll is 0 meanwhile.
 */
#ifndef GORT_SCHED_NETPOLL_H
#define GORT_SCHED_NETPOLL_H

#include "sched/runtime2.h"

struct pollDesc;

enum pollMode { POLL_READ = 1, POLL_WRITE = 2 };

/* Goroutines parked on a descriptor. While it is not 0 the program is not deadlocked. */
extern _Atomic int32_t netpollWaiters;

static inline bool netpollAnyWaiters(void)
{
	return load_rlx(&netpollWaiters) > 0;
}

/*
 * Goroutines that have become ready, marked _Grunnable, on no queue. delay in ns: 0 does not wait,
 * negative waits without limit, else at most so long; netpollBreak ends the wait early.
 */
struct gQueue netpoll(int64_t delay);
/* Ends the running or else the next wait. Any thread may call it. */
void netpollBreak(void);

/*
 * Registers a non-blocking descriptor for edge-triggered events. 0 and *out, or a negative errno
 * (-EPERM: a kind of file that epoll does not take). The descriptor is closed after pollClose.
 */
int pollOpen(int fd, struct pollDesc **out);
/* Ends the use of pd: pollUnblock was called and nobody is in pollWait any more. */
void pollClose(struct pollDesc *pd);
/*
 * Forgets an edge seen before; called before the system call that may find EAGAIN, so that an edge
 * after that call is not lost. 0, or -EBADF when pd is being closed.
 */
int pollReset(struct pollDesc *pd, enum pollMode mode);
/*
 * Parks the calling goroutine until an edge comes for mode. 0, or -EBADF when pd is being closed.
 * One goroutine at a time for each mode.
 */
int pollWait(struct pollDesc *pd, enum pollMode mode);
/* Begins a close: wakes whoever waits, and from now on no wait blocks. */
void pollUnblock(struct pollDesc *pd);

/* Between the halves. netpollready appends to list whom the edges of pd's life seq wake. */
void netpollinit(void);
void netpollGenericInit(void);
int netpollopen(int fd, struct pollDesc *pd, uint32_t seq);
void netpollclose(int fd);
void netpollready(struct gQueue *list, struct pollDesc *pd, uint32_t seq, unsigned modes);

#endif
