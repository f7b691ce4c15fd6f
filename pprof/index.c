/* SPDX-License-Identifier: BSD-2-Clause */
/* index.c - the hash index of the profile builder's tables; see index.h. */
#include <stdlib.h>
#include <string.h>

#include "index.h"

enum { FIRST_CAP = 64 }; /* a power of two, and so every later capacity */

uint64_t index_mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 32;
}

/* FNV-1a: strings here are function and file names of a few dozen bytes. */
uint64_t index_hash(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return index_mix(h, n);
}

uint32_t index_find(
	const struct index *x, uint64_t hash, index_same *same, const void *owner, const void *key)
{
	if (!x->cap)
		return INDEX_NONE;
	uint32_t mask = x->cap * 2 - 1;
	for (uint64_t h = hash;; h++) {
		uint32_t i = x->slots[h & mask];
		if (i == INDEX_NONE || (x->hashes[i] == hash && same(owner, i, key)))
			return i;
	}
}

static void link_entry(struct index *x, uint32_t i)
{
	uint64_t h = x->hashes[i], mask = x->cap * 2 - 1;
	while (x->slots[h & mask] != INDEX_NONE)
		h++;
	x->slots[h & mask] = i;
}

static bool rebuild(struct index *x, uint32_t cap)
{
	uint64_t *hashes = realloc(x->hashes, cap * sizeof *hashes);
	if (!hashes)
		return false;
	x->hashes = hashes;
	size_t bytes = (size_t)2 * cap * sizeof *x->slots;
	uint32_t *slots = malloc(bytes);
	if (!slots)
		return false;
	memset(slots, 0xff, bytes);
	free(x->slots);
	x->slots = slots;
	x->cap = cap;
	for (uint32_t i = 0; i < x->n; i++)
		link_entry(x, i);
	return true;
}

bool index_add(struct index *x, uint64_t hash)
{
	if (x->n == x->cap && !rebuild(x, x->cap ? x->cap * 2 : FIRST_CAP))
		return false;
	x->hashes[x->n++] = hash;
	link_entry(x, x->n - 1);
	return true;
}

void index_free(struct index *x)
{
	free(x->hashes);
	free(x->slots);
	*x = (struct index){0};
}
