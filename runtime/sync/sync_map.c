/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync_map.c - a concurrent hash map with reads that take no lock (Go's sync.Map, which is
 * internal/sync/hashtriemap.go).
 *
 * SHARDS independent tables, chosen by the upper bits of the hash. A table is an array of chains of
 * nodes, chosen by the lower bits. Writers of a shard exclude each other by its mutex; readers
 * follow pointers. Key and hash of a node never change, its value does, by
 * one store. A table that has got too small or too large is copied, nodes too: readers of the old
 * one still find what was in it when the new one took its place, which lies within their call.
 *
 * Invariants:
 *  1. table, the links of the chains and values are changed only with the shard's mutex.
 *  2. A node is new to its chain: what points to it is stored last, by a release that pairs with
 *     the acquire of readers. That makes a store happen before the loads that see it.
 *  3. The mutex is a goroutine's (gort_mutex), since equal is the user's function.
 *
 * Tables and nodes are collected, so a reader may stand at one that has been taken out for as long
 * as it likes. What holds the tables is a root of its own (mapsroots): the map may lie in memory
 * that the collector does not know.
 * Rejected: Go's trie of 16-way nodes, each with a mutex. It grows in small steps, but a load
 * follows as many pointers as the trie is deep; here a shard of 10^4 keys is copied in some 0.5 ms.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/throw.h"
#include "gort/sync.h"
#include "mem/malloc.h"
#include "mem/mbarrier.h"
#include "sched/proc.h"
#include "sched/race.h"
#include "sync/sync_map.h"

#define SHARDBITS 6
#define SHARDS    (1u << SHARDBITS)
#define MINTABLE  8 /* chains */

struct node {
	_Atomic(struct node *) next;
	uint64_t hash;
	const void *key;
	_Atomic(void *) value;
};

struct table {
	uint64_t mask;
	_Atomic(struct node *) chain[];
};

struct shard {
	gort_mutex m;
	_Atomic(struct table *) table; /* NULL: nothing was ever stored */
	uint64_t n;                    /* nodes */
	uint64_t pad[5];               /* two writers of different shards share no cache line */
};

struct mapimpl {
	uint64_t seed;
	struct mapimpl *next, **prev; /* allmaps */
	struct shard shard[SHARDS];
};

static struct {
	struct mutex lock;
	struct mapimpl *first;
} allmaps = {.lock = {.rank = lockRankLeaf}};

static _Atomic(struct mapimpl *) *implof(gort_sync_map *m)
{
	return (_Atomic(struct mapimpl *) *)&m->opaque;
}

/* ---- memory ---- */

static void listimpl(struct mapimpl *impl)
{
	lock(&allmaps.lock);
	impl->next = allmaps.first;
	impl->prev = &allmaps.first;
	if (impl->next)
		impl->next->prev = &impl->next;
	allmaps.first = impl;
	unlock(&allmaps.lock);
}

static void freeimpl(struct mapimpl *impl)
{
	lock(&allmaps.lock);
	if (impl->next)
		impl->next->prev = impl->prev;
	*impl->prev = impl->next;
	unlock(&allmaps.lock);
	free(impl);
}

static __attribute__((noinline)) struct mapimpl *newimpl(gort_sync_map *m)
{
	struct mapimpl *there = NULL, *mine = calloc(1, sizeof(*mine));
	if (!mine)
		gopanic_text("sync.Map: out of memory");
	mine->seed = (uint64_t)nanotime() ^ (uintptr_t)mine;
	listimpl(mine);
	if (cas_acqrel(implof(m), &there, mine)) /* pairs with getimpl */
		return mine;
	freeimpl(mine);
	return there;
}

const struct gort_abi_roots mapslist = {&allmaps.first, offsetof(struct mapimpl, next),
	offsetof(struct mapimpl, shard), sizeof(struct mapimpl)};

