/* SPDX-License-Identifier: BSD-2-Clause */
/* cpuprof.h - what start-up and each new M do for the CPU profile. */
#ifndef GORT_DEBUG_CPUPROF_H
#define GORT_DEBUG_CPUPROF_H

struct m;

/* Starts the profile that GORT_CPUPROFILE names, if any. */
void cpuprofinit(void);
/* Arms the timer of this M while a profile runs. */
void cpuprofminit(struct m *mp);

#endif
