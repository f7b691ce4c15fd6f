/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * finalizer_test.c - finalizers, cleanups and weak pointers have Go's meaning.
 *
 * Stacks are scanned conservatively, so a few of many objects may be kept by chance: what must
 * happen is asked of most of N, what must not of all. Children run with each collection checked a
 * second time and what is freed overwritten.
 */
#include "mem/mgc.h"
#include "mem/mheap.h"

#include "child.h"
#include "suite.h"

#define MAGIC 0x600dc0de600dc0de

enum { N = 40, MOST = N - 4 };

struct node {
	uint64_t magic;
	struct node *next;
	uint64_t id;
};

static _Atomic int calls[N]; /* of what has that id */
static _Atomic int total, wrong;
static struct node *volatile global;
static gort_weak weak[N];

static struct node *newnode(uint64_t id)
{
	struct node *n = gort_new(struct node);
	*n = (struct node){.magic = MAGIC, .id = id};
	return n;
}

static bool good(const struct node *n, uint64_t id)
{
	return n && n->magic == MAGIC && n->id == id;
}

/* Overwrites what calls have left on the stack and in registers. */
static __attribute__((noinline)) void wipe(void)
{
	volatile char space[16384];
	for (size_t i = 0; i < sizeof(space); i++)
		space[i] = 0;
	__asm__ volatile("" : : "r"(&space) : "rbx", "r12", "r13", "r14", "r15", "memory");
}

static void count(uint64_t id)
{
	atomic_fetch_add(&calls[id], 1);
	atomic_fetch_add(&total, 1);
}

static void finalizer(void *p)
{
	struct node *n = p;
	if (n->magic != MAGIC || n->id >= N || (n->next && n->next->magic != MAGIC) ||
		gort_weak_value(weak[n->id]))
		atomic_fetch_add(&wrong, 1);
	else
		count(n->id);
}

static _Atomic int passed;

static void pass(void *arg)
{
	(void)arg;
	atomic_fetch_add(&passed, 1);
}

static __attribute__((noinline)) void dropmarkers(void)
{
	for (int i = 0; i < 8; i++) {
		gort_set_finalizer(newnode(0), pass);
		gort_add_cleanup(newnode(0), pass, NULL);
	}
}

/*
 * Collects, and returns when the calls that became due by it have been made: those of markers that
 * died with the others were queued, in the order in which spans are swept; so twice.
 */
static void collect(void)
{
	for (int i = 0; i < 2; i++) {
		atomic_store(&passed, 0);
		dropmarkers();
		wipe();
		gort_gc();
		for (int64_t end = monotonic() + patience(30) * sec;
			atomic_load(&passed) < 4 && monotonic() < end;) {
			gort_sleep(ms);
			wipe();
			gort_gc();
		}
		REQUIRE(atomic_load(&passed) >= 4);
	}
}

static int called(void)
{
	int n = 0;
	for (int i = 0; i < N; i++) {
		REQUIRE(calls[i] <= 1);
		n += calls[i];
	}
	REQUIRE(atomic_load(&wrong) == 0);
	return n;
}

/* ---- finalizers ---- */

static __attribute__((noinline)) void dropnodes(void)
{
	for (uint64_t i = 0; i < N; i++)
		gort_set_finalizer(newnode(i), finalizer);
}

/* Once each; not those that are reachable, or had their finalizer taken away. */
static int single_call(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct node *volatile kept = newnode(0);
	gort_set_finalizer(kept, finalizer);
	gort_set_finalizer(kept, NULL);
	gort_set_finalizer(kept, finalizer);
	dropnodes();
	collect();
	collect();
	REQUIRE(calls[0] <= 1 && called() >= MOST);
	atomic_store(&calls[0], 0);
	struct node *freed = kept;
	gort_set_finalizer(freed, NULL);
	freed = kept = NULL;
	collect();
	REQUIRE(calls[0] == 0);
	return 0;
}

/* N chains of two: the second node only once the first has been finalized, and so freed. */
static _Atomic int seconds;

static void first(void *p)
{
	struct node *n = p;
	if (n->magic != MAGIC || !n->next || n->next->magic != MAGIC)
		atomic_fetch_add(&wrong, 1);
	count(n->id);
}

