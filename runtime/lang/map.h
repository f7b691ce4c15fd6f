/* SPDX-License-Identifier: BSD-2-Clause */
/* map.h - what the files of maps share. */
#ifndef GORT_LANG_MAP_H
#define GORT_LANG_MAP_H

#include "gort/map.h"
#include "sched/race.h"

/* A number that nobody can guess. */
uint64_t gort_maprandom(void);

/* Of the group that slot i is in. */
static inline unsigned slotsinuse(const struct gort_maptable *t, uint64_t i)
{
	return ~(unsigned)_mm_movemask_epi8(gort_map_ctrl(t, i)) & 0xffff;
}

/* The slot of key, whose hash is h; NULL when there is none. */
void *mapfind(struct gort_map *m, const void *key, uint64_t h);
void *maplookup(struct gort_map *m, const void *key);

/*
 * To a race detector `writing` is the whole map, as it is to what is inlined into the program: who
 * looks a key up reads it, who changes anything writes it.
 */
#define RACEREAD(m)  raceread(&(m)->writing, sizeof((m)->writing), CALLER)
#define RACEWRITE(m) racewrite(&(m)->writing, sizeof((m)->writing), CALLER)

#endif