void mapsroots(void (*fn)(uintptr_t lo, uintptr_t hi))
{
	for (struct mapimpl *impl = allmaps.first; impl; impl = impl->next)
		fn((uintptr_t)impl->shard, (uintptr_t)(impl->shard + SHARDS));
}

static inline struct mapimpl *getimpl(gort_sync_map *m)
{
	struct mapimpl *impl = load_acq(implof(m));
	return likely(impl) ? impl : newimpl(m);
}

static struct table *newtable(uint64_t chains)
{
	struct table *t = mallocgc(sizeof(*t) + chains * sizeof(t->chain[0]));
	t->mask = chains - 1;
	return t;
}

static struct node *newnode(uint64_t hash, const void *key, void *value)
{
	struct node *n = mallocgc(sizeof(*n));
	n->hash = hash;
	n->key = key;
	store_rlx(&n->value, value);
	return n;
}

/* ---- finding ---- */

/* Mixed, since the user's hash, or an address, may be good in some bits only. */
static inline uint64_t hashof(gort_sync_map *m, struct mapimpl *impl, const void *key)
{
	uint64_t h = m->hash ? m->hash(key) : (uintptr_t)key;
	unsigned __int128 x = (unsigned __int128)(h ^ impl->seed) * 0x9e3779b97f4a7c15;
	x = (unsigned __int128)((uint64_t)x ^ (uint64_t)(x >> 64)) * 0xd6e8feb86659fd93;
	return (uint64_t)x ^ (uint64_t)(x >> 64);
}

static inline struct shard *shardof(struct mapimpl *impl, uint64_t hash)
{
	return &impl->shard[hash >> (64 - SHARDBITS)];
}

static inline bool same(gort_sync_map *m, const struct node *n, uint64_t hash, const void *key)
{
	return n->hash == hash && (n->key == key || (m->equal && m->equal(n->key, key)));
}

/* Where the pointer to the node of key is, or the end of its chain. */
static _Atomic(struct node *) *find(
	gort_sync_map *m, struct table *t, uint64_t hash, const void *key)
{
	_Atomic(struct node *) *at = &t->chain[hash & t->mask];
	for (struct node *n; (n = load_acq(at)) && !same(m, n, hash, key);)
		at = &n->next;
	return at;
}

/* The node of key, or NULL. */
static struct node *lookup(gort_sync_map *m, struct shard *s, uint64_t hash, const void *key)
{
	struct table *t = load_acq(&s->table);
	if (!t)
		return NULL;
	struct node *n = load_acq(&t->chain[hash & t->mask]);
	while (n && !same(m, n, hash, key))
		n = load_acq(&n->next);
	return n;
}

/* ---- with the shard's mutex ---- */

static void setvalue(struct node *n, void *value)
{
	wblog(load_rlx(&n->value));
	store_rel(&n->value, value);
}

static void pushnode(struct table *t, struct node *n)
{
	_Atomic(struct node *) *head = &t->chain[n->hash & t->mask];
	store_rlx(&n->next, load_rlx(head));
	wblog(load_rlx(head));
	store_rel(head, n);
}

/* Puts a copy with other many chains in the place of the table. */
static void resize(struct shard *s, struct table *old, uint64_t chains)
{
	struct table *new = newtable(chains);
	for (uint64_t i = 0; old && i <= old->mask; i++)
		for (struct node *n = load_rlx(&old->chain[i]); n; n = load_rlx(&n->next))
			pushnode(new, newnode(n->hash, n->key, load_rlx(&n->value)));
	wblog(old);
	store_rel(&s->table, new);
}

static void insert(struct shard *s, uint64_t hash, const void *key, void *value)
{
	struct table *t = load_rlx(&s->table);
	if (!t || s->n > t->mask)
		resize(s, t, t ? 2 * (t->mask + 1) : MINTABLE);
	pushnode(load_rlx(&s->table), newnode(hash, key, value));
	s->n++;
}

