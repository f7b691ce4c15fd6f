/* SPDX-License-Identifier: BSD-2-Clause */
/* defer.h - deferred calls, run when a goroutine ends early. */
#ifndef GORT_LANG_DEFER_H
#define GORT_LANG_DEFER_H

struct g;

/* Runs what gp, the calling goroutine, has deferred and not yet run, innermost first. */
void rundefers(struct g *gp);

#endif
