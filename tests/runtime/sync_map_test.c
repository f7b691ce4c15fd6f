/* SPDX-License-Identifier: BSD-2-Clause */
/* sync_map_test.c - the concurrent map: its operations, alone and together, and its memory. */
#include "child.h"
#include "suite.h"

#include <stdatomic.h>

#define W(x) ((void *)(uintptr_t)(x))

static unsigned nextrandom(unsigned *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* ---- three kinds of maps ---- */

static uint64_t hash_text(const void *key)
{
	uint64_t h = 14695981039346656037u;
	for (const char *s = key; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211;
	return h;
}

static bool equal_text(const void *a, const void *b)
{
	return strcmp(a, b) == 0;
}

/* The worst hash there is. */
static uint64_t hash_same(const void *key)
{
	(void)key;
	return 42;
}

#define NKEYS 300

static char names[2][NKEYS][16]; /* two copies: keys are equal, not the same */

static void make_names(void)
{
	for (int copy = 0; copy < 2; copy++)
		for (int i = 0; i < NKEYS; i++)
			snprintf(names[copy][i], sizeof(names[copy][i]), "k%d", i);
}

static const void *keyof(const sync_map *m, unsigned i, unsigned copy)
{
	return m->equal ? (const void *)names[copy][i] : W(i);
}

/* ---- one goroutine: every operation against an array ---- */

static struct {
	bool there;
	void *value;
} want[NKEYS];

static void one_read(sync_map *m, unsigned i, const void *key, void *v, unsigned op)
{
	void *got = W(99);
	bool there = want[i].there;
	void *before = there ? want[i].value : NULL;
	switch (op) {
	case 0:
		REQUIRE(gort_sync_map_load(m, key, &got) == there && got == before);
		break;
	case 1:
		REQUIRE(gort_sync_map_load_or_store(m, key, v, &got) == there);
		REQUIRE(got == (there ? before : v));
		want[i].there = true;
		want[i].value = got;
		break;
	default:
		REQUIRE(gort_sync_map_swap(m, key, v, &got) == there && got == before);
		want[i].there = true;
		want[i].value = v;
		break;
	}
}

static void one_change(sync_map *m, unsigned i, const void *key, void *v, unsigned op)
{
	void *got = W(99), *old = op & 1 ? want[i].value : W(77);
	bool there = want[i].there, matches = there && want[i].value == old;
	switch (op / 2) {
	case 0:
		gort_sync_map_store(m, key, v);
		want[i].there = true;
		want[i].value = v;
		break;
	case 1:
		REQUIRE(gort_sync_map_load_and_delete(m, key, &got) == there);
		REQUIRE(got == (there ? want[i].value : NULL));
		want[i].there = false;
		break;
	case 2:
		REQUIRE(gort_sync_map_compare_and_swap(m, key, old, v) == matches);
		if (matches)
			want[i].value = v;
		break;
	default:
		REQUIRE(gort_sync_map_compare_and_delete(m, key, old) == matches);
		want[i].there &= !matches;
		break;
	}
}

struct seen {
	sync_map *m;
	int n;
	bool key[NKEYS];
};

static bool see(void *arg, const void *key, void *value)
{
	struct seen *s = arg;
	unsigned i = s->m->equal ? (unsigned)atoi((const char *)key + 1) : (unsigned)(uintptr_t)key;
	REQUIRE(i < NKEYS && want[i].there && want[i].value == value && !s->key[i]);
	s->key[i] = true;
	s->n++;
	return true;
}

static void check_range(sync_map *m)
{
	struct seen s = {.m = m};
	int there = 0;
	for (int i = 0; i < NKEYS; i++)
		there += want[i].there;
	gort_sync_map_range(m, see, &s);
	REQUIRE(s.n == there);
}

static void random_ops(sync_map *m, unsigned seed)
{
	memset(want, 0, sizeof(want));
	for (int n = 0; n < 60000; n++) {
		unsigned r = nextrandom(&seed), i = nextrandom(&seed) % NKEYS;
		/* in turns it grows and shrinks */
		if (n / 5000 % 2 && r % 3 == 0)
			i %= 8;
		const void *key = keyof(m, i, r & 1);
		if (r / 2 % 2)
			one_read(m, i, key, W(1 + n), r / 4 % 3);
		else
			one_change(m, i, key, W(1 + n), r / 4 % 8);
		if (n / 5000 % 2 && r % 5 == 0)
			one_change(
				m, (i * 7 + 1) % NKEYS, keyof(m, (i * 7 + 1) % NKEYS, 0), W(5), 2);
		if (n % 997 == 0)
			check_range(m);
		if (n % 20011 == 20010) {
			gort_sync_map_clear(m);
			memset(want, 0, sizeof(want));
			check_range(m);
		}
	}
	gort_sync_map_free(m);
	REQUIRE(!m->opaque);
}

static int operations(int argc, char **argv)
{
	(void)argc, (void)argv;
	sync_map words = {0}, texts = {.hash = hash_text, .equal = equal_text};
	sync_map bad = {.hash = hash_same, .equal = equal_text};
	make_names();
	for (unsigned seed = 1; seed <= 3; seed++) {
		random_ops(&words, seed);
		random_ops(&texts, seed);
	}
	random_ops(&bad, 4);
	return 0;
}

/* A zeroed map that nothing was stored in. */
static int empty(int argc, char **argv)
{
	(void)argc, (void)argv;
	sync_map m = {0};
	void *v = W(1);
	REQUIRE(!gort_sync_map_load(&m, W(0), &v) && !v);
	REQUIRE(!gort_sync_map_load_and_delete(&m, W(0), &v));
	REQUIRE(!gort_sync_map_compare_and_swap(&m, W(0), NULL, NULL));
	REQUIRE(!gort_sync_map_compare_and_delete(&m, W(0), NULL));
	gort_sync_map_delete(&m, W(0));
	gort_sync_map_clear(&m);
	gort_sync_map_range(&m, see, NULL);
	gort_sync_map_free(&m);
	/* NULL is a key and a value like others */
	gort_sync_map_store(&m, NULL, NULL);
	v = W(1);
	REQUIRE(gort_sync_map_load(&m, NULL, &v) && !v);
	gort_sync_map_free(&m);
	return 0;
}

START_TEST(test_operations)
{
	expect_code(operations, 0);
	expect_code(empty, 0);
}
END_TEST

/* ---- many goroutines ---- */

static struct {
	sync_map m;
	_Atomic long n;
	_Atomic bool stop;
	waitgroup wg;
} x;

static void increment(long key, int times)
{
	for (int i = 0; i < times; i++) {
		void *v;
		do
			gort_sync_map_load_or_store(&x.m, W(key), W(0), &v);
		while (!gort_sync_map_compare_and_swap(&x.m, W(key), v, W((uintptr_t)v + 1)));
		if (i % 16 == 0)
			gort_gosched();
	}
	wg_done(&x.wg);
}

/* Compare and swap loses no increment. */
static int counters(int argc, char **argv)
{
	(void)argc, (void)argv;
	wg_add(&x.wg, 40);
	for (long i = 0; i < 40; i++)
		go(increment, i % 5, 1000);
	wg_wait(&x.wg);
	for (long key = 0; key < 5; key++) {
		void *v;
		REQUIRE(gort_sync_map_load(&x.m, W(key), &v) && v == W(8000));
	}
	gort_sync_map_free(&x.m);
	return 0;
}

static void own_keys(long me, int rounds)
{
	unsigned seed = (unsigned)me;
	bool there[64] = {0};
	for (int i = 0; i < rounds; i++) {
		unsigned k = nextrandom(&seed) % 64;
		const void *key = W(me * 1000 + k);
		void *v;
		if (nextrandom(&seed) % 2) {
			REQUIRE(gort_sync_map_swap(&x.m, key, W(key), &v) == there[k]);
			there[k] = true;
		} else {
			REQUIRE(gort_sync_map_load_and_delete(&x.m, key, &v) == there[k]);
			there[k] = false;
		}
		REQUIRE(gort_sync_map_load(&x.m, key, &v) == there[k]);
		REQUIRE(v == (there[k] ? W(key) : NULL));
		if (i % 32 == 0)
			gort_gosched();
	}
	wg_done(&x.wg);
}

/* Each sees its own keys as if it were alone, while the tables grow and shrink. */
static int disjoint(int argc, char **argv)
{
	(void)argc, (void)argv;
	wg_add(&x.wg, 32);
	for (long i = 0; i < 32; i++)
		go(own_keys, i, 4000);
	wg_wait(&x.wg);
	gort_sync_map_free(&x.m);
	return 0;
}

static void race_to_store(long key, long me)
{
	void *v;
	bool loaded = gort_sync_map_load_or_store(&x.m, W(key), W(me), &v);
	REQUIRE(loaded == (v != W(me)));
	atomic_fetch_add(&x.n, !loaded);
	wg_done(&x.wg);
}

static void race_to_delete(long key)
{
	void *v;
	atomic_fetch_add(&x.n, gort_sync_map_load_and_delete(&x.m, W(key), &v));
	wg_done(&x.wg);
}

/* Of many that store, or delete, the same key exactly one succeeds. */
static int one_winner(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (long key = 1; key <= 300; key++) {
		x.n = 0;
		wg_add(&x.wg, 10);
		for (long i = 1; i <= 10; i++)
			go(race_to_store, key, i);
		wg_wait(&x.wg);
		REQUIRE(x.n == 1);
		x.n = 0;
		wg_add(&x.wg, 10);
		for (long i = 1; i <= 10; i++)
			go(race_to_delete, key);
		wg_wait(&x.wg);
		REQUIRE(x.n == 1);
	}
	gort_sync_map_free(&x.m);
	return 0;
}

START_TEST(test_together)
{
	expect_code(counters, 0);
	expect_code(disjoint, 0);
	expect_code(one_winner, 0);
}
END_TEST

/* ---- range ---- */

struct ranged {
	char count[512];
	int n, limit;
};

static bool count_stable(void *arg, const void *key, void *value)
{
	struct ranged *r = arg;
	uintptr_t k = (uintptr_t)key;
	REQUIRE(k == (uintptr_t)value);
	if (k < 512)
		r->count[k]++;
	if (++r->n % 64 == 0)
		gort_gosched();
	return r->n < r->limit;
}

static void churn(long me)
{
	unsigned seed = (unsigned)me;
	while (!atomic_load(&x.stop)) {
		uintptr_t key = 512 + nextrandom(&seed) % 4096;
		gort_sync_map_store(&x.m, W(key), W(key));
		gort_sync_map_delete(&x.m, W(512 + nextrandom(&seed) % 4096));
		if (nextrandom(&seed) % 64 == 0)
			gort_gosched();
	}
	wg_done(&x.wg);
}

/* While others come and go, what stays is seen, and everything at most once. */
static int range_among_writers(int argc, char **argv)
{
	(void)argc, (void)argv;
	wg_add(&x.wg, 4);
	for (uintptr_t k = 0; k < 512; k++)
		gort_sync_map_store(&x.m, W(k), W(k));
	for (long i = 0; i < 4; i++)
		go(churn, i);
	for (int i = 0; i < 30; i++) {
		struct ranged r = {.limit = INT32_MAX};
		gort_sync_map_range(&x.m, count_stable, &r);
		for (int k = 0; k < 512; k++)
			REQUIRE(r.count[k] == 1);
	}
	x.stop = true;
	wg_wait(&x.wg);
	gort_sync_map_free(&x.m);
	return 0;
}

static bool replace(void *arg, const void *key, void *value)
{
	(void)arg, (void)value;
	gort_sync_map_delete(&x.m, key);
	gort_sync_map_store(&x.m, W((uintptr_t)key + 100000), W((uintptr_t)key + 100000));
	struct ranged r = {.limit = 1};
	if ((uintptr_t)key % 64 == 0)
		gort_sync_map_clear(&x.m);
	gort_sync_map_range(&x.m, count_stable, &r); /* one in another */
	gort_sync_map_store(&x.m, W(1), W(1));
	return true;
}

/* The function may use the map in every way. */
static int range_that_changes(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (uintptr_t k = 1; k < 500; k++)
		gort_sync_map_store(&x.m, W(k), W(k));
	struct ranged r = {.limit = 7};
	gort_sync_map_range(&x.m, count_stable, &r);
	REQUIRE(r.n == 7);
	gort_sync_map_clear(&x.m);
	gort_sync_map_store(&x.m, W(1), W(1));
	gort_sync_map_store(&x.m, W(64), W(64));
	gort_sync_map_range(&x.m, replace, NULL);
	gort_sync_map_free(&x.m);
	return 0;
}

static bool leave(void *arg, const void *key, void *value)
{
	(void)arg, (void)key, (void)value;
	gort_goexit();
}

static void range_and_leave(void)
{
	defer(wg_done, &x.wg);
	gort_sync_map_range(&x.m, leave, NULL);
}

static int range_that_ends(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_sync_map_store(&x.m, W(1), W(1));
	wg_add(&x.wg, 1);
	go(range_and_leave);
	wg_wait(&x.wg);
	gort_sync_map_free(&x.m);
	return 0;
}

START_TEST(test_range)
{
	expect_code(range_among_writers, 0);
	expect_code(range_that_changes, 0);
	expect_code(range_that_ends, 0);
}
END_TEST

/* ---- memory ---- */

/* Like a preemption in the middle of an operation, which may go on on another P. */
static bool equal_and_yield(const void *a, const void *b)
{
	static _Atomic unsigned n;
	if (atomic_fetch_add(&n, 1) % 4 == 0)
		gort_gosched();
	return strcmp(a, b) == 0;
}

static void read_names(long me)
{
	unsigned seed = (unsigned)me;
	for (int i = 0; i < 5000; i++) {
		unsigned k = nextrandom(&seed) % NKEYS;
		void *v;
		if (gort_sync_map_load(&x.m, names[1][k], &v))
			REQUIRE(v == names[0][k]);
	}
	atomic_fetch_sub(&x.n, 1);
	wg_done(&x.wg);
}

static void write_names(long me)
{
	unsigned seed = (unsigned)me;
	while (atomic_load(&x.n) > 0) {
		unsigned k = nextrandom(&seed) % NKEYS;
		if (nextrandom(&seed) % 2)
			gort_sync_map_store(&x.m, names[0][k], names[0][k]);
		else
			gort_sync_map_delete(&x.m, names[1][k]);
		if (nextrandom(&seed) % 3000 == 0)
			gort_sync_map_clear(&x.m);
		if (nextrandom(&seed) % 16 == 0)
			gort_gosched();
	}
	wg_done(&x.wg);
}

/* What is deleted is not collected while a reader that stands at it goes on later, elsewhere. */
static int slow_readers(int argc, char **argv)
{
	(void)argc, (void)argv;
	make_names();
	x.m = (sync_map){.hash = hash_same, .equal = equal_and_yield};
	x.n = 8;
	wg_add(&x.wg, 11);
	for (long i = 0; i < 8; i++)
		go(read_names, i);
	for (long i = 0; i < 3; i++)
		go(write_names, i);
	wg_wait(&x.wg);
	gort_sync_map_free(&x.m);
	return 0;
}

static uint64_t inuse(void)
{
	struct gort_memstats m;
	gort_gc();
	gort_read_memstats(&m);
	return m.heap_alloc;
}

/* In a goroutine, whose stack is no root once it has ended: no word left on it keeps a node. */
static void fill_and_free(void)
{
	for (uintptr_t i = 0; i < 100000; i++)
		gort_sync_map_store(&x.m, W(i), W(i));
	gort_sync_map_free(&x.m);
	wg_done(&x.wg);
}

/* What has been deleted is collected while the map is in use, and all of it with the map. */
static int bounded(int argc, char **argv)
{
	(void)argc, (void)argv;
	uint64_t most = 0, before = inuse();
	for (uintptr_t i = 0; i < 300000; i++) {
		gort_sync_map_store(&x.m, W(i), W(i));
		if (i >= 100)
			gort_sync_map_delete(&x.m, W(i - 100));
		if (i % 50000 == 0 && inuse() > most)
			most = inuse();
	}
	REQUIRE(most < before + 1000000);
	wg_add(&x.wg, 1);
	go(fill_and_free);
	wg_wait(&x.wg);
	REQUIRE(inuse() < before + 100000);
	return 0;
}

START_TEST(test_memory)
{
	expect_code(slow_readers, 0);
	expect_code(bounded, 0);
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"sync_map", .seconds = 240,
		.units = {
			{"operations", test_operations},
			{"together", test_together},
			{"range", test_range},
			{"memory", test_memory},
		}});
}

#include "check_main.h"
