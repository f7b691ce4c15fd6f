/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread.c - lives, ids and shadow stacks.
 *
 * Free ids: a joined thread's id goes to its joiner, who may reuse it at once (it waited, so its
 * clock covers it). Ids of dropped threads go to a common queue, oldest first, where a creator
 * tries a few: the older a death, the likelier everybody knows of it. Otherwise an id is taken
 * fresh.
 *
 * Lock order: threads.lock, then pools.
 */
#include "builtins.h"

#include <string.h>

#include "mem.h"
#include "sys.h"
#include "thread.h"

#define FRAMES_MAX  (1u << 24)
#define QUEUE_TRIES 8
#define QUEUE_SIZE  MAX_TIDS
#define SCAN_EVERY  64
#define FEW_TIDS    4096
#define OWNERS_FEW  16 /* owners remembered of each id below FEW_TIDS */
#define OWNERS_MANY 2  /* of each other id */

/* Epoch is the owner's last one, needed the last one in which it may have accessed anything. */
struct dead_id {
	uint32_t tid, epoch, needed;
};

struct tid_slot {
	_Atomic(struct life *) life;
	_Atomic(struct past *) past; /* newest first */
	uint32_t npast;
	uint32_t last; /* epoch of the latest owner that ended */
};

static struct {
	struct mutex lock;
	_Atomic uint32_t nlive;
	_Atomic uint32_t unfit; /* accesses since the last scan */
	struct life *all;
	struct tid_slot *tids;
	struct dead_id *queue; /* ring of nqueue entries from head on */
	uint32_t head, nqueue;
	uint32_t ntids, nuids;
} threads;

_Atomic uint32_t seen_by_all[CLOCK_NEAR];

static struct pool lives = {.size = sizeof(struct life), .link = offsetof(struct life, next)};

static void set_tag(struct thread *t, uint32_t tid, uint32_t epoch)
{
	t->tag = (uint64_t)epoch << 32 | (uint64_t)tid << 12 | TAG_MASK;
}

static void enqueue_id(struct dead_id id)
{
	if (threads.nqueue < QUEUE_SIZE)
		threads.queue[(threads.head + threads.nqueue++) % QUEUE_SIZE] = id;
}

static struct dead_id dequeue_id(void)
{
	struct dead_id id = threads.queue[threads.head++ % QUEUE_SIZE];
	threads.nqueue--;
	return id;
}

static struct dead_id fresh_id(void)
{
	if (threads.ntids < FREED_TID)
		return (struct dead_id){threads.ntids++, 0, 0};
	if (!threads.nqueue)
		race_fatal("more than 1048575 thread ids in use", "run with fewer live threads");
	return dequeue_id();
}

/* Invariant 1. Called with the lock held. */
static struct dead_id take_id(struct life *parent)
{
	if (parent && parent->nspare) {
		uint32_t i = --parent->nspare, epoch = parent->spare[i].epoch;
		return (struct dead_id){parent->spare[i].tid, epoch, epoch};
	}
	for (uint32_t i = 0; parent && i < QUEUE_TRIES && threads.nqueue; i++) {
		struct dead_id id = dequeue_id();
		if (id.tid == parent->tid || clock_get(&parent->clock, id.tid) >= id.needed)
			return id;
		enqueue_id(id);
	}
	return fresh_id();
}

/* The oldest of an id's owners is forgotten when there are too many. */
static struct past *past_new(struct tid_slot *s, uint32_t most)
{
	if (s->npast < most) {
		s->npast++;
		return mem_alloc(sizeof(struct past)); /* zeroes */
	}
	struct past *p = load_rlx(&s->past), *before = p;
	while (p->next) {
		before = p;
		p = p->next;
	}
	before->next = NULL;
	return p;
}

static void remember(struct life *life, uint32_t parent, uint32_t ctx)
{
	struct tid_slot *s = &threads.tids[life->tid];
	struct past *p = past_new(s, life->tid < FEW_TIDS ? OWNERS_FEW : OWNERS_MANY);
	p->uid = threads.nuids++;
	p->first_epoch = life->epoch;
	p->parent = parent;
	p->ctx = ctx;
	p->ostid = 0;
	p->name = NULL;
	p->next = load_rlx(&s->past);
	life->past = p;
	store_rel(&s->past, p); /* pairs with thread_past */
	store_rel(&s->life, life);
}

static void link_life(struct life *life)
{
	life->next = threads.all;
	life->pprev = &threads.all;
	if (life->next)
		life->next->pprev = &life->next;
	threads.all = life;
	store_rlx(&threads.nlive, load_rlx(&threads.nlive) + 1);
}

static void unlink_life(struct life *life)
{
	*life->pprev = life->next;
	if (life->next)
		life->next->pprev = life->pprev;
	store_rlx(&threads.nlive, load_rlx(&threads.nlive) - 1);
}

