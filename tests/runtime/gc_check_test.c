/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gc_check_test.c - what a program did not tell the collector: GORT_DEBUG=gcmalloccheck=1 and
 * gcbarriercheck=1 name what is planted, and nothing else; GORT_GCROOTS=all keeps it; roots that
 * take no telling.
 */
#include "mem/mgc.h"

#include <dlfcn.h>
#include <pthread.h>

#include "child.h"
#include "suite.h"

#define APART __attribute__((noinline))

struct node {
	uint64_t magic;
	struct node *next;
	uint64_t rest[30];
};

#define MAGIC 0x600dc0de600dc0de

/* An address that no collector finds. */
#define HIDE(p) (~(uintptr_t)(p))

static APART struct node *newnode(void)
{
	struct node *n = gort_new(struct node);
	n->magic = MAGIC;
	return n;
}

static APART void wipe(void)
{
	volatile char space[16384];
	for (size_t i = 0; i < sizeof(space); i++)
		space[i] = 0;
	__asm__ volatile("" : : "r"(&space) : "rbx", "r12", "r13", "r14", "r15", "memory");
}

static APART bool exists(uintptr_t hidden)
{
	size_t size;
	return gort_object((void *)~hidden, &size) && ((struct node *)~hidden)->magic == MAGIC;
}

static APART void report(uintptr_t hidden)
{
	dprintf(1, "planted %#lx\n", ~hidden);
}

static void expect_report(mainfn *fn, const char *check)
{
	char expected[160], *said;
	for (int procs = 1; procs <= 2; procs++) {
		struct child *c = run_child(fn, procs);
		ck_assert_msg(c->code == 0, "exit %d: %s", c->code, c->text);
		said = strstr(c->text, "planted ");
		ck_assert_msg(said, "%s", c->text);
		snprintf(expected, sizeof(expected), "%s at %.*s of", check,
			(int)strcspn(said + 8, "\n"), said + 8);
		ck_assert_msg(strstr(c->text, expected), "no '%s' in: %s", expected, c->text);
	}
}

static void expect_silence(mainfn *fn)
{
	for (int procs = 1; procs <= 2; procs++) {
		struct child *c = run_child(fn, procs);
		ck_assert_msg(
			c->code == 0 && !strstr(c->text, "gort:"), "exit %d: %s", c->code, c->text);
	}
}

/* ---- memory of malloc ---- */

enum { NPLANT = 8 };
static struct node **cell; /* inverted */
static uintptr_t planted[NPLANT];

static APART void plant(void)
{
	struct node **p = malloc(NPLANT * sizeof(*p));
	newnode();
	for (int i = 0; i < NPLANT; i++) {
		p[i] = newnode();
		planted[i] = HIDE(p[i]);
	}
	cell = (struct node **)HIDE(p);
}

static bool allexist(void)
{
	int n = 0;
	while (n < NPLANT && exists(planted[n]))
		n++;
	return n == NPLANT;
}

static int inmalloc(int argc, char **argv)
{
	(void)argc, (void)argv;
	int n = 0;
	plant();
	wipe();
	gort_gc();
	while (n < NPLANT && exists(planted[n]))
		n++;
	REQUIRE(n < NPLANT); /* a word that looks like a pointer may keep one */
	report(planted[n]);
	return 0;
}

static int toldinmalloc(int argc, char **argv)
{
	(void)argc, (void)argv;
	plant();
	gort_root_add((void *)~(uintptr_t)cell, NPLANT * sizeof(*cell));
	wipe();
	gort_gc();
	REQUIRE(allexist());
	return 0;
}

static int keptinmalloc(int argc, char **argv)
{
	(void)argc, (void)argv;
	plant();
	for (int i = 0; i < 3; i++) {
		wipe();
		gort_gc();
		for (int k = 0; k < 1000; k++)
			newnode();
		REQUIRE(allexist());
	}
	return 0;
}

static const char *const modes[] = {"stw", "barrier", "kernel"};
#define NMODES (sizeof(modes) / sizeof(*modes))

START_TEST(test_malloc)
{
	for (size_t i = 0; i < NMODES; i++) {
		setenv("GORT_GCMODE", modes[i], 1);
		setenv("GORT_DEBUG", "gcmalloccheck=1,clobberfree=1", 1);
		expect_report(inmalloc, "gcmalloccheck: the object");
		expect_silence(toldinmalloc);
		setenv("GORT_GCROOTS", "all", 1);
		expect_silence(keptinmalloc);
		unsetenv("GORT_GCROOTS");
	}
}
END_TEST

/* ---- stores without a barrier ---- */

