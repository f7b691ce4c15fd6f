/* SPDX-License-Identifier: BSD-2-Clause */
/* goroots.h - what a Go process keeps alive whatever its goroutines do. */
#ifndef GORT_PROBES_GOROOTS_H
#define GORT_PROBES_GOROOTS_H

#include "gocopy.h"
#include "gomark.h"

/* First of all: the runtime's own g, m and p structures lead nowhere. */
void goroots_opaque(struct gomark *m, const struct gocopies *a, const struct gocopies *b);
/* Marks variables, Ps and specials; 0 or a negative errno, and then no verdict is possible. */
int goroots_mark(struct gomark *m);
/*
 * Marks what threads have in registers, if they run the program's code or are in the midst of the
 * runtime's. What the others have there is left over from what they did last.
 */
void goroots_registers(struct gomark *m, const struct thread_regs *regs, size_t n);

#endif
