/* SPDX-License-Identifier: BSD-2-Clause */
/* goheapstat.h - what fills the heap of a process: probe_heap. */
#ifndef GORT_PROBES_GOHEAPSTAT_H
#define GORT_PROBES_GOHEAPSTAT_H

#include "goleak.h"

/*
 * One look of l, which is fresh; *out is empty. 0, or a negative errno; -EPROTO: the heap is not to
 * be found or makes no sense.
 */
int goheapstat_read(struct goleaker *l, struct probe_heap *out);

#endif
