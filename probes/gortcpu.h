/* SPDX-License-Identifier: BSD-2-Clause */
/* gortcpu.h - a CPU profile of a program on libgort, sampled by the kernel. */
#ifndef GORT_PROBES_GORTCPU_H
#define GORT_PROBES_GORTCPU_H

#include "target.h"

struct gortcpu;

/* As gocpu_start and gocpu_stop. */
int gortcpu_start(const struct target *t, unsigned hz, struct gortcpu **out);
/* what: enum probe_what. */
int gortcpu_stop(struct gortcpu *c, unsigned what, struct gsnap *out, uint64_t *lost);

#endif
