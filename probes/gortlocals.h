/* SPDX-License-Identifier: BSD-2-Clause */
/* gortlocals.h - variables of a goroutine of a program on libgort. */
#ifndef GORT_PROBES_GORTLOCALS_H
#define GORT_PROBES_GORTLOCALS_H

#include "gortread.h"
#include "locals.h"

/* Appends those of a goroutine of l->s, which has its stack; fills what is not yet set in *l. */
void gortlocals_read(struct gortread *r, struct locals *l, const struct gsnap_g *gp);

#endif
