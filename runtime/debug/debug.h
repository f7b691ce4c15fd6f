/* SPDX-License-Identifier: BSD-2-Clause */
/* debug.h - what the scheduler calls of this folder. */
#ifndef GORT_DEBUG_DEBUG_H
#define GORT_DEBUG_DEBUG_H

struct m;

/*
 * Options, module table, signal handlers, the profile that GORT_CPUPROFILE asks for; by schedinit,
 * before the first goroutine.
 */
void debuginit(void);
/* On each new M that runs goroutines, by its own thread, once procid is set and it is in allm. */
void debugminit(struct m *mp);
#endif
