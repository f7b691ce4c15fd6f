/* SPDX-License-Identifier: BSD-2-Clause */
/* sync.c - the table of sync.h. */
#include "builtins.h"

#include "access.h"
#include "sync.h"
#include "sys.h"

#define NLINES (1u << 16)
#define NLOCKS 256

static struct {
	_Atomic(struct sync *) line[NLINES];
	struct mutex lock[NLOCKS];
	_Atomic uint32_t live;
} syncs;

static struct pool objects = {.size = sizeof(struct sync), .link = offsetof(struct sync, link)};

uint32_t syncs_live(void)
{
	return load_rlx(&syncs.live);
}

static uint32_t line_of(uintptr_t addr)
{
	return (uint32_t)((addr >> 6) * HASH_MUL >> 48);
}

static struct mutex *line_lock(uint32_t line)
{
	return &syncs.lock[line % NLOCKS];
}

static struct sync *find(uint32_t line, uintptr_t addr)
{
	struct sync *s = load_acq(&syncs.line[line]);
	while (s && load_acq(&s->addr) != addr)
		s = load_acq(&s->next);
	return s;
}

static struct sync *find_or_add(uintptr_t addr)
{
	uint32_t line = line_of(addr);
	struct sync *s = find(line, addr);
	if (s)
		return s;
	lock(line_lock(line));
	s = find(line, addr);
	if (!s) {
		s = pool_get(&objects);
		page_mark(addr, PAGE_SYNC);
		lock(&s->lock);
		clock_reset(&s->clock);
		store_rlx(&s->clock.note, 0);
		s->depth = 0;
		s->owner = s->holds = s->made = 0;
		store_rel(&s->addr, addr);
		unlock(&s->lock);
		store_rel(&s->next, load_rlx(&syncs.line[line]));
		store_rel(&syncs.line[line], s); /* pairs with find */
		xadd_rlx(&syncs.live, 1);
	}
	unlock(line_lock(line));
	return s;
}

static struct sync **cache_of(struct thread *t, uintptr_t addr)
{
	return &t->life->syncs[(addr >> 3 ^ addr >> 7) % SYNC_CACHE];
}

#define SPINS  50
#define NAP_NS 20000

/*
 * Who holds the lock this long has it again and again, or does not run. The line that two threads
 * take from each other at every operation serves both sooner when one of them naps.
 */
static __attribute__((noinline)) void lock_object_slow(struct mutex *l)
{
	struct timespec ts = {0, NAP_NS};
	for (unsigned i = 1; !trylock(l); i++) {
		if (i % SPINS)
			procyield(1);
		else
			SYS3(SYS_nanosleep, &ts, 0, 0);
	}
}

static inline void lock_object(struct sync *s)
{
	if (unlikely(xchg_acq(&s->lock.key, 1)))
		lock_object_slow(&s->lock);
}

/* NULL when there is no such object and create is false. */
static struct sync *enter(struct thread *t, uintptr_t addr, bool create)
{
	struct sync **cache = cache_of(t, addr);
	for (;;) {
		struct sync *s = *cache;
		if (!s || load_acq(&s->addr) != addr)
			s = create ? find_or_add(addr) : find(line_of(addr), addr);
		if (!s)
			return NULL;
		lock_object(s);
		if (likely(load_rlx(&s->addr) == addr)) {
			*cache = s;
			return s;
		}
		unlock(&s->lock);
	}
}

struct sync *sync_enter(struct thread *t, uintptr_t addr)
{
	return enter(t, addr, true);
}

static uint32_t note_of(const struct thread *t)
{
	return t->life->past->uid + 1;
}

void sync_give(struct thread *t, struct sync *s)
{
	clock_copy(&s->clock, &t->life->clock);
	clock_raise(&s->clock, tag_tid(t->tag), thread_epoch(t));
	store_rlx(&s->clock.note, note_of(t));
}

void sync_add(struct thread *t, struct sync *s)
{
	store_rlx(&s->clock.note, 0);
	clock_join(&s->clock, &t->life->clock);
	clock_raise(&s->clock, tag_tid(t->tag), thread_epoch(t));
}

void sync_put_back(struct sync *s)
{
	uintptr_t addr = load_rlx(&s->addr);
	struct cell *c = cell_of(addr);
	if (!(load_rlx(page_marks(addr)) & PAGE_CELLS))
		return;
	uint64_t w = load_acq(&c->w);
	if ((w & ~TAG_MASK) != held_by(s))
		return;
	store_rlx(wctx_of(c), s->clock.note_ctx);
	cas_sc(&c->w, &w, s->clock.note_tag);
}

void sync_let_go(uint64_t w)
{
	struct sync *s = (struct sync *)(w >> 12 << 6);
	lock(&s->lock);
	sync_put_back(s);
	unlock(&s->lock);
}

void sync_owed(struct thread *t, struct sync *s)
{
	sync_put_back(s);
	access_owed(t, load_rlx(&s->addr));
}

static uint64_t atomic_tag(const struct thread *t)
{
	return (t->tag & TAG_WHO) | TAG_ATOMIC;
}

/*
 * The access is the only one in its cell, but for reads that it stands in for. Who reads at this
 * moment either is seen in r, or sees that the cell is held (invariant 3 of shadow.h).
 */
