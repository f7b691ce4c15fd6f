/* SPDX-License-Identifier: BSD-2-Clause */
/* goheapstat.h - what fills the heap of a Go process: probe_heap. */
#ifndef GORT_PROBES_GOHEAPSTAT_H
#define GORT_PROBES_GOHEAPSTAT_H

#include "gotarget.h"

/* 0, or a negative errno; -EPROTO: the heap is not to be found or makes no sense. */
int goheapstat_read(const struct gotarget *g, struct probe_heap *out);

#endif