static void second(void *p)
{
	struct node *n = p;
	if (n->magic != MAGIC || calls[n->id] != 1)
		atomic_fetch_add(&wrong, 1);
	atomic_fetch_add(&seconds, 1);
}

static __attribute__((noinline)) void dropchains(void)
{
	for (uint64_t i = 0; i < N; i++) {
		struct node *a = newnode(i), *b = newnode(i);
		a->next = b;
		gort_set_finalizer(b, second);
		gort_set_finalizer(a, first);
	}
}

static int order(int argc, char **argv)
{
	(void)argc, (void)argv;
	dropchains();
	wipe();
	gort_gc();
	for (int64_t end = monotonic() + patience(30) * sec;
		atomic_load(&total) < MOST && monotonic() < end;)
		gort_sleep(ms);
	REQUIRE(atomic_load(&total) >= MOST && atomic_load(&seconds) == 0);
	collect();
	collect();
	REQUIRE(called() >= MOST && atomic_load(&seconds) >= MOST - 4);
	return 0;
}

static void never(void *p)
{
	(void)p;
	atomic_fetch_add(&wrong, 1);
}

static void cleanup(void *arg)
{
	count((uint64_t)(uintptr_t)arg);
}

/* In circles, also of one: no finalizer is ever called, but cleanups are. */
static __attribute__((noinline)) void dropcircles(void)
{
	for (uintptr_t i = 0; i < N; i++) {
		struct node *a = newnode(i), *b = i % 2 ? newnode(i) : a, *c = newnode(i);
		a->next = b;
		b->next = a;
		gort_set_finalizer(a, never);
		c->next = c;
		gort_add_cleanup(c, cleanup, (void *)i);
	}
}

static int circles(int argc, char **argv)
{
	(void)argc, (void)argv;
	dropcircles();
	collect();
	collect();
	REQUIRE(called() >= MOST);
	return 0;
}

static void revive(void *p)
{
	struct node *n = p;
	n->next = global;
	global = n;
	atomic_fetch_add(&total, 1);
}

static __attribute__((noinline)) void droprevived(void)
{
	for (uint64_t i = 0; i < N; i++)
		gort_set_finalizer(newnode(i), revive);
}

static int revived(int argc, char **argv)
{
	(void)argc, (void)argv;
	int n = 0;
	droprevived();
	collect();
	collect();
	for (struct node *at = global; at; at = at->next, n++) {
		REQUIRE(at->magic == MAGIC && at->id < N);
		gort_set_finalizer(at, finalizer); /* it has none any more */
	}
	REQUIRE(n >= MOST && n == atomic_load(&total));
	while (global) { /* else one would keep the next */
		struct node *next = global->next;
		global->next = NULL;
		global = next;
	}
	collect();
	REQUIRE(called() >= MOST - 4);
	return 0;
}

/* Objects that share 16 bytes are finalized together, when the last of them is dead. */
static char *volatile tinykept;

static void tinyfinalizer(void *p)
{
	if (*(char *)p != 't')
		atomic_fetch_add(&wrong, 1);
	atomic_fetch_add(&total, 1);
}

static __attribute__((noinline)) void droptiny(void)
{
	for (int i = 0; i < 16 * N; i++) {
		char *p = gort_new(char, &gort_noscan);
		*p = 't';
		gort_set_finalizer(p, tinyfinalizer);
		if (i == 8 * N + 3)
			tinykept = p;
	}
}

static int sizes(int argc, char **argv)
{
	(void)argc, (void)argv;
	size_t size;
	droptiny();
	for (uint64_t i = 0; i < 10; i++) {
		struct node *n = gort_malloc(100000 * (i + 1));
		*n = (struct node){.magic = MAGIC, .id = i};
		gort_set_finalizer(n, finalizer);
	}
	collect();
	collect();
	REQUIRE(atomic_load(&wrong) == 0 && atomic_load(&total) >= 16 * (N - 5) + 8);
	REQUIRE(*tinykept == 't' && gort_object(tinykept, &size) && size == 16);
	int before = atomic_load(&total);
	tinykept = NULL;
	collect();
	REQUIRE(atomic_load(&total) - before >= 16);
	return 0;
}

/* The main goroutine waits for nothing but the finalizer's message: that is no deadlock. */
static void tell(void *p)
{
	struct node *n = p;
	chan_send((chan(int))n->next, 7);
}

