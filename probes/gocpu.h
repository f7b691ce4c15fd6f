/* SPDX-License-Identifier: BSD-2-Clause */
/* gocpu.h - a CPU profile of a Go process, sampled by the kernel. */
#ifndef GORT_PROBES_GOCPU_H
#define GORT_PROBES_GOCPU_H

#include "gounwind.h"

struct gocpu;

/*
 * Starts sampling all threads of g, those that begin later included, `hz` times a second of CPU
 * time each. 0 or a negative errno: -EPERM when the kernel does not allow it.
 */
int gocpu_start(const struct gotarget *g, unsigned hz, struct gocpu **out);
/* Ends it: appends the samples to *out, which is to be empty. 0 or -ENOMEM. Frees c. */
int gocpu_stop(struct gocpu *c, struct gsnap *out, uint64_t *lost);

#endif
