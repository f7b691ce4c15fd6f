/* SPDX-License-Identifier: BSD-2-Clause */
/* fd.h - descriptors shared by goroutines (Go's internal/poll.FD); fd.c has the design. */
#ifndef GORT_NET_FD_H
#define GORT_NET_FD_H

#include "sched/netpoll.h"

struct netFD;

/* What a user holds: a netFD and which of its lives, in one word. Never dereferenced. */
typedef uintptr_t fdhandle;

/* Takes over a non-blocking descriptor; on failure closes it. 0 or a negative errno. */
int netfdopen(int sysfd, fdhandle *out);
/* Makes waiters fail; the descriptor itself is closed when its last user has left. 0 or -EBADF. */
int netfdclose(fdhandle h);

/* One system call on the descriptor; a negative errno when it fails. */
typedef ssize_t netfdcall(int sysfd, void *arg);
/*
 * Calls f until it does not fail with -EAGAIN, parking for mode in between. Callers of one mode
 * queue up. f's value, or -EBADF when h is closed.
 */
ssize_t netfddo(fdhandle h, enum pollMode mode, netfdcall *f, void *arg);
/* Calls f once without waiting for other users. */
ssize_t netfdpeek(fdhandle h, netfdcall *f, void *arg);

#endif
