/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.c - inflated cells.
 *
 * Records live in one reservation, indexed in units of 64 bytes, in classes of doubling size, and
 * are never unmapped. All changes happen under the LOCKED bit of the cell's w; a thread that only
 * wants to know whether its tag is there scans without it and then looks whether w is still the
 * same.
 *
 * Invariants:
 *  1. w of an inflated cell changes with every change of its record: the version in it grows, also
 *     when a record is freed and reused, so an unchanged w proves a scan.
 *  2. Within a record the tags of one byte obey shadow.h's invariant 1: only an access that stands
 *     in for another, or was reported against it, removes its bytes.
 *  3. A race found under LOCKED is reported after the cell is unlocked.
 *
 * Lock order: that of the object that holds the cell, the cell's LOCKED bit, then threads.lock, the
 * depot's or the record pool's.
 */
#include "builtins.h"

#include <string.h>

#include "mem.h"
#include "record.h"
#include "sync.h"

#define POOL_BYTES (1ull << 38)
#define NCLASSES   18
#define NLOCAL     4 /* two slots and the new access fit */
#define MAX_RACES  8 /* one a byte */

static struct {
	struct mutex lock;
	uint64_t next; /* first index never used */
	uint32_t free[NCLASSES];
	_Atomic uint32_t live;
	_Atomic uint32_t version;
} records;

char *record_base;

/* What a locked cell holds: in its record, or in `few` when it has none. */
struct list {
	uint32_t index; /* 0: none */
	uint32_t n, cap, nwrites;
	_Atomic uint64_t *tag;
	uint32_t *ctx;
	_Atomic uint64_t few_tag[NLOCAL];
	uint32_t few_ctx[NLOCAL];
};

struct races {
	uint32_t n, mask;
	struct {
		uint64_t tag;
		uint32_t ctx, over;
	} r[MAX_RACES];
};

uint32_t records_live(void)
{
	return load_rlx(&records.live);
}

static uint32_t *record_ctx(struct record *r)
{
	return (uint32_t *)&r->tag[r->cap];
}

static uint32_t class_cap(uint32_t class)
{
	return ((64u << class) - sizeof(struct record)) / 12;
}

static uint32_t record_new(uint32_t class)
{
	lock(&records.lock);
	if (!record_base) {
		record_base = mem_map(POOL_BYTES);
		records.next = 1;
	}
	uint32_t index = records.free[class];
	if (index) {
		records.free[class] = record_at(index)->link;
	} else {
		index = records.next;
		records.next += 1u << class;
		if (records.next > POOL_BYTES >> 6)
			race_fatal("more than 2^32 inflated words", "run with a smaller input");
	}
	unlock(&records.lock);
	struct record *r = record_at(index);
	r->n = 0;
	r->class = (uint16_t) class;
	r->nwrites = 0;
	r->cap = class_cap(class);
	r->link = xadd_rlx(&records.version, 0x100);
	xadd_rlx(&records.live, 1);
	return index;
}

static void record_free(uint32_t index)
{
	struct record *r = record_at(index);
	r->n = 0;
	lock(&records.lock);
	r->link = records.free[r->class];
	records.free[r->class] = index;
	unlock(&records.lock);
	xadd_rlx(&records.live, -1u);
}

/* Returns the former w. Acquire pairs with cell_publish's release. */
static uint64_t cell_lock(struct cell *c)
{
	for (unsigned i = 0;; i++) {
		uint64_t w = load_acq(&c->w);
		if (unlikely(is_held(w))) {
			sync_let_go(w);
			continue;
		}
		uint64_t locked = (w & TAG_INFLATED ? w : TAG_INFLATED) | TAG_LOCKED;
		if (!(w & TAG_LOCKED) && cas_sc(&c->w, &w, locked))
			return w;
		osyield_backoff(i);
	}
}

static void list_add(struct list *l, uint64_t tag, uint32_t ctx)
{
	store_rlx(&l->tag[l->n], tag);
	l->ctx[l->n++] = ctx;
}

static void list_in_record(struct list *l, uint32_t index)
{
	struct record *r = record_at(index);
	l->index = index;
	l->n = r->n;
	l->cap = r->cap;
	l->nwrites = r->nwrites;
	l->tag = r->tag;
	l->ctx = record_ctx(r);
}

