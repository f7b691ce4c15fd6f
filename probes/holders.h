/* SPDX-License-Identifier: BSD-2-Clause */
/* holders.h - who seems to hold the locks that others wait for. */
#ifndef GORT_PROBES_HOLDERS_H
#define GORT_PROBES_HOLDERS_H

#include "tmem.h"

/*
 * Fills gsnap.holds: for each locked mutex with waiters whose owner is not known, the goroutines
 * that do not run, do not wait for it, and have its address on their stack. stack_end says where a
 * goroutine's stack ends. 0 or -ENOMEM.
 */
int holders_find(const struct tmem *mem, struct gsnap *out,
	uint64_t (*stack_end)(void *ctx, const struct gsnap_g *gp), void *ctx);

#endif
