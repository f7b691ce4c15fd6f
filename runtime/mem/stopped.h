/* SPDX-License-Identifier: BSD-2-Clause */
/* stopped.h - a thread that the collector stops by a signal: mgcstop.c. */
#ifndef GORT_MEM_STOPPED_H
#define GORT_MEM_STOPPED_H

#include <stdint.h>
#include <ucontext.h>

/*
 * STOP_WANTED -> STOP_SAVES -> STOP_STANDS are the thread's, the rest that of who stops. Above
 * these bits is the turn, so that a thread that is late answers the stop it was asked by, or none.
 */
enum {
	STOP_NONE,
	STOP_WANTED,
	STOP_SAVES, /* it writes the rest of struct stopped */
	STOP_STANDS,
	STOP_BLIND, /* it is not waited for */
	STOP_BITS = 3,
	STOP_MASK = 7
};

struct stopped {
	_Atomic uint32_t state;
	int32_t tid;
	int64_t cpu;               /* its CPU time when it was wanted */
	const ucontext_t *context; /* while it stands: its registers */
	uintptr_t sp, tp;          /* of it: stack and thread pointers */
};

#endif
