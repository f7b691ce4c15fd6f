/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gogather.h - reads many small structures of one size. The kernel's price is per piece and per
 * page, and a runtime allocates such structures side by side: neighbours are read as one piece.
 */
#ifndef GORT_PROBES_GOGATHER_H
#define GORT_PROBES_GOGATHER_H

#include "target.h"

#define GATHER_MAX 256 /* structures of one call: what is read fits a core's own cache */

struct gather_key;

struct gather {
	struct gather_key *keys;
	struct tmem_read_at reads[GATHER_MAX];
	uint8_t *buffer;
	size_t size; /* of one structure */
};

/* For structures of that size. False when out of memory. */
bool gather_init(struct gather *ga, size_t size);
void gather_free(struct gather *ga);

/*
 * Reads the structures at n <= GATHER_MAX addresses. out[i] is where the i-th one is until the next
 * call, NULL when it cannot be read.
 */
void gather_read(struct gather *ga, const struct target *t, const uint64_t *addrs, size_t n,
	const uint8_t **out);

#endif
