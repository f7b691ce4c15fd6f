/* SPDX-License-Identifier: BSD-2-Clause */
/* golocals.h - variables of a goroutine of a Go process that was opened. */
#ifndef GORT_PROBES_GOLOCALS_H
#define GORT_PROBES_GOLOCALS_H

#include "gounwind.h"
#include "locals.h"

/* Appends those of a goroutine of l->s, which has its stack; fills what is not yet set in *l. */
void golocals_read(
	struct gotarget *g, struct modules *ms, struct locals *l, const struct gsnap_g *gp);

#endif
