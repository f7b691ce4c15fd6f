/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_iter.c - iteration over a map (Go's maps.Iter).
 *
 * It visits the tables in the order of the directory, from a random one on, and in each table the
 * groups from a random one on, and in a group the slots from a random one on. The map may change
 * meanwhile:
 *  - in a table that is still part of the map, control bytes tell at the visit what is there;
 *  - a table that the map has replaced stays as it was: each of its keys is looked up in the map,
 *    which has the value, or has it no more. NaN cannot be looked up; its entry is visited as it
 *    was, unless the map was cleared, since nothing else takes it away;
 *  - a table that was split before the iteration came to it is two tables in its place; a directory
 *    that has doubled has each index twice, so ours are doubled. The iteration begins where a table
 *    begins and steps by whole tables, so splits before and behind it neither hide nor repeat one.
 */
#include "base/throw.h"
#include "base/atomic.h"
#include "lang/map.h"

/* Counts in the map's directory as it is now. */
static void followdir(struct gort_mapiter *it)
{
	uint32_t more = it->shift - it->m->shift;
	it->at <<= more;
	it->first <<= more;
	it->pos <<= more;
	it->shift = it->m->shift;
}

/* From the group on, n of them, each from slot rot on. */
static bool nextgroup(struct gort_mapiter *it)
{
	if (it->left == 0)
		return false;
	it->left--;
	it->group = (it->group + 1) & it->mask;
	unsigned bits = ~(unsigned)_mm_movemask_epi8(gort_map_ctrl(it->t, it->group)) & 0xffff;
	it->bits = ((bits >> it->rot) | (bits << (16 - it->rot))) & 0xffff;
	return true;
}

static bool nexttable(struct gort_mapiter *it)
{
	struct gort_map *m = it->m;
	uint64_t n = (uint64_t)1 << (64 - m->shift), random = gort_maprandom();
	followdir(it);
	if (it->at >= n)
		return false;
	it->pos = (it->at + it->first) & (n - 1);
	it->t = m->dir[it->pos];
	it->at += (uint64_t)1 << (64 - m->shift - it->t->depth);
	it->mask = m->mask;
	it->slotsoff = m->slotsoff;
	it->version = m->version;
	it->group = random & it->mask;
	it->rot = (uint32_t)(random >> 60);
	it->left = it->mask + 1;
	return true;
}

static bool visit(struct gort_mapiter *it, char *slot)
{
	it->key = slot;
	it->val = slot + it->m->voff;
	return true;
}

/* The slot is of a table that the map has no more. */
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
	uint64_t i = it->group * 16 + (((unsigned)__builtin_ctz(it->bits) + it->rot) & 15);
	it->bits &= it->bits - 1;
	if (((const signed char *)(it->t + 1))[i] < 0)
		return false;
	char *slot = (char *)it->t + it->slotsoff + i * it->m->slot;
	return current ? visit(it, slot) : visitold(it, slot);
}

bool gort_mapiter_slow(struct gort_mapiter *it)
{
	struct gort_map *m = it->m;
	if (unlikely(*(volatile uint32_t *)&m->writing))
		fatal("concurrent map iteration and map write");
	followdir(it);
	do {
		while (it->bits) {
			if (visitbit(it, it->version == m->version || m->dir[it->pos] == it->t))
				return true;
		}
	} while (nextgroup(it) || nexttable(it));
	it->key = NULL;
	it->val = NULL;
	return false;
}

void gort_mapiter_begin(struct gort_mapiter *it, struct gort_map *m)
{
	*it = (struct gort_mapiter){.m = m};
	if (!m || !m->len)
		return;
	it->shift = m->shift;
	it->clears = m->clears;
	it->first = gort_maprandom() >> m->shift;
	uint64_t run = (uint64_t)1 << (64 - m->shift - m->dir[it->first]->depth);
	it->first &= ~(run - 1);
	gort_mapiter_slow(it);
}