static __attribute__((noinline)) void dropteller(chan(int) c)
{
	for (int i = 0; i < 10; i++) {
		struct node *n = newnode(0);
		n->next = (struct node *)c;
		gort_set_finalizer(n, tell);
	}
}

static int waited(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) c = make_chan(int, 0);
	dropteller(c);
	wipe();
	for (struct gort_memstats m = {0}; m.num_gc < 3; gort_read_memstats(&m))
		for (int i = 0; i < 40000; i++) /* sweeps as it allocates */
			newnode(1);
	gort_gc();
	REQUIRE(chan_recv(c) == 7);
	return 0;
}

START_TEST(test_finalizers)
{
	expect_code(single_call, 0);
	expect_code(order, 0);
	expect_code(circles, 0);
}
END_TEST

START_TEST(test_lives)
{
	expect_code(revived, 0);
	expect_code(sizes, 0);
	expect_code(waited, 0);
}
END_TEST

/* ---- cleanups ---- */

static void freed(void *arg)
{
	size_t size;
	struct node *n = arg;
	if (n->magic != MAGIC || !gort_object(n, &size))
		atomic_fetch_add(&wrong, 1);
	else
		count(n->id);
}

/* Two of an object, one of them stopped; the argument is kept; inner addresses do. */
static __attribute__((noinline)) void dropclean(void)
{
	for (uint64_t i = 0; i < N; i++) {
		struct node *n = newnode(i);
		gort_add_cleanup(&n->id, freed, newnode(i));
		gort_cleanup_stop(gort_add_cleanup(n, never, NULL));
		gort_cleanup_stop((gort_cleanup){0});
	}
}

static int cleanups(int argc, char **argv)
{
	(void)argc, (void)argv;
	dropclean();
	collect();
	collect();
	REQUIRE(called() >= MOST);
	return 0;
}

static _Atomic int cleaned;

/* With a finalizer: first that, and the cleanup when a later collection frees it. */
static void early(void *arg)
{
	if (calls[(uintptr_t)arg] != 1)
		atomic_fetch_add(&wrong, 1);
	atomic_fetch_add(&cleaned, 1);
}

static __attribute__((noinline)) void dropboth(void)
{
	for (uintptr_t i = 0; i < N; i++) {
		struct node *n = newnode(i);
		gort_add_cleanup(n, early, (void *)i);
		gort_set_finalizer(n, finalizer);
	}
}

static int both(int argc, char **argv)
{
	(void)argc, (void)argv;
	dropboth();
	collect();
	collect();
	collect();
	REQUIRE(called() >= MOST && atomic_load(&cleaned) >= MOST - 4);
	return 0;
}

START_TEST(test_cleanups)
{
	expect_code(cleanups, 0);
	expect_code(both, 0);
}
END_TEST

/* ---- weak pointers ---- */

static __attribute__((noinline)) void makeweak(bool finalizers)
{
	for (uint64_t i = 0; i < N; i++) {
		struct node *n = newnode(i);
		weak[i] = gort_weak_make(n);
		REQUIRE(weak[i].handle == gort_weak_make(n).handle);
		REQUIRE(gort_weak_make(&n->id).handle != weak[i].handle);
		REQUIRE(gort_weak_value(weak[i]) == n);
		REQUIRE(gort_weak_value(gort_weak_make(&n->id)) == &n->id);
		if (finalizers)
			gort_set_finalizer(n, finalizer);
		if (i == 0)
			global = n;
	}
}

static int weakly(bool finalizers)
{
	int dead = 0;
	makeweak(finalizers);
	collect();
	for (int i = 1; i < N; i++)
		dead += gort_weak_value(weak[i]) == NULL;
	REQUIRE(dead >= MOST - 1 && good(gort_weak_value(weak[0]), 0));
	REQUIRE(gort_weak_make(global).handle == weak[0].handle);
	REQUIRE(!gort_weak_make(NULL).handle && !gort_weak_value((gort_weak){0}));
	return dead;
}

static int plainweak(int argc, char **argv)
{
	(void)argc, (void)argv;
	weakly(false);
	return 0;
}

