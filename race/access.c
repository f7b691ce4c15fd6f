/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * access.c - the slow half of an access: the same-epoch hits are taken by the front end.
 *
 * A slot is replaced in three steps: the thread announces the cell and the stack in its life
 * (`pending`), installs the tag by CAS, stores the stack's number and withdraws the announcement.
 * So a thread that finds the tag finds the stack as well, in one place or the other.
 *
 * One locked instruction an access: a writer's CAS on w is the full barrier before its look at r, a
 * reader's CAS on r the one before its second look at w (invariant 3 of shadow.h). All other loads
 * are acquires, which on amd64 keep their order.
 */
#include "builtins.h"

#include "base/lock.h"

#include "access.h"

#include "record.h"

enum plan {
	PLAN_HIT,    /* already recorded */
	PLAN_PUT,    /* replace the slot */
	PLAN_MERGE,  /* replace the slot, keeping its bytes of the same epoch */
	PLAN_PUT_W,  /* a second reader: takes the unused w */
	PLAN_INFLATE /* does not fit in two slots */
};

void race_found(const struct access *a, uint32_t ctx, uint64_t old, uint32_t old_ctx, uint32_t over)
{
	struct thread *t = a->t;
	if (t->in_range && t->range_race)
		return;
	t->range_race = 1;
	struct race r = {t, a->addr, over, ctx, old_ctx, a->tag, old};
	on_race(&r);
}

uint32_t slot_ctx(const struct cell *c, uint64_t old, _Atomic uint32_t *slot)
{
	struct life *l = thread_life(tag_tid(old));
	for (unsigned i = 0; l && load_acq(&l->pending) == c; i++) {
		if (i == 150) /* its thread does not run: it may yet overwrite a later stack */
			return load_rlx(&l->pending_ctx);
		osyield_backoff(i);
	}
	return load_acq(slot);
}

/* Bytes in which old, found in a slot, races with a. */
static inline uint32_t racing_bytes(const struct access *a, uint64_t old)
{
	uint32_t over = old & a->tag & TAG_MASK;
	return over && tag_conflict(old, a->tag) && !ordered(a->t, old) ? over : 0;
}

static inline bool recorded(uint64_t slot, uint64_t tag)
{
	return tag_same(slot, tag) && tag_covers(slot, tag) && !(tag & ~slot & TAG_MASK);
}

/* Nothing is lost when tag replaces old. */
static inline bool replaces(const struct access *a, uint64_t old)
{
	if (!(old & TAG_MASK) || known_to_all(old))
		return true;
	return !(old & ~a->tag & TAG_MASK) && tag_covers(a->tag, old) && ordered(a->t, old);
}

static inline enum plan plan_same(uint64_t old, uint64_t tag)
{
	if (!((old ^ tag) & TAG_WEAK))
		return PLAN_MERGE;
	return tag_covers(tag, old) && !(old & ~tag & TAG_MASK) ? PLAN_PUT : PLAN_INFLATE;
}

static inline enum plan plan_write(const struct access *a, uint64_t w)
{
	if (w & (TAG_INFLATED | TAG_READ))
		return PLAN_INFLATE;
	if (recorded(w, a->tag))
		return PLAN_HIT;
	if (w && tag_same(w, a->tag))
		return plan_same(w, a->tag);
	if (replaces(a, w))
		return PLAN_PUT;
	return !(w & ~a->tag & TAG_MASK) && racing_bytes(a, w) ? PLAN_PUT : PLAN_INFLATE;
}

static inline enum plan plan_read(const struct access *a, uint64_t w, uint64_t r)
{
	if (recorded(r, a->tag))
		return PLAN_HIT;
	if (r && tag_same(r, a->tag))
		return plan_same(r, a->tag);
	if (replaces(a, r))
		return PLAN_PUT;
	bool free = !w || ((w & TAG_READ) && !tag_same(w, a->tag) && replaces(a, w));
	return free ? PLAN_PUT_W : PLAN_INFLATE;
}

struct put {
	struct cell *c;
	_Atomic uint64_t *slot;
	_Atomic uint32_t *ctx_slot;
	uint64_t old, new;
	uint32_t ctx;     /* of this access */
	uint32_t old_ctx; /* set when old races */
};

/* False when the slot changed meanwhile. */
static inline bool slot_put(const struct access *a, struct put *p, enum plan plan)
{
	struct life *me = a->t->life;
	uint32_t ctx = p->ctx = ctx_of(a->t, a->pc);
	p->new = a->tag;
	if (plan == PLAN_MERGE) {
		p->new |= p->old &TAG_MASK;
		ctx = depot_pair(load_rlx(p->ctx_slot), ctx, a->tag & TAG_MASK);
	}
	page_mark(a->addr, PAGE_CELLS);
	store_rlx(&me->pending_ctx, ctx);
	store_rel(&me->pending, p->c);
	bool done = cas_sc(p->slot, &p->old, p->new);
	if (likely(done)) {
		if (unlikely(racing_bytes(a, p->old)))
			p->old_ctx = slot_ctx(p->c, p->old, p->ctx_slot);
		store_rlx(p->ctx_slot, ctx);
	}
	store_rel(&me->pending, NULL); /* pairs with slot_ctx */
	return done;
}

static inline void check_old(const struct access *a, const struct put *p)
{
	uint32_t over = racing_bytes(a, p->old);
	if (unlikely(over))
		race_found(a, p->ctx, p->old, p->old_ctx, over);
}

/*
 * The read slot as of a moment when w was not inflated. False when it was: then the record has the
 * reads, or had them and w has collapsed again between two loads (hence the second look at r).
 */
