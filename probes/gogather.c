/* SPDX-License-Identifier: BSD-2-Clause */
#include "gogather.h"

#include <stdlib.h>

#define GAP 512 /* bytes between two structures that are still read as one piece */

struct gather_key {
	uint64_t addr;
	uint32_t i;    /* of the caller's addresses */
	uint32_t read; /* the piece that it is part of */
};

bool gather_init(struct gather *ga, size_t size)
{
	*ga = (struct gather){.size = size,
		.keys = malloc(GATHER_MAX * sizeof *ga->keys),
		.buffer = malloc(GATHER_MAX * (size + GAP))};
	return ga->keys && ga->buffer;
}

void gather_free(struct gather *ga)
{
	free(ga->keys);
	free(ga->buffer);
	*ga = (struct gather){0};
}

static int by_addr(const void *a, const void *b)
{
	const struct gather_key *x = a, *y = b;
	return x->addr == y->addr ? 0 : x->addr < y->addr ? -1 : 1;
}

/* Mostly they are in order already. */
static void sort_keys(struct gather *ga, const uint64_t *addrs, size_t n)
{
	bool sorted = true;
	for (size_t i = 0; i < n; i++) {
		ga->keys[i] = (struct gather_key){.addr = addrs[i], .i = (uint32_t)i};
		sorted &= i == 0 || addrs[i - 1] <= addrs[i];
	}
	if (!sorted)
		qsort(ga->keys, n, sizeof *ga->keys, by_addr);
}

/* The pieces; how many. */
static size_t cut(struct gather *ga, size_t n)
{
	size_t k = 0, used = 0;
	uint64_t end = 0; /* of the last piece */
	for (size_t i = 0; i < n; i++) {
		uint64_t at = ga->keys[i].addr;
		struct tmem_read_at *r = k ? &ga->reads[k - 1] : NULL;
		if (!r || at > end + GAP || at < r->at.v) {
			if (r)
				used += r->len;
			r = &ga->reads[k++];
			*r = (struct tmem_read_at){.at = {at}, .buf = ga->buffer + used};
		}
		r->len = at - r->at.v + ga->size;
		end = at + ga->size;
		ga->keys[i].read = (uint32_t)(k - 1);
	}
	return k;
}

/* A piece that is not there as a whole may be there in parts. */
static bool read_alone(struct gather *ga, const struct target *t, const struct gather_key *key)
{
	const struct tmem_read_at *r = &ga->reads[key->read];
	return target_read(t, key->addr, (uint8_t *)r->buf + (key->addr - r->at.v), ga->size);
}

void gather_read(struct gather *ga, const struct target *t, const uint64_t *addrs, size_t n,
	const uint8_t **out)
{
	sort_keys(ga, addrs, n);
	target_readv(t, ga->reads, cut(ga, n));
	for (size_t i = 0; i < n; i++) {
		const struct gather_key *key = &ga->keys[i];
		const struct tmem_read_at *r = &ga->reads[key->read];
		bool ok = r->ok || (r->len > ga->size && read_alone(ga, t, key));
		out[key->i] = ok ? (const uint8_t *)r->buf + (key->addr - r->at.v) : NULL;
	}
}
