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

/* While the earliest timer is further away than this, the poller need not be occupied. */
#define POLLTIMER_NS 2000000

/* POLL_HUNGUP is no direction: the far end is gone or going, or urgent data has come. */
enum pollMode { POLL_READ = 1, POLL_WRITE = 2, POLL_HUNGUP = 4 };

/* Goroutines parked on a descriptor. While it is not 0 the program is not deadlocked. */
extern _Atomic int32_t netpollWaiters;

static inline bool netpollAnyWaiters(void)
{
	return load_rlx(&netpollWaiters) > 0;
}

/*
 * Goroutines that have become ready, marked _Grunnable, on no queue, for netpollrun. delay in ns: 0
 * does not wait, negative waits without limit, else at most so long; netpollBreak ends the wait
 * early.
 */
struct gQueue netpoll(int64_t delay);
/* Makes what netpoll returned run: on this P if there is one, else somewhere. Empties the list. */
void netpollrun(struct gQueue *list);
/* A look in passing, on a P: netpoll without waiting, netpollrun; notes when that was. */
void netpolltry(int64_t now);
/* Ends the running or else the next wait. Any thread may call it. */
void netpollBreak(void);

/*
 * Registers a non-blocking descriptor for edge-triggered events. 0 and *out, or a negative errno
 * (-EPERM: a kind of file that epoll does not take). The descriptor is closed after pollClose.
 */
int pollOpen(int fd, struct pollDesc **out);
/* Unregisters already now: the number is about to mean another file. pollClose still follows. */
void pollForget(struct pollDesc *pd);
/* Ends the use of pd: pollUnblock was called and nobody is in pollWait any more. */
void pollClose(struct pollDesc *pd);
/*
 * Forgets an edge seen before; called before the system call that may find EAGAIN, so that an edge
 * after that call is not lost. 0, -EBADF when pd is being closed, -ETIMEDOUT when the deadline of
 * mode has passed.
 */
int pollReset(struct pollDesc *pd, enum pollMode mode);
/*
 * Parks the calling goroutine until an edge comes for mode; not at all when one has come since
 * pollReset. Errors as pollReset. One goroutine at a time for each mode.
 */
int pollWait(struct pollDesc *pd, enum pollMode mode);
/* Whether an edge with POLL_HUNGUP ever came: reading may then end without another edge. */
bool pollHungUp(struct pollDesc *pd);
/*
 * Sets the deadline of the given modes: nanotime, or 0 for none. One that has passed (also any
 * negative number) wakes waiters at once; a later one revives the descriptor. 0 or -EBADF. Needs a
 * P.
 */
int pollSetDeadline(struct pollDesc *pd, unsigned modes, int64_t when);
/* Which life of pd this is, for pollHint. */
uint32_t pollSeq(struct pollDesc *pd);
/*
 * Wakes who waits for mode, if anybody does, to try again: the caller has done what is likely to
 * cause an edge. Nothing when pd has another life by now. Needs a P.
 */
void pollHint(struct pollDesc *pd, uint32_t seq, enum pollMode mode);
/* Begins a close: wakes whoever waits, and from now on no wait blocks. Needs a P. */
void pollUnblock(struct pollDesc *pd);

/* Between the halves. netpollready appends to list whom the edges of pd's life seq wake. */
void netpollinit(void);
void netpollGenericInit(void);
int netpollopen(int fd, struct pollDesc *pd, uint32_t seq);
void netpollclose(int fd);
void netpollready(struct gQueue *list, struct pollDesc *pd, uint32_t seq, unsigned modes);

#endif
