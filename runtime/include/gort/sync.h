/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync.h - the rest of Go's sync package: WaitGroup.Go, OnceFunc and its kin, semaphores, Pool and
 * Map. Mutexes, wait groups and once are in gort.h, atomics in atomic.h. go.h includes this one
 * and has short words for it (GORT_NO_SYNC leaves them out).
 *
 * As in gort.h, functions may be called by goroutines only, and errors print Go's text and exit 2.
 */
#ifndef GORT_SYNC_H
#define GORT_SYNC_H

#include "gort/gort.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- WaitGroup.Go: runtime/sync/waitgroup.c ---- */

/*
 * Adds one to the counter of wg and starts a goroutine that calls *c and is then done, also when
 * the call ends by gort_goexit, but not when it panics, which ends the program. At most four
 * argument words. wg_go(wg, f, args...) in go.h fills in the call. Go's sync.WaitGroup.Go.
 */
GORT_API void gort_wg_go(gort_waitgroup *wg, const struct gort_call *c);

/* ---- results that are computed once: runtime/sync/once.c ---- */

/*
 * Functions whose first call calls fn and whose others wait for it. Set fn and arg, the rest is
 * zero, and do not copy it. If fn ended by gort_goexit there is no result: the later calls panic.
 *
 *	static gort_oncevalue config = {.fn = read_config};
 *	struct config *c = gort_oncevalue_get(&config);
 *
 * Go's sync.OnceFunc, OnceValue, OnceValues.
 */
typedef struct gort_oncefunc {
	void (*fn)(void *arg);
	void *arg;
	gort_once once;
	bool ended;
} gort_oncefunc;

typedef struct gort_oncevalue {
	void *(*fn)(void *arg);
	void *arg;
	gort_once once;
	bool ended;
	void *value;
} gort_oncevalue;

typedef struct gort_oncevalues {
	void (*fn)(void *arg, void **a, void **b);
	void *arg;
	gort_once once;
	bool ended;
	void *a, *b;
} gort_oncevalues;

/*
 * Calls fn the first time; others wait until it has ended. What it returned is the value each time.
 * The calls after one whose fn panicked panic, too, but not with its value, other than in Go.
 */
GORT_API void gort_oncefunc_call(gort_oncefunc *o);
GORT_API void *gort_oncevalue_get(gort_oncevalue *o);
/* a, b: where the values go; either may be NULL. */
GORT_API void gort_oncevalues_get(gort_oncevalues *o, void **a, void **b);

/* ---- semaphore: runtime/sync/semaphore.c ---- */

/*
 * Permits that can be taken several at once: {.free = n} has n of them. Whoever waits is served in
 * order, so that a large request is not starved by small ones. Must not be copied. Go's
 * golang.org/x/sync/semaphore.Weighted.
 */
typedef struct gort_semaphore {
	int64_t free;
	uint64_t opaque[3];
} gort_semaphore;

/* Blocks until n permits are free and nobody waits before, and takes them. n >= 0. */
GORT_API void gort_semaphore_acquire(gort_semaphore *s, int64_t n);
/* Takes them if that needs no waiting, and tells whether it did. */
GORT_API bool gort_semaphore_tryacquire(gort_semaphore *s, int64_t n);
/* Gives n permits back, or adds new ones. Does not block. */
GORT_API void gort_semaphore_release(gort_semaphore *s, int64_t n);

/* ---- pool of objects: runtime/sync/pool.c ---- */

/*
 * Objects that are free to be used again, kept per P. What lies unused for two garbage collections
 * is dropped. Set the three functions' fields before the first use, or leave them NULL; the rest
 * is zero. Must not be copied. Go's sync.Pool.
 */
typedef struct gort_pool {
	void *(*make)(void *arg);         /* a new object for a get that finds none; Go's New */
	void (*drop)(void *arg, void *x); /* frees x; NULL: the collector does */
	void *arg;
	void *opaque;
} gort_pool;

/* Some object that was put, or a new one, or NULL when there is no make. It is the caller's. */
GORT_API void *gort_pool_get(gort_pool *p);
/* Gives x to the pool; NULL does nothing. The caller must not use it any more. */
GORT_API void gort_pool_put(gort_pool *p, void *x);
/*
 * Drops all objects and takes the pool's own memory away. Nobody else may use it meanwhile; after
 * it the pool is as new. Needed before the memory of p itself goes.
 */
GORT_API void gort_pool_free(gort_pool *p);

/* ---- concurrent map: runtime/sync/sync_map.c ---- */

/*
 * A hash map for many goroutines: reads take no lock and do not wait for writers. Keys and values
 * are words: pointers, or integers cast to them. Without hash and equal keys are compared as
 * words. Zeroed is ready to use; must not be copied. Go's sync.Map.
 *
 * hash and equal may be called at any time by any operation: they must not block, end the
 * goroutine or use the map. The map owns neither keys nor values: what it returned may be in use
 * by another reader too.
 */
typedef struct gort_sync_map {
	uint64_t (*hash)(const void *key);
	bool (*equal)(const void *a, const void *b);
	void *opaque;
} gort_sync_map;

/* Whether key is there, and its value in *value (NULL when it is not). */
GORT_API bool gort_sync_map_load(gort_sync_map *m, const void *key, void **value);
GORT_API void gort_sync_map_store(gort_sync_map *m, const void *key, void *value);
/* True: key is there, with *actual. False: stores value, which is *actual. */
GORT_API bool gort_sync_map_load_or_store(
	gort_sync_map *m, const void *key, void *value, void **actual);
/* Takes key away. Whether it was there, and its value (NULL). value itself may be NULL. */
GORT_API bool gort_sync_map_load_and_delete(gort_sync_map *m, const void *key, void **value);
GORT_API void gort_sync_map_delete(gort_sync_map *m, const void *key);
/* Stores value. Whether key was there, and its value before (NULL). previous may be NULL. */
GORT_API bool gort_sync_map_swap(gort_sync_map *m, const void *key, void *value, void **previous);
/* Stores value if key is there with the value old, and tells whether it was. */
GORT_API bool gort_sync_map_compare_and_swap(
	gort_sync_map *m, const void *key, void *old, void *value);
/* Takes key away if it is there with the value old, and tells whether it was. */
GORT_API bool gort_sync_map_compare_and_delete(gort_sync_map *m, const void *key, void *old);
/*
 * Calls fn for each key until it returns false. Each key at most once; keys that come, go or change
 * meanwhile may or may not be seen. fn may use the map and may block.
 */
GORT_API void gort_sync_map_range(
	gort_sync_map *m, bool (*fn)(void *arg, const void *key, void *value), void *arg);
/* Takes all keys away. */
GORT_API void gort_sync_map_clear(gort_sync_map *m);
/* The same, and takes the map's own memory away. Nobody else may use it meanwhile. */
GORT_API void gort_sync_map_free(gort_sync_map *m);

#ifdef __cplusplus
}
#endif

#endif