static struct life *life_new(struct life *parent, uint32_t ctx)
{
	struct life *life = pool_get(&lives);
	clock_reset(&life->clock);
	store_rlx(&life->pending, NULL);
	life->nspare = 0;
	lock(&threads.lock);
	if (!threads.tids) {
		threads.tids = mem_map(MAX_TIDS * sizeof(struct tid_slot));
		threads.queue = mem_map(QUEUE_SIZE * sizeof(struct dead_id));
	}
	struct dead_id id = take_id(parent);
	life->tid = id.tid;
	life->epoch = id.epoch + 1;
	life->needed = id.needed;
	if (parent)
		clock_copy(&life->clock, &parent->clock);
	remember(life, parent ? parent->past->uid : 0, ctx);
	link_life(life);
	unlock(&threads.lock);
	return life;
}

void thread_main(struct thread *t, int32_t ostid)
{
	thread_begin(t, life_new(NULL, 0), ostid);
}

void thread_resume(struct thread *t, int32_t ostid)
{
	t->life->past->ostid = ostid;
	set_tag(t, t->life->tid, t->life->epoch);
}

struct life *thread_fork(struct thread *parent, uint32_t ctx)
{
	if (!parent)
		return life_new(NULL, ctx);
	thread_settle(parent);
	struct life *life = life_new(parent->life, ctx);
	clock_raise(&life->clock, tag_tid(parent->tag), thread_epoch(parent));
	thread_step(parent);
	return life;
}

void thread_begin(struct thread *t, struct life *life, int32_t ostid)
{
	life->past->ostid = ostid;
	t->life = life;
	t->in_range = t->range_race = t->accessed = 0;
	if (!t->lim)
		frames_grow(t);
	set_tag(t, life->tid, life->epoch);
}

void thread_end(struct thread *t)
{
	struct life *life = t->life;
	thread_settle(t);
	clock_raise(&life->clock, life->tid, life->epoch);
	life->past->ostid = 0;
	if (t->accessed || life->epoch > life->past->first_epoch)
		life->needed = life->epoch - !t->accessed;
	lock(&threads.lock);
	unlink_life(life);
	store_rel(&threads.tids[life->tid].life, NULL);
	threads.tids[life->tid].last = life->epoch;
	while (life->nspare) {
		life->nspare--;
		uint32_t epoch = life->spare[life->nspare].epoch;
		enqueue_id((struct dead_id){life->spare[life->nspare].tid, epoch, epoch});
	}
	unlock(&threads.lock);
	t->tag = 0;
	t->life = NULL;
}

static void life_free(struct life *life)
{
	clock_reset(&life->clock);
	pool_put(&lives, life);
}

void thread_join(struct thread *t, struct life *life)
{
	struct life *me = t->life;
	thread_settle(t);
	clock_join(&me->clock, &life->clock);
	if (me->nspare < NSPARE) {
		me->spare[me->nspare].tid = life->tid;
		me->spare[me->nspare++].epoch = life->epoch;
		life_free(life);
	} else {
		thread_drop(life);
	}
}

void thread_drop(struct life *life)
{
	lock(&threads.lock);
	enqueue_id((struct dead_id){life->tid, life->epoch, life->needed});
	unlock(&threads.lock);
	life_free(life);
}

void thread_cancel(struct thread *parent, struct life *life)
{
	struct thread never = {.life = life};
	set_tag(&never, life->tid, life->epoch);
	thread_end(&never);
	thread_join(parent, life);
}

/* Invariant 3. */
static void __attribute__((cold, noinline)) renew_id(struct thread *t)
{
	struct life *life = t->life;
	clock_raise(&life->clock, life->tid, thread_epoch(t));
	lock(&threads.lock);
	store_rel(&threads.tids[life->tid].life, NULL);
	threads.tids[life->tid].last = life->epoch;
	struct dead_id id = fresh_id();
	life->tid = id.tid;
	life->epoch = id.epoch + 1;
	life->needed = id.needed;
	struct past *was = life->past;
	remember(life, was->parent, was->ctx);
	life->past->uid = was->uid;
	life->past->ostid = was->ostid;
	life->past->name = was->name;
	unlock(&threads.lock);
	set_tag(t, life->tid, life->epoch);
}

void thread_step(struct thread *t)
{
	if (unlikely(thread_epoch(t) == UINT32_MAX))
		renew_id(t);
	else
		t->tag += 1ull << 32;
	t->accessed = 0;
	*(volatile uint32_t *)&t->life->epoch = thread_epoch(t);
}

