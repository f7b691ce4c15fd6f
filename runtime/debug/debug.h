/* SPDX-License-Identifier: BSD-2-Clause */
/* debug.h - what the scheduler calls of this folder. */
#ifndef GORT_DEBUG_DEBUG_H
#define GORT_DEBUG_DEBUG_H

#include <stdint.h>

struct m;

/*
 * Options, module table, signal handlers, the profile that GORT_CPUPROFILE asks for; by schedinit,
 * before the first goroutine.
 */
void debuginit(void);
/* On each new M that runs goroutines, by its own thread, once procid is set and it is in allm. */
void debugminit(struct m *mp);

/* By sysmon, each round, while debug.schedtrace is not 0: prints when it is time. */
void schedtracetick(int64_t now);
/* By a dying program, before its message: what Go prints there under schedtrace or scheddetail. */
void schedtracedying(void);

#endif
