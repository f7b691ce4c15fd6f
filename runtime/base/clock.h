/* SPDX-License-Identifier: BSD-2-Clause */
/* clock.h - the runtime's clock: CLOCK_MONOTONIC nanoseconds through the vdso (Go's nanotime). */
#ifndef GORT_BASE_CLOCK_H
#define GORT_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t nanotime(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

#endif
