/* SPDX-License-Identifier: BSD-2-Clause */
/* lend.h - a CPU for threads that must run before the world stands: lend.c. */
#ifndef GORT_SCHED_LEND_H
#define GORT_SCHED_LEND_H

#include "sched/runtime2.h"

/*
 * By who stops the world, again and again: mp, whose thread has not run since the last time, waits
 * for a CPU. It gets the caller's, as soon as that sleeps.
 */
void lendcpu(struct m *mp);
/* By the same: all stand, and may run where they could before. */
void lendback(void);
/* In the handler of the preemption signal, on mp's thread, which goes on. */
void lendrefuse(struct m *mp);

#endif
