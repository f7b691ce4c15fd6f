/* SPDX-License-Identifier: BSD-2-Clause */
/* freeze.h - holds all threads of another process still for a moment: what --freeze does. */
#ifndef GORT_PROBES_FREEZE_H
#define GORT_PROBES_FREEZE_H

#include "target.h"

/* General and vector registers of a thread as words, any of which may be a pointer. */
#define FREEZE_RSP 19 /* of general */
struct freeze_regs {
	uint64_t general[27]; /* struct user_regs_struct */
	uint64_t vector[64];  /* struct user_fpregs_struct */
};

/*
 * Stops every thread, calls look while all of them stand, and lets them go on. *ns is how long they
 * stood: from when the first was asked to stop. 0, or -EPERM (not allowed, or traced by another),
 * -ESRCH (it has ended), -ETIMEDOUT (a thread did not stop soon; all go on, look was not called).
 *
 * They go on whatever happens to gort, SIGKILL included, as in pause.h. A thread that was stopped
 * by its shell stays so. System calls that restart are restarted; some end with EINTR, as they do
 * after any stop (signal(7)), and as Go's own preemption signals make them.
 */
int freeze_process(const struct target *t,
	void (*look)(void *ctx, const struct freeze_regs *regs, size_t n), void *ctx, int64_t *ns);

#endif
