/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_iter.c - iteration over a map (Go's maps.Iter).
 *
 * It visits the tables by their bits in the directory, the lowest one being the most significant
 * here, so that a table's entries follow each other and its halves follow each other after a split;
 * it begins with a random one, and with a random slot, the same in all. The map may change
 * meanwhile:
 *  - in a table that is still part of the map, control bytes tell what is there. They are read once
 *    a group, and again when the map says that something was taken away;
 *  - a table that the map has replaced stays as it was: each of its keys is looked up in the map,
 *    which has the value, or has it no more. NaN cannot be looked up; its entry is visited as it
 *    was, unless the map was cleared, since nothing else takes it away;
 *  - a table that was split before the iteration came to it is two tables in its place; a directory
 *    that has doubled has each index twice, so ours are doubled. The iteration begins where a table
 *    begins and steps by whole tables, so splits before and behind it neither hide nor repeat one.
 *
 * A table is 5 to 17 pages in the order of their allocation, not of the directory, and processors
 * fetch ahead within a page only: the iteration does it itself, or it waits for memory half of its
 * time. scripts/bench --only map_int_iterate_1m
 */
#include "base/throw.h"
#include "base/atomic.h"
#include "lang/map.h"

#define AHEAD    8          /* groups; with 4 it takes a sixth longer, with 16 no less */
#define MAXLINES 8          /* cache lines of a group that are fetched */
#define NOSTATE  UINT64_MAX /* as if somebody wrote: never that of a map that may be read */

/* The first entry in that order is 0; the one behind it differs in the highest bit. */
static struct gort_maptable *tableat(const struct gort_mapiter *it, uint64_t i)
{
	uint64_t x = __builtin_bswap64(i & it->m->dirmask);
	x = (x >> 4 & 0x0f0f0f0f0f0f0f0f) | (x & 0x0f0f0f0f0f0f0f0f) << 4;
	x = (x >> 2 & 0x3333333333333333) | (x & 0x3333333333333333) << 2;
	x = (x >> 1 & 0x5555555555555555) | (x & 0x5555555555555555) << 1;
	return it->m->dir[x >> (64 - it->m->depth)];
}

/* Counts in the map's directory as it is now. */
static void followdir(struct gort_mapiter *it)
{
	uint32_t more = it->m->depth - it->depth;
	it->at <<= more;
	it->first <<= more;
	it->pos <<= more;
	it->depth = it->m->depth;
}

/* Whether t is a table of the map. What was deleted in it since is not to be visited. */
static bool refresh(struct gort_mapiter *it)
{
	struct gort_map *m = it->m;
	uint64_t state = gort_map_state(m);
	if (likely(state == it->state))
		return true;
	if (unlikely(m->writing))
		fatal("concurrent map iteration and map write");
	followdir(it);
	it->bits &= slotsinuse(it->t, it->group);
	bool current = tableat(it, it->pos) == it->t;
	it->state = current ? state : NOSTATE;
	return current;
}

/* NULL if it->t is the last one, or the directory is another by now. */
static struct gort_maptable *tableafter(const struct gort_mapiter *it)
{
	if (it->depth != it->m->depth || it->at > it->m->dirmask)
		return NULL;
	return tableat(it, it->at + it->first);
}

/*
 * Fetches the slots of the group that is AHEAD groups further on. Always inlined: gcc takes a
 * function that only prefetches for one without an effect, and leaves out the call.
 */
GORT_INLINE void fetch(const struct gort_mapiter *it)
{
	struct gort_maptable *t = it->t;
	uint64_t group = (it->group + 16 * AHEAD) & it->mask;
	if (it->left <= AHEAD) {
		t = tableafter(it);
		group = (it->start + 16 * (AHEAD - it->left)) & it->mask & ~15ul;
		if (!t)
			return;
		if (it->left == AHEAD)
			__builtin_prefetch((const char *)(t + 1) + group);
	}
	const char *p = (const char *)t + it->slotsoff + group * it->m->slot;
	for (uint32_t i = 0; i < MAXLINES && i * 64 < 16 * it->m->slot; i++)
		__builtin_prefetch(p + (size_t)i * 64);
}

/* The group where t was begun comes first, from the slot `start` on, and again last, up to it. */
static bool nextgroup(struct gort_mapiter *it)
{
	uint32_t before = (1u << (it->start & it->mask & 15)) - 1;
	if (it->left == 0)
		return false;
	it->group = (it->group + 16) & it->mask & ~15ul;
	it->bits = slotsinuse(it->t, it->group);
	if (--it->left == 0)
		it->bits &= before;
	it->slots = (char *)it->t + it->slotsoff + it->group * it->m->slot;
	if (it->depth > 1)
		fetch(it);
	return true;
}

static bool nexttable(struct gort_mapiter *it)
{
	struct gort_map *m = it->m;
	followdir(it);
	if (it->at > m->dirmask)
		return false;
	it->pos = (it->at + it->first) & m->dirmask;
	it->t = tableat(it, it->pos);
	it->at += (uint64_t)1 << (m->depth - it->t->depth);
	it->mask = m->mask;
	it->slotsoff = m->slotsoff;
	it->state = gort_map_state(m);
	uint64_t start = it->start & it->mask;
	it->group = (start - 16) & it->mask & ~15ul;
	it->left = (it->mask + 16) / 16 + 1;
	nextgroup(it);
	it->bits &= ~0u << (start & 15);
	return true;
}

static bool visit(struct gort_mapiter *it, char *slot)
{
	it->key = slot;
	it->val = slot + it->m->voff;
	return true;
}

/* Of a table that the map has replaced: what the map has of it now. */
static bool visitold(struct gort_mapiter *it, char *slot)
{
	const struct gort_keytype *kt = it->m->kt;
	char *now = maplookup(it->m, slot);
	if (now)
		return visit(it, now);
	bool nan = kt->kind == GORT_KEY_OTHER && !kt->equal(slot, slot);
	return nan && it->clears == it->m->clears && visit(it, slot);
}

static bool visitbit(struct gort_mapiter *it, bool current)
{
	char *slot = it->slots + (unsigned)__builtin_ctz(it->bits) * (size_t)it->m->slot;
	it->bits &= it->bits - 1;
	return current ? visit(it, slot) : visitold(it, slot);
}

bool gort_mapiter_slow(struct gort_mapiter *it)
{
	RACEREAD(it->m);
	bool current = refresh(it);
	for (;;) {
		while (it->bits) {
			if (visitbit(it, current))
				return true;
		}
		if (nextgroup(it))
			continue;
		if (!nexttable(it))
			break;
		current = true;
	}
	it->key = NULL;
	it->val = NULL;
	return false;
}

void gort_mapiter_begin(struct gort_mapiter *it, struct gort_map *m)
{
	*it = (struct gort_mapiter){.m = m};
	if (!m)
		return;
	RACEREAD(m);
	if (!m->len)
		return;
	if (unlikely(m->writing))
		fatal("concurrent map iteration and map write");
	uint64_t random = gort_maprandom();
	it->depth = m->depth;
	it->clears = m->clears;
	it->start = (uint32_t)random;
	it->first = random >> (64 - m->depth);
	it->first &= ~(((uint64_t)1 << (m->depth - tableat(it, it->first)->depth)) - 1);
	nexttable(it);
	gort_mapiter_slow(it);
}
