/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leakheld.h - goroutines that wait for others and are no leaks by proof, and what keeps them
 * reachable: a variable that was forgotten, a registry, a goroutine that never ends.
 */
#ifndef GORT_CLI_LEAKHELD_H
#define GORT_CLI_LEAKHELD_H

#include "group.h"
#include "json.h"
#include "probes/probes.h"

#define HELD_SITES 20

struct leakheld {
	struct groups sites;   /* the largest first */
	struct probe_held *of; /* of one goroutine of each of the first n */
	uint32_t n, left_out;
};

/*
 * Picks the places where goroutines that are not among the leaks have waited for min_wait_ns (or,
 * when it is negative, at all) and asks what holds one of each. 0, or -errno with err filled.
 */
int leakheld_read(struct leakheld *h, struct probe *p, const struct gsnap *s,
	const struct probe_leaks *leaks, int64_t min_wait_ns, struct gsnap_err *err);
void leakheld_free(struct leakheld *h);

void leakheld_print(struct out *out, const struct leakheld *h, const struct gsnap *s);
void leakheld_json(struct json *j, const struct leakheld *h, const struct gsnap *s);

#endif