/* Takes over what the cell held when it was locked as w. */
static void list_open(struct list *l, struct cell *c, uint64_t w)
{
	l->index = l->n = l->nwrites = 0;
	l->cap = NLOCAL;
	l->tag = l->few_tag;
	l->ctx = l->few_ctx;
	if (w & TAG_INFLATED) {
		if (w >> 32)
			list_in_record(l, w >> 32);
		return;
	}
	uint64_t r = xchg_sc(&c->r, 0);
	if (w & TAG_MASK)
		list_add(l, w, slot_ctx(c, w, wctx_of(c)));
	if (r & TAG_MASK)
		list_add(l, r, slot_ctx(c, r, rctx_of(c)));
}

/*
 * Room for one more entry, and where there are many for as many reads again before all are looked
 * at. At the largest class (no program met yet) the oldest entry gives way.
 */
static void list_grow(struct list *l)
{
	if (l->n < l->cap && (l->n < RECORD_MANY || l->n <= l->cap / 2))
		return;
	uint32_t class = l->index ? record_at(l->index)->class + 1 : 1, old = l->index, n = l->n;
	if (class == NCLASSES) {
		if (l->n < l->cap)
			return;
		l->n--;
		store_rlx(&l->tag[0], load_rlx(&l->tag[l->n]));
		l->ctx[0] = l->ctx[l->n];
		return;
	}
	uint32_t index = record_new(class);
	struct record *r = record_at(index);
	memcpy((void *)r->tag, (void *)l->tag, n * sizeof(uint64_t));
	memcpy(record_ctx(r), l->ctx, n * sizeof(uint32_t));
	r->n = n;
	list_in_record(l, index);
	if (old)
		record_free(old);
}

static void races_add(struct races *rs, uint64_t tag, uint32_t ctx, uint32_t over)
{
	if (!(over & ~rs->mask) || rs->n == MAX_RACES)
		return;
	rs->mask |= over;
	rs->r[rs->n].tag = tag;
	rs->r[rs->n].ctx = ctx;
	rs->r[rs->n++].over = over;
}

struct merge {
	uint64_t tag; /* the new entry as it grows or shrinks */
	uint32_t ctx;
};

/* What is left of entry x after access a; 0: nothing. */
static uint64_t entry_after(
	const struct access *a, uint64_t x, uint32_t ctx, struct merge *m, struct races *rs)
{
	uint64_t over = x & a->tag & TAG_MASK;
	bool before = ordered(a->t, x), races = over && !before && tag_conflict(x, a->tag);
	if (races)
		races_add(rs, x, ctx, over);
	if (races || (before && tag_covers(a->tag, x)))
		x &= ~over;
	else if (tag_same(x, a->tag) && tag_covers(x, a->tag))
		m->tag &= ~over;
	if (!(x & TAG_MASK) || known_to_all(x))
		return 0;
	if (!tag_same(x, a->tag) || ((x ^ a->tag) & TAG_WEAK))
		return x;
	m->tag |= x & TAG_MASK;
	m->ctx = depot_pair(ctx, m->ctx, a->tag & TAG_MASK);
	return 0;
}

static void list_access(struct list *l, const struct access *a, struct races *rs)
{
	struct merge m = {a->tag, a->ctx};
	uint32_t kept = 0;
	for (uint32_t i = 0; i < l->n; i++) {
		uint64_t x = entry_after(a, load_rlx(&l->tag[i]), l->ctx[i], &m, rs);
		if (!x)
			continue;
		l->ctx[kept] = l->ctx[i];
		store_rlx(&l->tag[kept++], x);
	}
	l->n = kept;
	if (m.tag & TAG_MASK) {
		list_grow(l);
		list_add(l, m.tag, m.ctx);
	}
}

static void list_swap(struct list *l, uint32_t i, uint32_t j)
{
	uint64_t tag = load_rlx(&l->tag[i]);
	uint32_t ctx = l->ctx[i];
	store_rlx(&l->tag[i], load_rlx(&l->tag[j]));
	l->ctx[i] = l->ctx[j];
	store_rlx(&l->tag[j], tag);
	l->ctx[j] = ctx;
}

