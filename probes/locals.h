/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * locals.h - the variables of the calls on a stack, by the debug information of the files that a
 * process has mapped: Go's and C's alike.
 */
#ifndef GORT_PROBES_LOCALS_H
#define GORT_PROBES_LOCALS_H

#include "dwloc.h"
#include "dwtype.h"
#include "modules.h"
#include "probes/probes.h"

struct locals {
	const struct tmem *mem;
	struct modules *ms;
	struct dwnames names;
	const struct gsnap *s;
	struct probe_locals *out;
	bool oom;
};

/* Whether the executable has debug information at all. */
bool locals_known(struct modules *ms);

/*
 * Appends to l->out the variables of the calls at location number `loc` of the stack, of the frame
 * that stands there.
 */
void locals_add(
	struct locals *l, uint32_t loc, const struct gsnap_loc *calls, const struct dwframe *f);

#endif
