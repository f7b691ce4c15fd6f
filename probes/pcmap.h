/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcmap.h - a growing open-addressing map from a pc to a pointer, which the map owns (free). It
 * only grows: its keys are the distinct pcs of stacks, of which a program has thousands, not
 * millions.
 */
#ifndef GORT_PROBES_PCMAP_H
#define GORT_PROBES_PCMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct pcslot {
	uint64_t pc;
	void *value; /* NULL: free */
};

struct pcmap {
	struct pcslot *slots;
	size_t mask, n;
};

static inline struct pcslot *pcmap_probe(struct pcslot *slots, size_t mask, uint64_t pc)
{
	uint64_t h = pc * 0x9e3779b97f4a7c15u;
	for (h ^= h >> 32;; h++) {
		struct pcslot *slot = &slots[h & mask];
		if (!slot->value || slot->pc == pc)
			return slot;
	}
}

static inline bool pcmap_grow(struct pcmap *map)
{
	size_t mask = map->slots ? map->mask * 2 + 1 : 255;
	struct pcslot *bigger = calloc(mask + 1, sizeof *bigger);
	if (!bigger)
		return false;
	for (size_t i = 0; map->slots && i <= map->mask; i++)
		if (map->slots[i].value)
			*pcmap_probe(bigger, mask, map->slots[i].pc) = map->slots[i];
	free(map->slots);
	map->slots = bigger;
	map->mask = mask;
	return true;
}

/* The value of pc, NULL when there is none. */
static inline void *pcmap_get(const struct pcmap *map, uint64_t pc)
{
	return map->slots ? pcmap_probe(map->slots, map->mask, pc)->value : NULL;
}

/* Adds value under a pc that has none. False when out of memory: the caller keeps value. */
static inline bool pcmap_add(struct pcmap *map, uint64_t pc, void *value)
{
	if ((!map->slots || map->n * 2 >= map->mask) && !pcmap_grow(map))
		return false;
	*pcmap_probe(map->slots, map->mask, pc) = (struct pcslot){pc, value};
	map->n++;
	return true;
}

static inline void pcmap_free(struct pcmap *map)
{
	for (size_t i = 0; map->slots && i <= map->mask; i++)
		free(map->slots[i].value);
	free(map->slots);
}

#endif