static struct node *list;
static _Atomic bool over;
static _Atomic unsigned rounds;

/* Cycles under way until some store came between the pauses. */
static APART void overwrite(bool barrier)
{
	for (; !atomic_load(&over); atomic_fetch_add(&rounds, 1))
		for (struct node *n = list; n; n = n->next) {
			struct node **slot = (struct node **)&n->rest[3], *new = newnode();
			if (barrier)
				gort_store(slot, new);
			else
				*(struct node *volatile *)slot = new;
		}
}

static void collect(waitgroup *wg)
{
	for (int i = 0; i < 20; i++) {
		for (unsigned seen = atomic_load(&rounds); atomic_load(&rounds) == seen;)
			gort_gosched();
		gort_gc();
	}
	atomic_store(&over, true);
	wg_done(wg);
}

/* What the check says of so few in all cycles fits into the pipe, which nobody reads meanwhile. */
enum { STORED = 15 };

static int storing(bool barrier)
{
	waitgroup wg = {0};
	for (int i = 0; i < STORED; i++) {
		struct node *n = newnode();
		gort_store(&n->next, list);
		gort_store(&list, n);
		gort_store((struct node **)&n->rest[3], newnode());
	}
	wg_add(&wg, 1);
	go(collect, &wg);
	overwrite(barrier);
	wg_wait(&wg);
	return 0;
}

static int plainstores(int argc, char **argv)
{
	(void)argc, (void)argv;
	return storing(false);
}

static int toldstores(int argc, char **argv)
{
	(void)argc, (void)argv;
	return storing(true);
}

START_TEST(test_barrier)
{
	setenv("GORT_GCMODE", "barrier", 1);
	setenv("GORT_DEBUG", "gcbarriercheck=1", 1);
	struct child *c = run_child(plainstores, 2);
	const char *said = strstr(c->text, "gcbarriercheck: a store without a barrier");
	ck_assert_msg(c->code == 0 && said && strstr(said, ": word 5 of the object"), "exit %d: %s",
		c->code, c->text);
	expect_silence(toldstores);
}
END_TEST

/* ---- roots that take no telling ---- */

static void *library;

static APART uintptr_t plantinlibrary(const char *name)
{
	struct node **(*variable)(void) = (struct node * *(*)(void)) dlsym(library, name);
	REQUIRE(variable);
	*variable() = newnode();
	return HIDE(*variable());
}

/* In a variable of a library that was loaded after a collection, and thrice more. */
static void heldby(const char *variable)
{
	gort_lock_os_thread();
	for (int i = 0; i < 4; i++) {
		gort_gc();
		library = dlopen(LIBRARY, RTLD_NOW);
		REQUIRE(library);
		uintptr_t held = plantinlibrary(variable);
		for (int j = 0; j < 3; j++) {
			wipe();
			gort_gc();
			REQUIRE(exists(held));
		}
		REQUIRE(dlclose(library) == 0);
	}
}

static int dlopened(int argc, char **argv)
{
	(void)argc, (void)argv;
	heldby("variable");
	heldby("threadlocal");
	return 0;
}

static _Atomic int turn;
static _Atomic uintptr_t theirs;

static void *foreign(void *arg)
{
	(void)arg;
	struct node *volatile mine = newnode();
	atomic_store(&theirs, HIDE(mine));
	wipe();
	atomic_store(&turn, 1);
	while (atomic_load(&turn) == 1)
		usleep(1000);
	REQUIRE(mine->magic == MAGIC);
	mine = NULL;
	return NULL;
}

/* On the stack of a thread that libgort has not made. */
static int onforeignstack(int argc, char **argv)
{
	(void)argc, (void)argv;
	pthread_t t;
	REQUIRE(pthread_create(&t, NULL, foreign, NULL) == 0);
	while (atomic_load(&turn) != 1)
		gort_sleep(ms);
	for (int i = 0; i < 3; i++) {
		wipe();
		gort_gc();
		REQUIRE(exists(atomic_load(&theirs)));
	}
	atomic_store(&turn, 2);
	pthread_join(t, NULL);
	return 0;
}

START_TEST(test_roots)
{
	setenv("GORT_DEBUG", "clobberfree=1", 1);
	for (size_t i = 0; i < NMODES; i++) {
		setenv("GORT_GCMODE", modes[i], 1);
		expect_code(dlopened, 0);
		expect_code(onforeignstack, 0);
	}
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"gc_check", .seconds = 120,
		.units = {
			{"malloc", test_malloc},
			{"barrier", test_barrier},
			{"roots", test_roots},
		}});
}

#include "check_main.h"
