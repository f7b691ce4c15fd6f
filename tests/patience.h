/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * patience.h - how long a test waits before it calls something hung. As Check does with its own
 * limits, it multiplies by CK_TIMEOUT_MULTIPLIER, which is set where CPUs are emulated (tests/vm).
 */
#ifndef GORT_TESTS_PATIENCE_H
#define GORT_TESTS_PATIENCE_H

#include <stdlib.h>

static inline unsigned patience(unsigned seconds)
{
	const char *factor = getenv("CK_TIMEOUT_MULTIPLIER");
	int n = factor ? atoi(factor) : 1;
	return n > 1 ? seconds * (unsigned)n : seconds;
}

#endif
