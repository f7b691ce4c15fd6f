/* SPDX-License-Identifier: BSD-2-Clause */
/* traceback.h - goroutine dumps in Go's shape. Async-signal-safe. */
#ifndef GORT_DEBUG_TRACEBACK_H
#define GORT_DEBUG_TRACEBACK_H

#include "gview.h"
#include "print.h"

/* From now on with the runtime's own frames, whatever the level: the runtime itself failed. */
void traceback_show_runtime(void);

/*
 * The frames from regs outwards, each as "fn(...)", tab "file:line +0x1d"; the middle of a long
 * stack is left out as Go does. callsite: the pc in regs is a return address.
 */
void traceback_frames(
	struct printer *p, const struct regs *regs, uintptr_t lo, uintptr_t hi, bool callsite);
/* "goroutine 18 [chan receive, 3 minutes]:" */
void goroutineheader(struct printer *p, const struct gview *v);
/* Header, frames and creator of v's goroutine; regs NULL: where it is parked. */
void traceback_g(struct printer *p, const struct gview *v, const struct regs *regs, bool callsite);
/* All goroutines but `me`. */
void tracebackothers(struct printer *p, const struct g *me);

#endif
