/* SPDX-License-Identifier: BSD-2-Clause */
/* gleaks.h - places from which a goroutine's channel can be reached, or can not. */
#ifndef GORT_TESTS_GLEAKS_H
#define GORT_TESTS_GLEAKS_H

struct scene {
	const char *name;
	void (*set)(void);
	unsigned waiting; /* goroutines named "leak" or "live" that are going to wait */
};

extern const struct scene scenes[]; /* ends with a NULL name */

#endif
