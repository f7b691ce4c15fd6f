/* SPDX-License-Identifier: BSD-2-Clause */
/* gortfind.h - finds libgort's table in a process. */
#ifndef GORT_PROBES_GORTFIND_H
#define GORT_PROBES_GORTFIND_H

#include "gortabi.h"
#include "modules.h"

/*
 * Looks into the program itself, then libgort.so, then every other mapped file. 0 with *out to be
 * freed by gortabi_free, -ENOENT when this is no program on libgort, or as gortabi_read.
 */
int gortfind_table(struct modules *ms, const struct tmem *mem, struct gortabi *out);

#endif