/* NULL when the finalizer is called, which checks it. */
static int finalweak(int argc, char **argv)
{
	(void)argc, (void)argv;
	REQUIRE(weakly(true) <= called() + 1 && calls[0] == 0);
	return 0;
}

START_TEST(test_weak)
{
	expect_code(plainweak, 0);
	expect_code(finalweak, 0);
}
END_TEST

/*
 * While spans are swept by whoever allocates: what a weak pointer gives is an object and stays one,
 * as what is freed is overwritten (clobberfree).
 */
enum { SLOTS = 512, ROUNDS = 60000 };

static void cached(unsigned seed, waitgroup *wg)
{
	gort_weak *w = gort_new_array(gort_weak, SLOTS);
	struct node **strong = gort_new_array(struct node *, 16);
	for (int round = 0; round < ROUNDS; round++) {
		unsigned i = (unsigned)rand_r(&seed) % SLOTS;
		struct node *n = gort_weak_value(w[i]);
		if (!n) {
			n = newnode(i);
			if (i % 8 == 0)
				gort_set_finalizer(n, pass);
			gort_store(&w[i].handle, gort_weak_make(n).handle);
		}
		gort_store(&strong[round % 16], n);
		newnode(i); /* so that there are collections */
		REQUIRE(good(n, i));
		if (round % 64 == 0)
			gort_gosched();
		n = strong[(unsigned)rand_r(&seed) % 16];
		REQUIRE(!n || good(n, n->id));
	}
	wg_done(wg);
}

static int cache(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	struct gort_memstats m = {0};
	gort_set_gc_percent(10);
	for (unsigned i = 0; m.num_gc < 3; i += 4) { /* a collection may take a while beside us */
		wg_add(&wg, 4);
		for (unsigned k = 1; k <= 4; k++)
			go(cached, i + k, &wg);
		wg_wait(&wg);
		gort_read_memstats(&m);
	}
	return 0;
}

START_TEST(test_cache)
{
	expect_code(cache, 0);
	setenv("GORT_DEBUG", "gccheckmark=1,clobberfree=1,preempt=100us", 1);
	expect_code(cache, 0);
	setenv("GORT_GCMODE", "barrier", 1); /* while others mark */
	expect_code(cache, 0);
	struct child *c = run_child(cache, 8);
	ck_assert_msg(c->code == 0, "8 Ps: exit %d: %s", c->code, c->text);
}
END_TEST

/* ---- misuse ---- */

static int outside(int argc, char **argv)
{
	(void)argc;
	gort_set_finalizer(argv, never);
	return 0;
}

static int twice(int argc, char **argv)
{
	(void)argc, (void)argv;
	global = newnode(0);
	gort_set_finalizer(global, never);
	gort_set_finalizer(global, never);
	return 0;
}

static int inner(int argc, char **argv)
{
	(void)argc, (void)argv;
	global = newnode(0);
	gort_set_finalizer(&global->id, never);
	return 0;
}

static int itself(int argc, char **argv)
{
	(void)argc, (void)argv;
	global = newnode(0);
	gort_add_cleanup(global, never, &global->id);
	return 0;
}

static int weakoutside(int argc, char **argv)
{
	(void)argc;
	gort_weak_make(argv);
	return 0;
}

static void refused(mainfn *fn, const char *text)
{
	struct child *c = run_child(fn, 1);
	ck_assert_msg(c->code == 2 && strstr(c->text, text), "exit %d, text: %s", c->code, c->text);
}

START_TEST(test_misuse)
{
	refused(outside, "fatal error: gort_set_finalizer: 0x");
	refused(outside, "does not point into the heap");
	refused(twice, "has a finalizer already");
	refused(inner, "is not the beginning of an object, which is at 0x");
	refused(itself, "gort_add_cleanup: the argument points to the object itself");
	refused(weakoutside, "fatal error: gort_weak_make: 0x");
}
END_TEST

static Suite *test_suite(void)
{
	setenv("GORT_DEBUG", "gccheckmark=1,clobberfree=1", 1);
	return suite_of(&(struct units){"finalizer", .seconds = 120,
		.units = {
			{"finalizers", test_finalizers},
			{"lives", test_lives},
			{"cleanups", test_cleanups},
			{"weak", test_weak},
			{"cache", test_cache},
			{"misuse", test_misuse},
		}});
}

#include "check_main.h"