/* What is no read comes first, when there are many. */
static void list_sort(struct list *l)
{
	l->nwrites = 0;
	for (uint32_t i = 0; i < l->n && l->n >= RECORD_MANY; i++) {
		if (!(load_rlx(&l->tag[i]) & TAG_READ))
			list_swap(l, i, l->nwrites++);
	}
}

/*
 * Adds one more read to many, which it does not conflict with, without a look at them: a word that
 * 100,000 goroutines read would cost 100,000 looks each time. What it stands in for goes when the
 * record is full, or with the next write. False: it may race, or there is no room.
 */
static bool list_append_read(struct list *l, const struct access *a)
{
	if (l->n < RECORD_MANY || l->n == l->cap || !(a->tag & TAG_READ) ||
		l->nwrites > RECORD_MANY)
		return false;
	for (uint32_t i = 0; i < l->nwrites; i++) {
		uint64_t x = load_rlx(&l->tag[i]);
		if ((x & a->tag & TAG_MASK) && tag_conflict(x, a->tag) && !ordered(a->t, x))
			return false;
	}
	list_add(l, a->tag, a->ctx);
	return true;
}

/* The list as two slots: at most one write, in w; two reads may share the cell. */
static bool list_fits(const struct list *l, uint32_t *w)
{
	*w = 0;
	if (l->n == 2 && (load_rlx(&l->tag[0]) & TAG_READ))
		*w = 1;
	if (l->n == 1 && (load_rlx(&l->tag[0]) & TAG_READ))
		*w = 1; /* none: the only entry goes to r */
	return l->n < 2 || (l->n == 2 && (load_rlx(&l->tag[1 - *w]) & TAG_READ));
}

static void collapse(struct cell *c, struct list *l, uint32_t iw)
{
	uint32_t ir = 1 - iw;
	uint64_t w = iw < l->n ? load_rlx(&l->tag[iw]) : 0;
	uint64_t r = ir < l->n ? load_rlx(&l->tag[ir]) : 0;
	if (w)
		store_rlx(wctx_of(c), l->ctx[iw]);
	if (r)
		store_rlx(rctx_of(c), l->ctx[ir]);
	if (l->index)
		record_free(l->index);
	store_sc(&c->r, r);
	store_sc(&c->w, w);
}

/*
 * Unlocks the cell with its new content. While threads read in turn the record stays: the next read
 * would need it again.
 */
static void cell_publish(struct cell *c, struct list *l, uintptr_t addr, uint64_t tag)
{
	uint32_t w;
	bool stays = l->index && l->n > 1 && (tag & TAG_READ);
	if (!stays && list_fits(l, &w)) {
		collapse(c, l, w);
		return;
	}
	if (!l->index) {
		uint32_t index = record_new(0), n = l->n;
		struct record *r = record_at(index);
		memcpy((void *)r->tag, (void *)l->tag, n * sizeof(uint64_t));
		memcpy(record_ctx(r), l->ctx, n * sizeof(uint32_t));
		l->index = index;
	}
	struct record *r = record_at(l->index);
	r->n = l->n;
	r->nwrites = (uint16_t)(l->nwrites < UINT16_MAX ? l->nwrites : UINT16_MAX);
	r->link++;
	page_mark(addr, PAGE_RECORDS);
	uint64_t version = (uint64_t)r->link << 12 & TAG_VERSION_MASK;
	store_sc(&c->w, (uint64_t)l->index << 32 | version | TAG_INFLATED);
}

void record_access(const struct access *a, bool recheck)
{
	struct cell *c = cell_of(a->addr);
	struct races races = {.n = 0};
	struct list l;
	if (!recheck && record_hit(c, load_acq(&c->w), a->tag))
		return;
	threads_scan_due();
	list_open(&l, c, cell_lock(c));
	if (!list_append_read(&l, a)) {
		list_access(&l, a, &races);
		list_sort(&l);
	}
	cell_publish(c, &l, a->addr, a->tag);
	for (uint32_t i = 0; i < races.n; i++)
		race_found(a, races.r[i].tag, races.r[i].ctx, races.r[i].over);
}

void cell_forget(struct cell *c)
{
	if (!(load_acq(&c->w) & TAG_INFLATED)) {
		store_rlx(&c->w, 0);
		store_rlx(&c->r, 0);
		return;
	}
	struct list l;
	list_open(&l, c, cell_lock(c));
	l.n = 0;
	collapse(c, &l, 0);
}
