/* SPDX-License-Identifier: BSD-2-Clause */
/* gobubble.h - goroutines of a testing/synctest bubble (of a group, as Go 1.24 called it). */
#ifndef GORT_PROBES_GOBUBBLE_H
#define GORT_PROBES_GOBUBBLE_H

#include "gotarget.h"

struct gobubbles {
	const struct gotarget *g;
	const char *durable[GO_MAX_REASONS]; /* reasons as bubbles say them, NULL: not idle there */
	uint64_t last, last_id;
};

/* The texts are kept in out. */
void gobubbles_init(struct gobubbles *b, const struct gotarget *g, struct gsnap *out);

/* Fills in what being in the bubble at an address changes for a goroutine with that reason. */
void gobubble_tell(struct gobubbles *b, uint64_t bubble, uint8_t reason, struct gsnap_g *gp);

#endif
