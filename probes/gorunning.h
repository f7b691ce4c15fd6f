/* SPDX-License-Identifier: BSD-2-Clause */
/* gorunning.h - stacks of goroutines that run: their registers are in no g. */
#ifndef GORT_PROBES_GORUNNING_H
#define GORT_PROBES_GORUNNING_H

#include "goread.h"

/*
 * For the running goroutines of rd's snapshot that have no stack: of those whose thread is blocked
 * in the kernel, and where the snapshot's pause.max_ns allows it of the others too, by stopping
 * their threads one after the other; counts that in its pause members.
 */
void gorunning_read(struct goreader *rd, const struct gotarget *g, struct gsnap *s);

#endif