void threads_scan(void)
{
	uint32_t min[CLOCK_NEAR];
	for (uint32_t i = 0; i < CLOCK_NEAR; i++)
		min[i] = UINT32_MAX;
	lock(&threads.lock);
	for (struct life *l = threads.all; l; l = l->next) {
		for (uint32_t i = 0; i < CLOCK_NEAR; i++) {
			uint32_t e = *(volatile uint32_t *)&l->clock.near[i];
			if (i != l->tid && e < min[i])
				min[i] = e;
		}
	}
	for (uint32_t i = 0; i < CLOCK_NEAR; i++) {
		if (min[i] != UINT32_MAX && min[i] > load_rlx(&seen_by_all[i]))
			store_rlx(&seen_by_all[i], min[i]);
	}
	unlock(&threads.lock);
}

void threads_scan_due(void)
{
	if (xadd_rlx(&threads.unfit, 1) < SCAN_EVERY + load_rlx(&threads.nlive))
		return;
	store_rlx(&threads.unfit, 0);
	threads_scan();
}

uint32_t threads_live(void)
{
	return load_rlx(&threads.nlive);
}

void threads_acquire_all(struct thread *t)
{
	thread_settle(t);
	lock(&threads.lock);
	for (uint32_t i = 0; i < threads.ntids; i++) {
		const struct life *l = load_rlx(&threads.tids[i].life);
		uint32_t e = l ? *(const volatile uint32_t *)&l->epoch : threads.tids[i].last;
		if (e && i != t->life->tid)
			clock_raise(&t->life->clock, i, e);
	}
	unlock(&threads.lock);
}

void threads_now(uint32_t epoch[CLOCK_NEAR])
{
	lock(&threads.lock);
	for (uint32_t tid = 0; tid < CLOCK_NEAR && tid < threads.ntids; tid++) {
		const struct life *l = load_rlx(&threads.tids[tid].life);
		epoch[tid] = l ? l->epoch : threads.tids[tid].last;
	}
	unlock(&threads.lock);
}

const struct past *thread_past(uint32_t tid, uint32_t epoch)
{
	struct past *p = tid < MAX_TIDS && threads.tids ? load_acq(&threads.tids[tid].past) : NULL;
	for (uint32_t i = 0; p && i < OWNERS_FEW; i++, p = p->next) {
		if (p->first_epoch <= epoch)
			return p;
	}
	return NULL;
}

const struct past *thread_numbered(uint32_t uid)
{
	for (uint32_t tid = 0; threads.tids && tid < threads.ntids; tid++) {
		struct past *p = load_acq(&threads.tids[tid].past);
		for (uint32_t i = 0; p && i < OWNERS_FEW; i++, p = p->next) {
			if (p->uid == uid)
				return p;
		}
	}
	return NULL;
}

struct life *thread_life(uint32_t tid)
{
	return tid < MAX_TIDS && threads.tids ? load_acq(&threads.tids[tid].life) : NULL;
}

/*
 * The sizes a shadow stack grows through. Most goroutines stay in the first; mappings of their own
 * would use up vm.max_map_count.
 */
static struct {
	uint32_t n;
	struct pool pool;
} frame_pools[] = {
	{8, {.size = 8 * sizeof(struct frame)}},
	{64, {.size = 64 * sizeof(struct frame)}},
	{512, {.size = 512 * sizeof(struct frame)}},
	{4096, {.size = 4096 * sizeof(struct frame)}},
};

#define NPOOLS (sizeof frame_pools / sizeof *frame_pools)

static struct frame *frames_get(size_t n)
{
	for (uint32_t i = 0; i < NPOOLS; i++) {
		if (frame_pools[i].n == n)
			return pool_get(&frame_pools[i].pool);
	}
	return mem_map(n * sizeof(struct frame));
}

static void frames_put(struct frame *f, size_t n)
{
	for (uint32_t i = 0; i < NPOOLS; i++) {
		if (frame_pools[i].n == n) {
			pool_put(&frame_pools[i].pool, f);
			return;
		}
	}
	mem_unmap(f, n * sizeof(struct frame));
}

static size_t frames_size(const struct thread *t)
{
	return t->lim ? (size_t)(t->lim - t->base) + 1 : 0;
}

/* A stack deeper than FRAMES_MAX, or longjmp left frames on it: start over, never overflow. */
void frames_grow(struct thread *t)
{
	size_t n = frames_size(t), depth = (size_t)(t->sp - t->base);
	if (n >= FRAMES_MAX) {
		t->sp = t->base;
		return;
	}
	size_t want = n ? n * 8 : 8;
	struct frame *f = frames_get(want);
	f->hash = f->pc = 0;
	if (n) {
		memcpy(f, t->base, n * sizeof(*f));
		frames_put(t->base, n);
	}
	t->base = f;
	t->sp = f + depth;
	t->lim = f + want - 1;
}

void frames_free(struct thread *t)
{
	if (t->lim)
		frames_put(t->base, frames_size(t));
	t->sp = t->lim = t->base = NULL;
}
