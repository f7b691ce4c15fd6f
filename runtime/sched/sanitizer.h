/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sanitizer.h - tells AddressSanitizer which stack runs. Each switch is announced before it and
 * completed after it, on the new stack; in other builds all of this is nothing.
 */
#ifndef GORT_SCHED_SANITIZER_H
#define GORT_SCHED_SANITIZER_H

#include "sched/runtime2.h"

#ifdef GORT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>

static inline void san_leave(struct g *from, uintptr_t lo, uintptr_t hi)
{
	__sanitizer_start_switch_fiber(from ? &from->fakestack : NULL, (void *)lo, hi - lo);
}

static inline void san_enter(struct g *to)
{
	__sanitizer_finish_switch_fiber(to->fakestack, NULL, NULL);
	to->fakestack = NULL;
}

/* The frames of this stack are about to be abandoned: forget what they poisoned. */
static inline void san_abandon(void)
{
	__asan_handle_no_return();
}

/* Memory that may hold the only pointer to something malloc'ed; it may be partly unmapped. */
static inline void san_root(void *p, size_t n)
{
	__lsan_register_root_region(p, n);
}
#else
static inline void san_leave(struct g *from, uintptr_t lo, uintptr_t hi)
{
	(void)from, (void)lo, (void)hi;
}

static inline void san_enter(struct g *to)
{
	(void)to;
}

static inline void san_abandon(void)
{
}

static inline void san_root(void *p, size_t n)
{
	(void)p, (void)n;
}
#endif

#endif