static void take_cell(struct thread *t, struct sync *s)
{
	struct cell *c = cell_of(load_rlx(&s->addr));
	uint64_t w = load_acq(&c->w), r = load_acq(&c->r);
	if ((w & ~TAG_MASK) != atomic_tag(t))
		return;
	if (r && (!(r & TAG_ATOMIC) || (r & ~w & TAG_MASK) || !ordered(t, r) ||
			 !cas_sc(&c->r, &r, 0)))
		return;
	s->clock.note_tag = w;
	s->clock.note_ctx = load_rlx(wctx_of(c));
	if (cas_sc(&c->w, &w, held_by(s) | (w & TAG_MASK)) && load_acq(&c->r))
		sync_put_back(s);
}

void sync_chain(struct thread *t, struct sync *s)
{
	if (!t->owed) {
		take_cell(t, s);
	} else if (likely(ordered(t, s->clock.note_tag))) {
		s->clock.note_tag = atomic_tag(t) | t->owed;
		s->clock.note_ctx = t->owed_ctx;
		t->owed = 0;
	} else {
		sync_owed(t, s);
	}
}

static bool begin(struct thread *t)
{
	return t->tag && !t->ignore_sync && thread_enter(t);
}

/*
 * Invariant 3. Without a lock: what others do to the object meanwhile is not ordered before this
 * call; and when the object is not that of addr any more, what it was of is gone.
 */
static bool knows(struct thread *t, uintptr_t addr)
{
	const struct sync *s = *cache_of(t, addr);
	return s && load_rlx(&s->clock.note) == note_of(t) && load_acq(&s->addr) == addr;
}

static void take(struct thread *t, uintptr_t addr)
{
	struct sync *s = enter(t, addr, false);
	if (!s)
		return;
	sync_take(t, s);
	sync_leave(s);
}

/*
 * What the program's own lock guards needs none of ours. Only where no tree is to be shared: should
 * the program destroy a lock that is held, a number may go astray, a reference may not.
 */
static struct sync *guarded(struct thread *t, uintptr_t addr)
{
	struct sync **cache = cache_of(t, addr), *s = *cache;
	if (!s || load_acq(&s->addr) != addr)
		s = find(line_of(addr), addr);
	if (!s || !clock_is_flat(&s->clock) || !clock_is_flat(&t->life->clock))
		return NULL;
	return *cache = s;
}

void sync_acquire(struct thread *t, uintptr_t addr)
{
	if (!t->tag || (knows(t, addr) && !t->delayed.addr) || !begin(t))
		return;
	take(t, addr);
	thread_leave(t);
}

void sync_acquire_owned(struct thread *t, uintptr_t addr)
{
	if (!t->tag || (knows(t, addr) && !t->delayed.addr) || !begin(t))
		return;
	struct sync *s = guarded(t, addr);
	if (likely(s))
		sync_take(t, s);
	else
		take(t, addr);
	thread_leave(t);
}

static void give_up(struct thread *t, uintptr_t addr, void (*how)(struct thread *, struct sync *))
{
	if (!begin(t))
		return;
	struct sync *s = sync_enter(t, addr);
	how(t, s);
	sync_leave(s);
	thread_step(t);
	thread_leave(t);
}

void sync_release_owned(struct thread *t, uintptr_t addr)
{
	struct sync *s = guarded(t, addr);
	if (unlikely(!s)) {
		give_up(t, addr, sync_give);
	} else if (begin(t)) {
		sync_give(t, s);
		thread_step(t);
		thread_leave(t);
	}
}

void sync_release(struct thread *t, uintptr_t addr)
{
	give_up(t, addr, sync_give);
}

void sync_merge(struct thread *t, uintptr_t addr)
{
	give_up(t, addr, sync_add);
}

static void exchange(struct thread *t, struct sync *s)
{
	sync_put_back(s);
	struct clock before = s->clock; /* with its shares of trees */
	s->clock.root = s->clock.known = NULL;
	clock_reset(&s->clock);
	sync_give(t, s);
	clock_join(&t->life->clock, &before);
	clock_reset(&before);
}

void sync_exchange(struct thread *t, uintptr_t addr)
{
	give_up(t, addr, exchange);
}

static void drop(struct sync *s)
{
	lock(&s->lock);
	sync_put_back(s);
	store_rel(&s->addr, 0);
	clock_reset(&s->clock);
	unlock(&s->lock);
	pool_put(&objects, s);
	xadd_rlx(&syncs.live, -1u);
}

static void forget_line(uintptr_t line_addr, uintptr_t lo, uintptr_t hi)
{
	uint32_t line = line_of(line_addr);
	if (!load_rlx(&syncs.line[line]))
		return;
	lock(line_lock(line));
	_Atomic(struct sync *) *p = &syncs.line[line];
	for (struct sync *s; (s = load_rlx(p));) {
		uintptr_t addr = load_rlx(&s->addr);
		if (addr >= lo && addr < hi) {
			store_rel(p, load_rlx(&s->next));
			drop(s);
		} else {
			p = &s->next;
		}
	}
	unlock(line_lock(line));
}

void sync_forget(uintptr_t addr, size_t n)
{
	uintptr_t end_addr = addr + n;
	uintptr_t a = addr & ~63ul;
	for (; (a = next_marked(a, end_addr, PAGE_SYNC)) < end_addr; a += 64)
		forget_line(a, addr, end_addr);
}
