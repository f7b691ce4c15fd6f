/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sysfd.h - the descriptors that the program opened itself, as interposed calls see them. sysfd.c
 * has the design.
 */
#ifndef GORT_SCHED_SYSFD_H
#define GORT_SCHED_SYSFD_H

#include "sched/netpoll.h"

enum sysfdkind {
	SYSFD_UNKNOWN,
	SYSFD_FILE,   /* epoll does not take it: calls block the thread */
	SYSFD_PIPE,   /* takes RWF_NOWAIT, where the kernel can */
	SYSFD_SOCKET, /* takes MSG_DONTWAIT */
	SYSFD_POLL    /* a terminal, eventfd, epoll ...: poll tells whether a call would block */
};

/* What kind fd is; SYSFD_FILE when it is not open. */
enum sysfdkind sysfdkind(int fd);
/* A call must be made as the program wrote it, blocking its thread: no errno of the kernel. */
#define SYSFD_BLOCK (-4096)
/* A call on fd that may have to wait. */
struct sysfdop {
	int fd;
	enum pollMode mode;
	bool polls;                    /* waits for readiness, whether fd is non-blocking or not */
	int64_t deadline;              /* nanotime, 0: none */
	long (*try)(struct sysfdop *); /* must not block; -EAGAIN: wait */
};

/*
 * Calls op->try, and while it returns -EAGAIN parks the goroutine for op->mode. Returns what try
 * did; -EAGAIN when the descriptor is non-blocking by the program's own will; -ETIMEDOUT at the
 * deadline; -EBADF when the descriptor is closed meanwhile; or SYSFD_BLOCK. The caller is a
 * goroutine with a P.
 */
long sysfddo(struct sysfdop *op);
/*
 * The numbers first to last are about to be closed or to mean something else: wakes those who wait
 * for them, if the caller has a P, and forgets what was known.
 */
void sysfddrop(unsigned first, unsigned last);

#endif
