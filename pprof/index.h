/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * index.h - hash index over an array that somebody else keeps: entry i of the array is entry i of
 * the index. Open addressing with linear probing, at most half full; entries are never removed.
 */
#ifndef GORT_PPROF_INDEX_H
#define GORT_PPROF_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INDEX_NONE UINT32_MAX

struct index {
	uint64_t *hashes; /* of each entry, n used of cap */
	uint32_t *slots;  /* 2 * cap, INDEX_NONE when free */
	uint32_t n, cap;
};

/* Does entry i of owner's array hold this key? */
typedef bool index_same(const void *owner, uint32_t i, const void *key);

uint32_t index_find(
	const struct index *x, uint64_t hash, index_same *same, const void *owner, const void *key);
/* Indexes the next entry; false when out of memory. */
bool index_add(struct index *x, uint64_t hash);
void index_free(struct index *x);

uint64_t index_hash(const void *bytes, size_t n);
uint64_t index_mix(uint64_t h, uint64_t v);

#endif
