/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map.c - hash maps (Go's internal/runtime/maps): the structures are in gort/map.h, iteration is in
 * map_iter.c, hashes and key types are in map_key.c.
 *
 *	hash: control bytes (4 of 8 bits, from bit 32 up)
 *	      | ... directory (from bit 10 up) | slot (bits 0 to 9)
 *
 * The slot that the hash names is where the key goes if it is free, else the next free one of its
 * group: a lookup fetches its cache line while the control bytes are under way.
 *
 * Growth. A table whose free slots are used up is replaced: by one of the same size if a good part
 * of it are deleted slots; by one twice as large up to maxcap; and then by two, each with the keys
 * that have the next bit 0 or 1. The directory doubles when a table that stands in it once is
 * split. So an insertion moves 1024 entries at most.
 *
 * Invariants:
 *  1. A table is never changed after it was replaced: iterations go on in it.
 *  2. left + used + deleted slots = 7/8 of cap: a table always has an empty slot.
 *  3. A table of depth d stands in the entries of dir whose lowest d bits are those of its keys.
 *  4. Where `scan` is, slots not in use are zero, so that what is written into them overwrites no
 *     pointer, and nothing is kept alive by them. So only deleting, and replacing a table or the
 *     directory, tell the collector.
 *
 * The flag `writing` is Go's: it is not an atomic operation, and finds most of the concurrent uses.
 *
 * Rejected: one table that doubles. It is 5 ns faster at a million entries, but one insertion then
 * takes 50 to 100 ms. Groups of 8 with their slots between, as in Go: SSE2 has 16 at once, and
 * control bytes that lie together make an iteration over a sparse table cheap.
 */
#include "lang/map.h"

#include "base/atomic.h"
#include "base/throw.h"
#include "mem/mallocfast.h"

#define MAXCAP        (1u << GORT_MAPSLOTBITS)
#define MAXTABLEBYTES (64u << 10) /* but at most so many bytes, if it has more than one group */
#define MINCAP        8u

/* In place of a table while nothing was inserted. */
static const struct {
	struct gort_maptable table;
	signed char ctrl[16];
} empty = {{0}, {GORT_CTRL_EMPTY, GORT_CTRL_EMPTY, GORT_CTRL_EMPTY, GORT_CTRL_EMPTY,
			GORT_CTRL_EMPTY, GORT_CTRL_EMPTY, GORT_CTRL_EMPTY, GORT_CTRL_EMPTY,
			GORT_CTRL_EMPTY, GORT_CTRL_EMPTY, GORT_CTRL_EMPTY, GORT_CTRL_EMPTY,
			GORT_CTRL_EMPTY, GORT_CTRL_EMPTY, GORT_CTRL_EMPTY, GORT_CTRL_EMPTY}};

/* ---- tables ---- */

static inline signed char *ctrlof(struct gort_maptable *t)
{
	return (signed char *)(t + 1);
}

static inline char *slotof(const struct gort_map *m, struct gort_maptable *t, uint64_t i)
{
	return (char *)t + m->slotsoff + i * m->slot;
}

static uint32_t ctrlbytes(uint32_t cap)
{
	return cap < 16 ? 16 : cap;
}

/* All tables of m have so many slots. */
static void setcap(struct gort_map *m, uint32_t cap)
{
	m->mask = cap - 1;
	m->slotsoff = sizeof(struct gort_maptable) + ctrlbytes(cap);
	m->valsoff = m->slotsoff + m->voff;
}

static void reseed(struct gort_map *m)
{
	m->seed = gort_maprandom();
	m->mul = gort_hashmul(m->seed);
}

static void resetctrl(struct gort_maptable *t)
{
	memset(ctrlof(t), GORT_CTRL_EMPTY, t->cap);
	if (t->cap < 16)
		memset(ctrlof(t) + t->cap, GORT_CTRL_DELETED, 16 - t->cap);
	t->left = t->cap / 8 * 7;
	t->used = 0;
}

/* Without pointers, slots not in use hold anything: to clear them took a tenth of an insertion. */
static struct gort_maptable *newtable(const struct gort_map *m, uint32_t cap, uint32_t depth)
{
	size_t size = sizeof(struct gort_maptable) + ctrlbytes(cap) + (size_t)cap * m->slot;
	size = (size + 15) & ~(size_t)15; /* so that it is aligned to 16 bytes */
	unsigned class = size <= MAXSMALLSIZE ? sizeclassof(size) : 0;
	struct gort_maptable *t = m->scan ? gort_malloc(size) : mallocdirty(size, class);
	t->cap = cap;
	t->depth = depth;
	resetctrl(t);
	return t;
}

static inline uint64_t hashkey(const struct gort_map *m, const void *key)
{
	switch (m->kt->kind) {
	case GORT_KEY_4:
		return gort_map_hashword(m, gort_load32(key));
	case GORT_KEY_8:
		return gort_map_hashword(m, gort_load64(key));
	case GORT_KEY_STRING:
		return gort_hashstring(*(const gort_string *)key, m->seed);
	default:
		return m->kt->hash(key, m->seed);
	}
}

/* A slot not in use, empty or deleted, in the order in which a search visits the groups. */
static inline uint64_t freeslot(const struct gort_maptable *t, uint64_t mask, uint64_t h)
{
	unsigned slots = (2u << (mask & 15)) - 1; /* of a group */
	for (uint64_t i = h & mask, step = 0;; i = (i + (step += 16)) & mask) {
		unsigned bits = (unsigned)_mm_movemask_epi8(gort_map_ctrl(t, i)) & slots;
		unsigned from = bits >> (i & 15) << (i & 15);
		if (bits)
			return (i & ~15ul) + (unsigned)__builtin_ctz(from ? from : bits);
	}
}

/* n is mostly `most`, for which the compiler needs no call. */
static inline void copymostly(size_t most, void *to, const void *from, size_t n)
{
	if (n == most)
		memcpy(to, from, most);
	else
		memcpy(to, from, n);
}

static inline void clearmostly(size_t most, void *p, size_t n)
{
	if (n == most)
		memset(p, 0, most);
	else
		memset(p, 0, n);
}

/* Puts a copy of the slot into t, which has room for it. */
static inline void place(const struct gort_map *m, struct gort_maptable *t, uint64_t mask,
	uint64_t slotsoff, const char *slot, uint64_t h)
{
	uint64_t i = freeslot(t, mask, h);
	char *to = (char *)t + slotsoff + i * m->slot;
	ctrlof(t)[i] = gort_map_tag(h, i);
	t->left--;
	t->used++;
	copymostly(16, to, slot, m->slot);
}

/* ---- growth ---- */

/* Entry `at` of the directory is the first one of those where t takes its place. */
static void install(struct gort_map *m, struct gort_maptable *t, uint64_t at)
{
	for (uint64_t i = at; i <= m->dirmask; i += (uint64_t)1 << t->depth)
		gort_store(&m->dir[i], t);
}

/* Moves all of t's entries to a table of cap slots; smaller ones than maxcap are the only table. */
static void resize(struct gort_map *m, struct gort_maptable *t, uint32_t cap, uint64_t at)
{
	struct gort_maptable *to = newtable(m, cap, t->depth);
	uint64_t mask = cap - 1, slotsoff = sizeof(*to) + ctrlbytes(cap);
	for (uint64_t i = 0; t->used && i <= m->mask; i += 16) {
		for (unsigned bits = slotsinuse(t, i); bits; bits &= bits - 1) {
			char *slot = slotof(m, t, i + (unsigned)__builtin_ctz(bits));
			place(m, to, mask, slotsoff, slot, hashkey(m, slot));
		}
	}
	install(m, to, at);
	setcap(m, cap);
}

static void setdepth(struct gort_map *m, uint32_t depth)
{
	m->depth = depth;
	m->dirmask = ((uint64_t)1 << depth) - 1;
}

static void doubledir(struct gort_map *m)
{
	uint64_t n = m->dirmask + 1;
	struct gort_maptable **dir = gort_malloc(2 * n * sizeof(*dir));
	for (uint64_t i = 0; i < 2 * n; i++)
		dir[i] = m->dir[i % n];
	gort_store(&m->dir, dir);
	setdepth(m, m->depth + 1);
}

/* The next bit of the hash decides which of two gets an entry. */
static void split(struct gort_map *m, struct gort_maptable *t, uint64_t at)
{
	struct gort_maptable *to[2];
	if (t->depth == m->depth) {
		if (unlikely((uint64_t)m->len * 16 >> m->depth == 0))
			gopanic_text("map: a hash function gives many keys the same hash");
		doubledir(m);
	}
	for (int i = 0; i < 2; i++)
		to[i] = newtable(m, t->cap, t->depth + 1);
	for (uint64_t i = 0; i <= m->mask; i += 16) {
		for (unsigned bits = slotsinuse(t, i); bits; bits &= bits - 1) {
			char *slot = slotof(m, t, i + (unsigned)__builtin_ctz(bits));
			uint64_t hash = hashkey(m, slot);
			place(m, to[gort_map_dirindex(m, hash) >> t->depth & 1], m->mask,
				m->slotsoff, slot, hash);
		}
	}
	install(m, to[0], at);
	install(m, to[1], at + ((uint64_t)1 << t->depth));
}

/* The table of h has no free slot. */
static void grow(struct gort_map *m, uint64_t h)
{
	uint64_t at = gort_map_dirindex(m, h);
	struct gort_maptable *t = m->dir[at];
	at &= ((uint64_t)1 << t->depth) - 1;
	m->changes++;
	if (t->cap == 0)
		resize(m, t, MINCAP, at);
	else if (t->used <= t->cap / 32 * 25 && t->cap >= 32)
		resize(m, t, t->cap, at);
	else if (t->cap < m->maxcap)
		resize(m, t, 2 * t->cap, at);
	else
		split(m, t, at);
}

/* ---- making ---- */

static void setlayout(struct gort_map *m, size_t vsize, size_t valign)
{
	size_t ksize = m->kt->size, align = m->kt->align > valign ? m->kt->align : valign;
	m->voff = (uint32_t)((ksize + valign - 1) & ~(valign - 1));
	m->vsize = (uint32_t)vsize;
	m->slot = (uint32_t)((m->voff + vsize + align - 1) & ~(align - 1));
	m->maxcap = MAXCAP;
	while (m->maxcap > 16 && m->maxcap * (size_t)m->slot > MAXTABLEBYTES)
		m->maxcap /= 2;
}

/* Tables for n entries at once. */
static void presize(struct gort_map *m, uint64_t n)
{
	uint64_t slots = MINCAP;
	uint32_t depth = 0;
	while (slots / 8 * 7 < n)
		slots *= 2;
	for (uint64_t tables = slots / m->maxcap; tables > 1; tables /= 2)
		depth++;
	if (depth == 0) {
		resize(m, m->dir[0], (uint32_t)slots, 0);
		return;
	}
	setcap(m, m->maxcap);
	if (depth > 1)
		m->dir = gort_malloc(sizeof(*m->dir) << depth);
	setdepth(m, depth);
	for (uint64_t i = 0; i <= m->dirmask; i++)
		m->dir[i] = newtable(m, m->maxcap, depth);
}

struct gort_map *gort_map_make(
	const struct gort_keytype *kt, size_t vsize, size_t valign, bool vscan, gort_isize n)
{
	struct gort_map *m = gort_malloc(sizeof(*m));
	if (unlikely(vsize > UINT32_MAX / 4))
		gopanic_text("makemap: values of %zu bytes are too large", vsize);
	m->kt = kt;
	m->scan = kt->scan || vscan;
	reseed(m);
	setlayout(m, vsize, valign);
	m->dir = m->first;
	setdepth(m, 1);
	m->first[0] = m->first[1] = (struct gort_maptable *)(uintptr_t)&empty.table;
	m->slotsoff = sizeof(empty);
	m->valsoff = sizeof(empty) + m->voff;
	if (n > 0 && (uint64_t)n < ((uint64_t)1 << 46) / m->slot)
		presize(m, (uint64_t)n);
	return m;
}

/* ---- operations ---- */

static inline bool unwritten(const struct gort_map *m)
{
	return *(const volatile uint32_t *)&m->writing == 0;
}

static inline void beginwrite(struct gort_map *m)
{
	if (unlikely(!unwritten(m)))
		gort_map_writerace();
	*(volatile uint32_t *)&m->writing = 1;
}

static inline void endwrite(struct gort_map *m)
{
	if (unlikely(unwritten(m)))
		gort_map_writerace();
	*(volatile uint32_t *)&m->writing = 0;
}

/*
 * Returns the place at offset voff in the slot whose key makes `same` true, `slot` being its
 * address; goes on behind the statement when there is none. A table always has an empty slot, and
 * the steps grow by one, so that the groups, of which there are 2^n, are all visited.
 */
#define MAPFIND(m, h, size, voff, same)                                           \
	struct gort_maptable *t_ = (m)->dir[gort_map_dirindex(m, h)];             \
	for (uint64_t i_ = (h) & (m)->mask & ~15ul, step_ = 0;;) {                \
		__m128i c_ = gort_map_ctrl(t_, i_);                               \
		for (unsigned b_ = gort_map_match(c_, h); b_; b_ &= b_ - 1) {     \
			char *slot = (char *)t_ + (m)->slotsoff +                 \
				     (i_ + (unsigned)__builtin_ctz(b_)) * (size); \
			if (likely(same))                                         \
				return slot + (voff);                             \
		}                                                                 \
		if (likely(gort_map_empties(c_) != 0))                            \
			break;                                                    \
		i_ = (i_ + (step_ += 16)) & (m)->mask & ~15ul;                    \
	}                                                                         \
	return NULL;

void *gort_map_rest_i32(struct gort_map *m, uint32_t k, uint64_t h, size_t voff)
{
	MAPFIND(m, h, m->slot, voff, gort_load32(slot) == k)
}

void *gort_map_rest_i64(struct gort_map *m, uint64_t k, uint64_t h, size_t voff)
{
	MAPFIND(m, h, m->slot, voff, gort_load64(slot) == k)
}

void *gort_map_rest_string(struct gort_map *m, gort_string k, uint64_t h, size_t voff)
{
	MAPFIND(m, h, m->slot, voff, gort_samestring(*(const gort_string *)(const void *)slot, k))
}

static void *findother(struct gort_map *m, const void *key, uint64_t h)
{
	MAPFIND(m, h, m->slot, 0, m->kt->equal(slot, key))
}

/* The slot. */
void *mapfind(struct gort_map *m, const void *key, uint64_t h)
{
	switch (m->kt->kind) {
	case GORT_KEY_4:
		return gort_map_rest_i32(m, gort_load32(key), h, 0);
	case GORT_KEY_8:
		return gort_map_rest_i64(m, gort_load64(key), h, 0);
	case GORT_KEY_STRING:
		return gort_map_rest_string(m, *(const gort_string *)key, h, 0);
	default:
		return findother(m, key, h);
	}
}

void *maplookup(struct gort_map *m, const void *key)
{
	return m->len ? mapfind(m, key, hashkey(m, key)) : NULL;
}

void *gort_map_get(struct gort_map *m, const void *key)
{
	if (!m)
		return NULL;
	RACEREAD(m);
	if (!m->len)
		return NULL;
	if (unlikely(!unwritten(m)))
		gort_map_readrace();
	char *slot = mapfind(m, key, hashkey(m, key));
	return slot ? slot + m->voff : NULL;
}

void *gort_map_insert(struct gort_map *m, const void *key, uint64_t h)
{
	struct gort_maptable *t;
	uint64_t i;
	for (;;) {
		t = m->dir[gort_map_dirindex(m, h)];
		i = freeslot(t, m->mask, h);
		if (likely(ctrlof(t)[i] == GORT_CTRL_DELETED || t->left > 0))
			break;
		grow(m, h);
	}
	t->left -= ctrlof(t)[i] == GORT_CTRL_EMPTY;
	ctrlof(t)[i] = gort_map_tag(h, i);
	t->used++;
	m->len++;
	char *slot = slotof(m, t, i);
	copymostly(8, slot, key, m->kt->size);
	if (!m->scan)
		clearmostly(8, slot + m->voff, m->vsize);
	return slot + m->voff;
}

void *gort_map_at(struct gort_map *m, const void *key)
{
	if (unlikely(!m))
		gort_map_nilwrite();
	uint64_t h = hashkey(m, key); /* may panic */
	RACEWRITE(m);
	beginwrite(m);
	char *slot = mapfind(m, key, h), *val = slot ? slot + m->voff : gort_map_insert(m, key, h);
	if (slot && m->kt->update)
		gort_memcpy(slot, key, m->kt->size);
	endwrite(m);
	return val;
}

/*
 * Where the group has an empty slot no search goes on behind it, so the slot may be empty at once.
 */
static void freedslot(struct gort_map *m, struct gort_maptable *t, char *slot)
{
	uint64_t i = (uint64_t)(slot - slotof(m, t, 0)) / m->slot;
	bool last = gort_map_empties(gort_map_ctrl(t, i)) != 0;
	ctrlof(t)[i] = last ? GORT_CTRL_EMPTY : GORT_CTRL_DELETED;
	t->left += last;
	t->used--;
	m->len--;
	m->changes++;
	if (m->scan)
		gort_memset(slot, 0, m->slot);
}

void gort_map_delete(struct gort_map *m, const void *key)
{
	if (!m)
		return;
	uint64_t h = hashkey(m, key);
	RACEWRITE(m);
	beginwrite(m);
	char *slot = m->len ? mapfind(m, key, h) : NULL;
	if (slot) {
		freedslot(m, m->dir[gort_map_dirindex(m, h)], slot);
		if (m->len == 0)
			reseed(m); /* who provoked collisions begins anew */
	}
	endwrite(m);
}

void gort_map_clear(struct gort_map *m)
{
	if (!m)
		return;
	RACEWRITE(m);
	beginwrite(m);
	for (uint64_t i = 0; i <= m->dirmask; i++) {
		struct gort_maptable *t = m->dir[i];
		if (t->cap == 0 || i >> t->depth != 0)
			continue;
		resetctrl(t);
		if (m->scan)
			gort_memset(slotof(m, t, 0), 0, (size_t)t->cap * m->slot);
	}
	m->len = 0;
	m->clears++;
	m->changes++;
	reseed(m);
	endwrite(m);
}

void gort_map_readrace(void)
{
	fatal("concurrent map read and map write");
}

void gort_map_writerace(void)
{
	fatal("concurrent map writes");
}

void gort_map_nilwrite(void)
{
	gopanic_text("assignment to entry in nil map");
}
