/* SPDX-License-Identifier: BSD-2-Clause */
/* gortsched.h - the scheduler's figures of a program on libgort. */
#ifndef GORT_PROBES_GORTSCHED_H
#define GORT_PROBES_GORTSCHED_H

#include "gortread.h"

/* Fills in the statistics that libgort publishes and leaves the others alone. */
void gortsched_stats(struct gortread *r, struct gsnap_stats *st);
/* Appends the Ps and fills what libgort publishes of the scheduler. */
void gortsched_read(struct gortread *r, struct gsnap *out);
/* Appends the Ps alone. */
void gortsched_ps(struct gortread *r, struct gsnap *out);
/* A histogram that is a variable of that name; unknown when it is not published. */
void gortsched_hist(const struct gortread *r, const char *name, struct gsnap_hist *out);

#endif
