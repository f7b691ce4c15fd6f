/* SPDX-License-Identifier: BSD-2-Clause */
/* symbolize.h - what the rest of probes/ may ask of the symbolizer beyond probes.h. */
#ifndef GORT_PROBES_SYMBOLIZE_H
#define GORT_PROBES_SYMBOLIZE_H

#include "probes/probes.h"
#include "modules.h"

/* One resolved pc; owned by the symbolizer. nframes >= 1. */
struct sym_pc {
	uint64_t pc;
	uint64_t entry; /* of the function that owns the machine frame, 0 when unknown */
	uint32_t nframes;
	struct sym_frame frames[];
};

/* Over modules that the caller owns and closes after the symbolizer. */
struct symbolizer *symbolizer_over(struct modules *ms);

/* pc must already point into the call. NULL when out of memory. */
const struct sym_pc *symbolizer_find(struct symbolizer *s, uint64_t pc);

#endif
