/* SPDX-License-Identifier: BSD-2-Clause */
/* mgccheck.h - GORT_DEBUG=gcmalloccheck=1 and gcbarriercheck=1. */
#ifndef GORT_MEM_MGCCHECK_H
#define GORT_MEM_MGCCHECK_H

#include <stdint.h>

/* In the stop in which all has been marked. */
void malloccheck(void);
/* In the first pause, with the caches flushed; in the final one, with the log flushed. */
void barriercheckbegin(void);
void barriercheckend(void);
/* An entry of the log is being shaded. */
void barrierlogged(uintptr_t old);
/*
 * In a no-stop section, whether or not the log is on: the caller's goroutine is about to overwrite
 * the pointer old, or [lo, hi).
 */
void barrierunderway(uintptr_t old, uintptr_t lo, uintptr_t hi);
/* After the stop: prints what was found. */
void checkstell(void);

#endif
