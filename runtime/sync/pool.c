/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool.c - pools of objects to be used again (Go's sync/pool.go).
 *
 * Each P has a private object, which only its owner touches, without atomics or locks, and a stack
 * of shared ones under a lock, from which other Ps steal when they have none. The victim cache is
 * what was there at the last collection: it is looked at last, and what is still in it at the next
 * one is dropped.
 *
 * Invariants:
 *  1. private and victim are used by the owner of the P, or while the world is stopped.
 *  2. Only the owner pushes to shared, so only it makes the array larger.
 *  3. n of a stack may be read without the lock, to skip one that is empty.
 *  4. Neither make nor drop is called with a lock.
 *
 * What differs from Go: an object that its drop must free cannot just be forgotten, so poolCleanup
 * sets it aside in dead and poolDrop, which runs later, drops it. While dead is not empty the
 * victims stay a cycle longer.
 *
 * Rejected: Go's lock-free poolChain, whose rings only a
 * collector can free; the lock is the P's own nearly always.
 */
#include "sync/pool.h"

#include <stdlib.h>

#include "base/throw.h"
#include "gort/sync.h"
#include "sched/proc.h"
#include "sched/race.h"
#include "sync/perp.h"

struct stash {
	void **x;
	uint32_t n, cap;
};

struct poollocal {
	void *private;
	void *victim;      /* private of the last cycle */
	struct mutex lock; /* of the next two */
	struct stash shared;
	struct stash victims; /* shared of the last cycle */
	struct stash dead;    /* to be dropped, with allpools.lock */
	void *deadvictim;
} __attribute__((aligned(PERPALIGN)));

struct poolimpl {
	struct perp locals;
	gort_pool *pool;
	struct poolimpl *next, **prev; /* allpools */
};

static struct {
	struct mutex lock;
	struct poolimpl *first;
	struct poolimpl
		*cursor; /* where poolDrop, which one goroutine at a time runs, has got to */
} allpools = {.lock = {.rank = lockRankLeaf}};

static inline void *next_local(struct poolimpl *impl, struct poollocal *l)
{
	return perpnext(&impl->locals, l, sizeof(*l));
}

/* ---- a pool's memory ---- */

static _Atomic(struct poolimpl *) *implof(gort_pool *p)
{
	return (_Atomic(struct poolimpl *) *)&p->opaque;
}

static __attribute__((noinline)) struct poolimpl *newimpl(gort_pool *p)
{
	struct poolimpl *mine = calloc(1, sizeof(*mine));
	if (!mine)
		gopanic_text("sync.Pool: out of memory");
	mine->pool = p;
	lock(&allpools.lock);
	struct poolimpl *there = load_rlx(implof(p));
	if (!there) {
		mine->next = allpools.first;
		mine->prev = &allpools.first;
		if (mine->next)
			mine->next->prev = &mine->next;
		allpools.first = mine;
		store_rel(implof(p), mine); /* pairs with mylocal */
	}
	unlock(&allpools.lock);
	if (!there)
		return mine;
	free(mine);
	return there;
}

static inline struct poollocal *mylocal(gort_pool *p, const char *what)
{
	getgchecked(what);
	struct poolimpl *impl = load_acq(implof(p));
	if (unlikely(!impl))
		impl = newimpl(p);
	return perpitem(&impl->locals, (uint32_t)getm()->p->id, sizeof(struct poollocal));
}

/* ---- put ---- */

/* An array of growshared, perhaps of another owner of the P. */
static void freestash(void **x)
{
	if (x)
		raceacquire(x);
	free(x);
}

/* Twice the room for l's shared ones. The caller owns the P, so nobody else pushes meanwhile. */
static __attribute__((noinline)) void growshared(struct poollocal *l)
{
	uint32_t cap = l->shared.cap ? 2 * l->shared.cap : 16;
	void **x = malloc(cap * sizeof(*x)), **old;
	if (!x)
		gopanic_text("sync.Pool: out of memory");
	plock(&l->lock);
	old = l->shared.x;
	for (uint32_t i = 0; i < l->shared.n; i++)
		x[i] = old[i];
	l->shared.x = x;
	l->shared.cap = cap;
	unlock(&l->lock);
	racerelease(x); /* for whoever frees it */
	freestash(old);
}

void gort_pool_put(gort_pool *p, void *x)
{
	struct poollocal *l = mylocal(p, "gort_pool_put");
	if (!x)
		return;
	racerelease(x);
	if (!l->private) {
		l->private = x;
		return;
	}
	if (unlikely(l->shared.n == l->shared.cap))
		growshared(l);
	plock(&l->lock);
	l->shared.x[l->shared.n] = x;
	__atomic_store_n(&l->shared.n, l->shared.n + 1, __ATOMIC_RELAXED);
	unlock(&l->lock);
}

/* ---- get ---- */

static inline void *pop(struct poollocal *l, struct stash *s)
{
	void *x = NULL;
	if (__atomic_load_n(&s->n, __ATOMIC_RELAXED) == 0)
		return NULL;
	plock(&l->lock);
	if (s->n) {
		x = s->x[s->n - 1];
		__atomic_store_n(&s->n, s->n - 1, __ATOMIC_RELAXED);
	}
	unlock(&l->lock);
	return x;
}

/* What others share, then what is left of the last cycle. */
static __attribute__((noinline)) void *getslow(struct poolimpl *impl, struct poollocal *mine)
{
	void *x = NULL;
	for (struct poollocal *l = NULL; !x && (l = next_local(impl, l));)
		x = pop(l, &l->shared);
	if (!x && mine->victim) {
		x = mine->victim;
		mine->victim = NULL;
	}
	for (struct poollocal *l = NULL; !x && (l = next_local(impl, l));)
		x = pop(l, &l->victims);
	return x;
}

void *gort_pool_get(gort_pool *p)
{
	struct poollocal *l = mylocal(p, "gort_pool_get");
	void *x = l->private;
	if (likely(x)) {
		l->private = NULL;
		raceacquire(x);
		return x;
	}
	x = pop(l, &l->shared);
	if (!x)
		x = getslow(load_rlx(implof(p)), l);
	if (x)
		raceacquire(x);
	return x || !p->make ? x : p->make(p->arg);
}

/* ---- the end of objects ---- */

static void cleanlocal(struct poollocal *l)
{
	if (l->dead.n == 0 && !l->deadvictim) {
		struct stash empty = l->dead; /* its array is used again */
		l->dead = l->victims;
		l->victims = l->shared;
		l->shared = empty;
		l->deadvictim = l->victim;
		l->victim = l->private;
		l->private = NULL;
	}
}

void poolCleanup(void)
{
	for (struct poolimpl *impl = allpools.first; impl; impl = impl->next)
		for (struct poollocal *l = NULL; (l = next_local(impl, l));)
			cleanlocal(l);
}

bool pooldead(void)
{
	bool found = false;
	lock(&allpools.lock);
	for (struct poolimpl *impl = allpools.first; impl && !found; impl = impl->next)
		for (struct poollocal *l = NULL; !found && (l = next_local(impl, l));)
			found = l->dead.n || l->deadvictim;
	unlock(&allpools.lock);
	return found;
}

static void stashroots(const struct stash *s, void (*fn)(uintptr_t lo, uintptr_t hi))
{
	fn((uintptr_t)s->x, (uintptr_t)(s->x + s->n));
}

const struct gort_abi_pools poolslist = {
	.list = {&allpools.first, offsetof(struct poolimpl, next),
		offsetof(struct poolimpl, locals), sizeof(struct perp)},
	.item = sizeof(struct poollocal),
	.arrays = {offsetof(struct poollocal, shared), offsetof(struct poollocal, victims),
		offsetof(struct poollocal, dead)}};
_Static_assert(offsetof(struct poolimpl, locals) == 0 && offsetof(struct stash, n) == 8,
	"as struct gort_abi_pools says");

void poolroots(void (*fn)(uintptr_t lo, uintptr_t hi))
{
	for (struct poolimpl *impl = allpools.first; impl; impl = impl->next) {
		for (struct poollocal *l = NULL; (l = next_local(impl, l));) {
			fn((uintptr_t)l, (uintptr_t)(l + 1));
			stashroots(&l->shared, fn);
			stashroots(&l->victims, fn);
			stashroots(&l->dead, fn);
		}
	}
}

/* The dead of some local of impl, which are the caller's then; false when there are none. */
static bool takedead(struct poolimpl *impl, struct stash *dead, void **one)
{
	for (struct poollocal *l = NULL; (l = next_local(impl, l));) {
		if (l->dead.n == 0 && !l->deadvictim)
			continue;
		*dead = l->dead;
		*one = l->deadvictim;
		l->dead = (struct stash){0};
		l->deadvictim = NULL;
		return true;
	}
	return false;
}

static void dropone(const gort_pool *p, void *x)
{
	if (p->drop && x) {
		raceacquire(x); /* what was done before it was put */
		p->drop(p->arg, x);
	}
}

static void dropall(const gort_pool *p, struct stash *s, void *one)
{
	for (uint32_t i = 0; i < s->n; i++)
		dropone(p, s->x[i]);
	dropone(p, one);
	freestash(s->x);
}

void poolDrop(void)
{
	lock(&allpools.lock);
	allpools.cursor = allpools.first;
	while (allpools.cursor) {
		struct stash dead;
		void *one;
		if (!takedead(allpools.cursor, &dead, &one)) {
			allpools.cursor = allpools.cursor->next;
			continue;
		}
		gort_pool p = *allpools.cursor->pool; /* drop may free it */
		unlock(&allpools.lock);
		dropall(&p, &dead, one);
		lock(&allpools.lock);
	}
	unlock(&allpools.lock);
}

static void forget(struct poolimpl *impl)
{
	lock(&allpools.lock);
	if (allpools.cursor == impl)
		allpools.cursor = impl->next;
	if (impl->next)
		impl->next->prev = impl->prev;
	*impl->prev = impl->next;
	unlock(&allpools.lock);
}

void gort_pool_free(gort_pool *p)
{
	getgchecked("gort_pool_free");
	struct poolimpl *impl = xchg_acqrel(implof(p), NULL);
	if (!impl)
		return;
	forget(impl);
	for (struct poollocal *l = NULL; (l = next_local(impl, l));) {
		dropall(p, &l->shared, l->private);
		dropall(p, &l->victims, l->victim);
		dropall(p, &l->dead, l->deadvictim);
	}
	perpfree(&impl->locals);
	free(impl);
}