/* Takes the node to which *at points out of its chain. */
static void cut(struct shard *s, _Atomic(struct node *) *at)
{
	struct node *n = load_rlx(at);
	struct table *t = load_rlx(&s->table);
	wblog(n);
	store_rel(at, load_rlx(&n->next));
	if (--s->n < t->mask / 8 && t->mask >= MINTABLE)
		resize(s, t, (t->mask + 1) / 2);
}

/* ---- operations ---- */

/* One key of a map: what each operation begins with. */
struct op {
	gort_sync_map *m;
	const void *key;
	uint64_t hash;
	struct shard *s; /* NULL: nothing was ever stored in the map */
};

static inline struct op begin(gort_sync_map *m, const void *key, bool write, const char *what)
{
	struct op o = {.m = m, .key = key};
	getgchecked(what);
	struct mapimpl *impl = write ? getimpl(m) : load_acq(implof(m));
	if (!impl)
		return o;
	o.hash = hashof(m, impl, key);
	o.s = shardof(impl, o.hash);
	return o;
}

static inline bool get(const struct op *o, void **value)
{
	struct node *n = lookup(o->m, o->s, o->hash, o->key);
	gort_store(value, n ? load_acq(&n->value) : NULL);
	return n;
}

/* The shard is locked: the node of the key, or NULL. */
static inline struct node *locknode(const struct op *o)
{
	gort_mutex_lock(&o->s->m);
	return lookup(o->m, o->s, o->hash, o->key);
}

/* The shard is locked: where the pointer to the node of the key is, or NULL. */
static inline _Atomic(struct node *) *lockplace(const struct op *o)
{
	gort_mutex_lock(&o->s->m);
	struct table *t = load_rlx(&o->s->table);
	_Atomic(struct node *) *at = t ? find(o->m, t, o->hash, o->key) : NULL;
	return at && load_rlx(at) ? at : NULL;
}

bool gort_sync_map_load(gort_sync_map *m, const void *key, void **value)
{
	struct op o = begin(m, key, false, "gort_sync_map_load");
	bool there = o.s && get(&o, value);
	if (!there)
		gort_store(value, NULL);
	raceacquire(o.s);
	return there;
}

bool gort_sync_map_swap(gort_sync_map *m, const void *key, void *value, void **previous)
{
	struct op o = begin(m, key, true, "gort_sync_map_swap");
	void *before = NULL;
	racerelease(o.s);
	struct node *n = locknode(&o);
	if (n) {
		before = load_rlx(&n->value);
		setvalue(n, value);
	} else {
		insert(o.s, o.hash, key, value);
	}
	gort_mutex_unlock(&o.s->m);
	raceacquire(o.s);
	if (previous)
		gort_store(previous, before);
	return n;
}

void gort_sync_map_store(gort_sync_map *m, const void *key, void *value)
{
	gort_sync_map_swap(m, key, value, NULL);
}

bool gort_sync_map_load_or_store(gort_sync_map *m, const void *key, void *value, void **actual)
{
	struct op o = begin(m, key, true, "gort_sync_map_load_or_store");
	racerelease(o.s);
	if (get(&o, actual)) {
		raceacquire(o.s);
		return true;
	}
	struct node *n = locknode(&o);
	if (n)
		value = load_rlx(&n->value);
	else
		insert(o.s, o.hash, key, value);
	gort_mutex_unlock(&o.s->m);
	raceacquire(o.s);
	gort_store(actual, value);
	return n;
}

bool gort_sync_map_load_and_delete(gort_sync_map *m, const void *key, void **value)
{
	struct op o = begin(m, key, false, "gort_sync_map_load_and_delete");
	void *before = NULL;
	bool there = false;
	racerelease(o.s);
	if (o.s && get(&o, &before)) { /* a key that is not there costs no lock */
		_Atomic(struct node *) *at = lockplace(&o);
		there = at;
		before = at ? load_rlx(&load_rlx(at)->value) : NULL;
		if (at)
			cut(o.s, at);
		gort_mutex_unlock(&o.s->m);
	}
	raceacquire(o.s);
	if (value)
		gort_store(value, before);
	return there;
}

