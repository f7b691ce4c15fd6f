/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leakwatch.h - places where goroutines pile up: over several looks nobody who waited there went
 * on, and more came. No proof, as a full pool does the same for a while; what a slow leak through
 * something reachable looks like.
 */
#ifndef GORT_CLI_LEAKWATCH_H
#define GORT_CLI_LEAKWATCH_H

#include "gort/snap.h"

#define WATCH_LOOKS 3 /* fewer say nothing */

struct watched {
	uint64_t key;  /* state, calls and creator, by name and line */
	uint64_t *ids; /* who waited there in the last look, ascending */
	uint32_t n, first, looks;
	uint32_t look; /* of the last look in which anybody waited there */
	bool left;     /* somebody went on */
};

struct leakwatch {
	struct watched *v;
	uint32_t n, cap, looks;
};

/* Adds a look; 0 or -ENOMEM. */
int leakwatch_add(struct leakwatch *w, const struct gsnap *s);
/* How many places grow. */
uint32_t leakwatch_growing(const struct leakwatch *w);
/* Whether a goroutine of the last look is at one of them. */
bool leakwatch_grows(const struct leakwatch *w, const struct gsnap *s, const struct gsnap_g *gp);
void leakwatch_free(struct leakwatch *w);

#endif
