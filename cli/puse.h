/* SPDX-License-Identifier: BSD-2-Clause */
/* puse.h - how busy each P is, by looking at all of them again and again. */
#ifndef GORT_CLI_PUSE_H
#define GORT_CLI_PUSE_H

#include "gort/snap.h"

struct puse {
	uint32_t looks;
	uint32_t n;        /* highest P seen + 1 */
	uint32_t *running; /* by P: looks that found it running */
};

/* One look more. Out of memory it does not count. */
void puse_look(struct puse *u, const struct gsnap *s);
/* Percent of the looks, < 0 when there was none. */
double puse_percent(const struct puse *u, int32_t id);
void puse_free(struct puse *u);

#endif