static inline bool settled_reads(struct cell *c, uint64_t *r)
{
	do {
		*r = load_acq(&c->r);
		if (unlikely(load_acq(&c->w) & TAG_INFLATED))
			return false;
	} while (unlikely(load_acq(&c->r) != *r));
	return true;
}

/* Races with the reads. Partial or raced ones go, so that later readers fit; the rest may stay. */
static inline void check_reads(const struct access *a, struct put *p)
{
	uint64_t r;
	if (unlikely(!settled_reads(p->c, &r))) {
		record_access(a, true);
		return;
	}
	if (!(r & a->tag & TAG_MASK))
		return;
	uint32_t over = racing_bytes(a, r);
	if (unlikely(over))
		race_found(a, p->ctx, r, slot_ctx(p->c, r, rctx_of(p->c)), over);
	bool stands_in = over || (ordered(a->t, r) && tag_covers(a->tag, r));
	if (stands_in && (over || (r & TAG_MASK) != TAG_MASK)) {
		uint64_t rest = r & ~(a->tag & TAG_MASK);
		cas_sc(&p->c->r, &r, rest & TAG_MASK ? rest : 0);
	}
}

static inline void write_word(const struct access *a)
{
	struct cell *c = cell_of(a->addr);
	struct put p = {.c = c, .slot = &c->w, .ctx_slot = wctx_of(c)};
	enum plan plan;
	do {
		p.old = load_acq(&c->w);
		plan = plan_write(a, p.old);
		if (plan == PLAN_HIT)
			return;
		if (unlikely(plan == PLAN_INFLATE)) {
			record_access(a, false);
			return;
		}
	} while (unlikely(!slot_put(a, &p, plan)));
	check_old(a, &p);
	check_reads(a, &p);
}

/* After a CAS on r. True when the tag was recorded for sure (invariant 4) and w was checked. */
static inline bool check_write(const struct access *a, struct put *p)
{
	uint64_t w = load_acq(&p->c->w);
	if (unlikely((w & TAG_INFLATED) || load_acq(&p->c->r) != p->new))
		return false;
	uint32_t over = racing_bytes(a, w);
	if (unlikely(over))
		race_found(a, p->ctx, w, slot_ctx(p->c, w, wctx_of(p->c)), over);
	return true;
}

/* One try at a read; false: the cell changed under it. */
static inline bool try_read(const struct access *a, struct cell *c)
{
	struct put p = {.c = c, .slot = &c->r, .ctx_slot = rctx_of(c)};
	uint64_t w = load_acq(&c->w);
	if (likely(!(w & TAG_INFLATED))) {
		if (recorded(w, a->tag))
			return true;
		p.old = load_acq(&c->r);
		switch (plan_read(a, w, p.old)) {
		case PLAN_HIT:
			return true;
		case PLAN_PUT:
			return slot_put(a, &p, PLAN_PUT) && check_write(a, &p);
		case PLAN_MERGE:
			return slot_put(a, &p, PLAN_MERGE) && check_write(a, &p);
		case PLAN_PUT_W:
			p.slot = &c->w;
			p.ctx_slot = wctx_of(c);
			p.old = w;
			return slot_put(a, &p, PLAN_PUT);
		case PLAN_INFLATE:
			break;
		}
	}
	record_access(a, false);
	return true;
}

static inline void read_word(const struct access *a)
{
	struct cell *c = cell_of(a->addr);
	while (unlikely(!try_read(a, c)))
		procyield(1);
}

static void word(struct thread *t, uintptr_t addr, uint32_t mask, uint64_t weak, uint64_t pc)
{
	struct access a = {t, addr & ~7ul, (t->tag & TAG_WHO) | weak | mask, pc};
	if (weak & TAG_READ)
		read_word(&a);
	else
		write_word(&a);
}

void access_word(struct thread *t, uintptr_t addr, uint32_t mask, uint64_t weak, uint64_t pc)
{
	if (unlikely(!t->tag || t->ignore_accesses || !thread_enter(t)))
		return;
	word(t, addr, mask, weak, pc);
	thread_leave(t);
}

void access_inside(struct thread *t, uintptr_t addr, uint32_t n, uint64_t weak, uint64_t pc)
{
	uint32_t mask = ((1u << n) - 1) << (addr & 7);
	word(t, addr, mask & 0xff, weak, pc);
	if (mask >> 8)
		word(t, addr + 8, mask >> 8, weak, pc);
}

void access_bytes(struct thread *t, uintptr_t addr, uint32_t n, uint64_t weak, uint64_t pc)
{
	uint32_t mask = ((1u << n) - 1) << (addr & 7);
	access_word(t, addr, mask & 0xff, weak, pc);
	if (unlikely(mask >> 8))
		access_word(t, addr + 8, mask >> 8, weak, pc);
}

/* Whole words; the same-epoch hit is worth taking here. */
static void range_words(struct thread *t, uintptr_t addr, size_t words, uint64_t weak, uint64_t pc)
{
	struct cell *c = cell_of(addr);
	for (; words--; addr += 8, c++) {
		if (load_rlx(&c->w) != t->tag && load_rlx(&c->r) != (t->tag | weak))
			access_word(t, addr, 0xff, weak, pc);
	}
}

void access_range(struct thread *t, uintptr_t addr, size_t n, uint64_t weak, uint64_t pc)
{
	if (!t->tag || t->busy || t->ignore_accesses || !n)
		return;
	t->in_range = 1;
	t->range_race = 0;
	size_t head = -addr & 7;
	if (head > n)
		head = n;
	if (head)
		access_bytes(t, addr, head, weak, pc);
	range_words(t, addr + head, (n - head) / 8, weak, pc);
	size_t tail = (n - head) & 7;
	if (tail)
		access_bytes(t, addr + n - tail, tail, weak, pc);
	t->in_range = 0;
}
