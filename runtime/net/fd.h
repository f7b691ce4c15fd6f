/* SPDX-License-Identifier: BSD-2-Clause */
/* fd.h - descriptors shared by goroutines (Go's internal/poll.FD); fd.c has the design. */
#ifndef GORT_NET_FD_H
#define GORT_NET_FD_H

#include "sched/netpoll.h"

struct netFD;

/* What a user holds: a netFD and which of its lives, in one word. Never dereferenced. */
typedef uintptr_t fdhandle;

/* One system call on the descriptor; a negative errno when it fails. */
typedef ssize_t netfdcall(int sysfd, void *arg);

/* What is read or written: the call moves at and left on. peer: where to or from, or NULL. */
struct span {
	char *at;
	size_t left;
	struct endpoint *peer;
};

/* How a kind of descriptor is read and written; arg is a struct span. rw.c has all of them. */
struct fdops {
	netfdcall *read;  /* returns a length, 0 at the end */
	netfdcall *write; /* returns 0 when all is written */
	bool drains;      /* a short read has emptied the buffer, and more makes an edge */
	bool blocks;      /* epoll does not take it: each call is a blocking system call */
};

extern const struct fdops tcp_ops, socket_ops, file_ops, nowait_ops, blocking_ops;

/*
 * Takes over a descriptor whose calls do not block, unless ops say so. 0 or a negative errno; then
 * it is left open.
 */
int netfdopen(int sysfd, const struct fdops *ops, fdhandle *out);
/* The same; on failure closes it. */
int netfdadopt(int sysfd, const struct fdops *ops, fdhandle *out);
/*
 * Makes waiters fail; the descriptor itself is closed when its last user has left, and when this
 * returns. 0 or -EBADF.
 */
int netfdclose(fdhandle h);

/*
 * Calls f until it does not fail with -EAGAIN, parking for mode in between. Callers of one mode
 * queue up. f's value; -EBADF when h is closed, -ETIMEDOUT when its deadline has passed.
 */
ssize_t netfddo(fdhandle h, enum pollMode mode, netfdcall *f, void *arg);
/* The same with the descriptor's own calls. */
ssize_t netfdread(fdhandle h, struct span *s);
ssize_t netfdwrite(fdhandle h, struct span *s);
/* Calls f once without waiting for other users. */
ssize_t netfdpeek(fdhandle h, netfdcall *f, void *arg);
/* pollSetDeadline by handle; -EOPNOTSUPP when the descriptor blocks. */
int netfddeadline(fdhandle h, unsigned modes, int64_t when);
/*
 * r and w are the ends of one pipe, just made: who waits for one end is woken by a call on the
 * other, sooner than by the poller.
 */
void netfdlink(fdhandle r, fdhandle w);

#endif
