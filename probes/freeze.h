/* SPDX-License-Identifier: BSD-2-Clause */
/* freeze.h - holds all threads of another process still for a moment: what --freeze does. */
#ifndef GORT_PROBES_FREEZE_H
#define GORT_PROBES_FREEZE_H

#include "target.h"

/*
 * Stops every thread, calls look while all of them stand, and lets them go on. *ns is how long they
 * stood: from when the first was asked to stop. 0, or -EPERM (not allowed, or traced by another),
 * -ESRCH (it has ended), -ETIMEDOUT (a thread did not stop soon; all go on, look was not called).
 *
 * They go on whatever happens to gort, SIGKILL included, as in pause.h. A thread that was stopped
 * by its shell stays so. System calls that restart are restarted; some end with EINTR, as they do
 * after any stop (signal(7)), and as Go's own preemption signals make them.
 *
 * A core stands still already: look is called at once, and *ns is 0.
 */
int freeze_process(const struct target *t,
	void (*look)(void *ctx, const struct thread_regs *regs, size_t n), void *ctx, int64_t *ns);

#endif
