/* SPDX-License-Identifier: BSD-2-Clause */
/* gortheap.h - the heap and the collector's figures of a program on libgort. */
#ifndef GORT_PROBES_GORTHEAP_H
#define GORT_PROBES_GORTHEAP_H

#include "gortread.h"

/* Fills what libgort publishes of its collector and leaves the rest GSNAP_UNKNOWN. */
void gortheap_gc(const struct gortread *r, struct gsnap_gc *gc);
/* The same of the general statistics; cheap: nothing is counted. */
void gortheap_stats(const struct gortread *r, struct gsnap_stats *st);

/*
 * What fills the heap, by size class, and large objects by the type that libgort notes. Freed with
 * probe_heap_free, also after a failure. 0, -ENOTSUP when it is not published, -EFAULT, -ENOMEM.
 */
int gortheap_read(const struct gortread *r, struct probe_heap *out);

#endif
