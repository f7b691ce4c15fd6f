/* SPDX-License-Identifier: BSD-2-Clause */
/* fake.h - the log of fake.c, and what stores.c and values.c know of each other. */
#ifndef GORT_TESTS_CC_FAKE_H
#define GORT_TESTS_CC_FAKE_H

#include "gort/gort.h"

#define MAXLOG 4096
extern const void *logged[MAXLOG];
extern int nlogged;

struct two {
	void *a, *b;
};

struct five {
	void *p[5];
};

/* In another file, so that nobody inlines them. */
struct two make_two(void *a, void *b);
struct five make_five(void *a);

#endif
