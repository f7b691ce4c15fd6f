/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idmap.h - a growing open-addressing map from an address or id (not 0) to a number (not 0). It
 * only grows, as pcmap.h, but holds no pointers: a map of a million goroutines is two arrays.
 */
#ifndef GORT_PROBES_IDMAP_H
#define GORT_PROBES_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct idmap {
	uint64_t *keys;
	uint32_t *values;
	size_t mask, n;
};

static inline size_t idmap_probe(const struct idmap *map, uint64_t key)
{
	uint64_t h = key * 0x9e3779b97f4a7c15u;
	for (h >>= 20;; h++) {
		uint64_t found = map->keys[h & map->mask];
		if (!found || found == key)
			return h & map->mask;
	}
}

static inline void idmap_free(struct idmap *map)
{
	free(map->keys);
	free(map->values);
	*map = (struct idmap){0};
}

static inline bool idmap_grow(struct idmap *map)
{
	size_t size = map->keys ? (map->mask + 1) * 2 : 1024;
	struct idmap bigger = {calloc(size, sizeof *bigger.keys),
		malloc(size * sizeof *bigger.values), size - 1, map->n};
	if (!bigger.keys || !bigger.values) {
		idmap_free(&bigger);
		return false;
	}
	for (size_t i = 0; map->keys && i <= map->mask; i++) {
		if (!map->keys[i])
			continue;
		size_t at = idmap_probe(&bigger, map->keys[i]);
		bigger.keys[at] = map->keys[i];
		bigger.values[at] = map->values[i];
	}
	idmap_free(map);
	*map = bigger;
	return true;
}

/* The value of a key, 0 when there is none. */
static inline uint32_t idmap_get(const struct idmap *map, uint64_t key)
{
	if (!map->keys || !key)
		return 0;
	size_t at = idmap_probe(map, key);
	return map->keys[at] ? map->values[at] : 0;
}

/* Adds a key or replaces its value. False when out of memory. */
static inline bool idmap_put(struct idmap *map, uint64_t key, uint32_t value)
{
	if ((!map->keys || map->n * 2 >= map->mask) && !idmap_grow(map))
		return false;
	size_t at = idmap_probe(map, key);
	map->n += !map->keys[at];
	map->keys[at] = key;
	map->values[at] = value;
	return true;
}

#endif