void gort_sync_map_delete(gort_sync_map *m, const void *key)
{
	gort_sync_map_load_and_delete(m, key, NULL);
}

bool gort_sync_map_compare_and_swap(gort_sync_map *m, const void *key, void *old, void *value)
{
	struct op o = begin(m, key, false, "gort_sync_map_compare_and_swap");
	void *before;
	racerelease(o.s);
	if (!o.s || !get(&o, &before) || before != old)
		return false;
	struct node *n = locknode(&o);
	bool swapped = n && load_rlx(&n->value) == old;
	if (swapped)
		setvalue(n, value);
	gort_mutex_unlock(&o.s->m);
	if (swapped)
		raceacquire(o.s);
	return swapped;
}

bool gort_sync_map_compare_and_delete(gort_sync_map *m, const void *key, void *old)
{
	struct op o = begin(m, key, false, "gort_sync_map_compare_and_delete");
	void *before;
	racerelease(o.s);
	if (!o.s || !get(&o, &before) || before != old)
		return false;
	_Atomic(struct node *) *at = lockplace(&o);
	bool deleted = at && load_rlx(&load_rlx(at)->value) == old;
	if (deleted)
		cut(o.s, at);
	gort_mutex_unlock(&o.s->m);
	if (deleted)
		raceacquire(o.s);
	return deleted;
}

/* ---- all keys ---- */

struct pair {
	const void *key;
	void *value;
};

/* Copies what there is, at most cap pairs; returns how many there are. */
static uint64_t copyshard(struct shard *s, struct pair *pairs, uint64_t cap)
{
	uint64_t n = 0;
	struct table *t = load_acq(&s->table);
	for (uint64_t i = 0; t && i <= t->mask; i++)
		for (struct node *e = load_acq(&t->chain[i]); e; e = load_acq(&e->next), n++)
			if (n < cap)
				pairs[n] = (struct pair){e->key, load_acq(&e->value)};
	raceacquire(s);
	return n;
}

/* False when fn did. fn sees a copy: it may use the map, block, and end the goroutine. */
static bool rangeshard(
	struct shard *s, bool (*fn)(void *arg, const void *key, void *value), void *arg)
{
	struct pair *pairs = NULL;
	uint64_t cap = 0, n;
	bool more = true;
	while ((n = copyshard(s, pairs, cap)) > cap) {
		cap = n + n / 8;
		pairs = mallocgc(cap * sizeof(*pairs));
	}
	for (uint64_t i = 0; more && i < n; i++)
		more = fn(arg, pairs[i].key, pairs[i].value);
	return more;
}

void gort_sync_map_range(
	gort_sync_map *m, bool (*fn)(void *arg, const void *key, void *value), void *arg)
{
	getgchecked("gort_sync_map_range");
	struct mapimpl *impl = load_acq(implof(m));
	for (unsigned i = 0; impl && i < SHARDS; i++)
		if (!rangeshard(&impl->shard[i], fn, arg))
			return;
}

static void clearshard(struct shard *s)
{
	racerelease(s);
	gort_mutex_lock(&s->m);
	wblog(load_rlx(&s->table));
	store_rel(&s->table, NULL);
	s->n = 0;
	gort_mutex_unlock(&s->m);
}

void gort_sync_map_clear(gort_sync_map *m)
{
	getgchecked("gort_sync_map_clear");
	struct mapimpl *impl = load_acq(implof(m));
	for (unsigned i = 0; impl && i < SHARDS; i++)
		clearshard(&impl->shard[i]);
}

void gort_sync_map_free(gort_sync_map *m)
{
	getgchecked("gort_sync_map_free");
	struct mapimpl *impl = xchg_acqrel(implof(m), NULL);
	if (impl)
		freeimpl(impl);
}
