/* SPDX-License-Identifier: BSD-2-Clause */
/* defer.h - deferred calls, and the panics that run them. */
#ifndef GORT_LANG_DEFER_H
#define GORT_LANG_DEFER_H

#include "sched/runtime2.h"

/* gort_goexit: runs what gp, the calling goroutine, has deferred and not yet run. */
void rundefers(struct g *gp);
/* Runs the innermost deferred calls until only those from stop on are left. */
void rununtil(struct gcold *c, const struct gort_defer *stop);

/* A goroutine ends: nothing of it is left in its cold part. */
static inline void endpanics(struct gcold *c)
{
	c->_defer = NULL;
	c->_protect = NULL;
	c->_panic = NULL;
	c->goexitsp = 0;
}

#endif
