/* SPDX-License-Identifier: BSD-2-Clause */
/* gcwhy.h - one line that says what the collector is doing, and why. */
#ifndef GORT_CLI_GCWHY_H
#define GORT_CLI_GCWHY_H

#include <stddef.h>
#include "gort/snap.h"

/* From two reads ns apart. "" when too little is known to say anything. */
void gc_explain(const struct gsnap_gc *before, const struct gsnap_gc *now, int64_t ns, char *buf,
	size_t size);

#endif
