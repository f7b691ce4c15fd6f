/* SPDX-License-Identifier: BSD-2-Clause */
/* malloc_test.c - the allocator: size classes, pages, spans, objects and their bits. */
#include "mem/malloc.h"
#include "mem/mheap.h"

#include <pthread.h>

#include "child.h"

/* ---- size classes ---- */

static bool fits(size_t size)
{
	unsigned c = sizeclassof(size);
	size_t room = sizeclasses.size[c];
	return c > 0 && room >= size && sizeclasses.size[c - 1] < size &&
	       (size < 128 || (room - size) * 100 < 16 * room);
}

/* Any size fits its class, and wastes no more than Go's worst class does. */
START_TEST(classes_fit)
{
	ck_assert_uint_eq(sizeclasses.size[NSIZECLASS - 1], MAXSMALLSIZE);
	for (size_t size = 1; size <= MAXSMALLSIZE; size++)
		if (!fits(size))
			ck_abort_msg("size %zu has class %u", size, sizeclassof(size));
}
END_TEST

START_TEST(magic_divides)
{
	for (unsigned c = 1; c < NSIZECLASS; c++)
		for (uint64_t at = 0; at < sizeclasses.npages[c] * PAGESIZE; at++)
			if (at * sizeclasses.magic[c] >> 32 != at / sizeclasses.size[c])
				ck_abort_msg("class %u, offset %lu", c, (unsigned long)at);
}
END_TEST

static FILE *gotable(void)
{
	char root[256] = "", path[512];
	static const char *const places[] = {
		"internal/runtime/gc", "internal/runtime/sys", "runtime"};
	FILE *p = popen("go env GOROOT 2>/dev/null", "r"), *f = NULL;
	if (p && !fgets(root, sizeof(root), p))
		root[0] = '\0';
	if (p)
		pclose(p);
	root[strcspn(root, "\n")] = '\0';
	for (int i = 0; !f && i < 3; i++) {
		snprintf(path, sizeof(path), "%s/src/%s/sizeclasses.go", root, places[i]);
		f = fopen(path, "r");
	}
	return f;
}

START_TEST(classes_are_gos)
{
	char line[256];
	unsigned c, size, bytes, waste, n = 0;
	FILE *f = gotable();
	if (!f)
		return; /* no Go here */
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "// %u %u %u %*u %u", &c, &size, &bytes, &waste) != 4)
			continue;
		ck_assert_uint_lt(c, NSIZECLASS);
		ck_assert_uint_eq(sizeclasses.size[c], size);
		ck_assert_uint_eq(sizeclasses.npages[c] * PAGESIZE, bytes);
		n++;
	}
	fclose(f);
	ck_assert_uint_eq(n, NSIZECLASS - 1);
}
END_TEST

/* ---- pages: random runs against a model of one byte a page ---- */

static struct heapArena arena;
static unsigned char model[PAGESPERARENA];

static uint32_t modelfind(uint32_t n)
{
	uint32_t run = 0;
	for (uint32_t i = 0; i < PAGESPERARENA; i++) {
		run = model[i] ? 0 : run + 1;
		if (run == n)
			return i + 1 - n;
	}
	return PAGESPERARENA;
}

static void takepages(uint32_t n, unsigned char mark)
{
	uint32_t at = pagesalloc(&arena, n), want = modelfind(n);
	if (at != want)
		ck_abort_msg("%u pages: found at %u, not %u", n, at, want);
	if (at == PAGESPERARENA)
		return;
	pagesuse(&arena, at, n);
	memset(model + at, mark, n);
}

/* Frees the run around a page, if it is used. */
static void droppages(uint32_t page)
{
	uint32_t lo = page, hi = page;
	if (!model[page])
		return;
	while (lo > 0 && model[lo - 1] == model[page])
		lo--;
	while (hi + 1 < PAGESPERARENA && model[hi + 1] == model[page])
		hi++;
	pagesfree(&arena, lo, hi + 1 - lo);
	memset(model + lo, 0, hi + 1 - lo);
}

START_TEST(pages_first_fit)
{
	memset(arena.used, 0xff, sizeof(arena.used));
	arena.firstfree = PAGESPERARENA / 64;
	pagesadd(&arena, 0, PAGESPERARENA);
	srand(7);
	for (int i = 0; i < 5000; i++) {
		uint32_t n = 1 + (uint32_t)rand() % (i % 50 ? 90 : 3000);
		if (rand() % 8 < 5)
			takepages(n, (unsigned char)(1 + i % 250));
		else
			droppages((uint32_t)rand() % PAGESPERARENA);
	}
}
END_TEST

START_TEST(pages_clean)
{
	memset(arena.used, 0xff, sizeof(arena.used));
	memset(arena.clean, 0, sizeof(arena.clean));
	pagesadd(&arena, 60, 200);
	ck_assert_uint_eq(pagesalloc(&arena, 200), 60);
	ck_assert_uint_eq(pagesuse(&arena, 60, 70), 70);
	pagesfree(&arena, 60, 70);
	ck_assert_uint_eq(pagesuse(&arena, 100, 100), 70); /* 30 had been used before */
	ck_assert_uint_eq(pagesalloc(&arena, 61), PAGESPERARENA);
	ck_assert_uint_eq(pagesalloc(&arena, 60), 200);
}
END_TEST

/* ---- objects ---- */

enum { NOBJECTS = 20000 };

struct object {
	unsigned char *p;
	size_t size;
};

static void allzero(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		REQUIRE(p[i] == 0);
}

static size_t somesize(unsigned *seed)
{
	unsigned r = (unsigned)rand_r(seed);
	if (r % 100 == 0)
		return 1 + r % 300000;
	return r % 10 == 0 ? 1 + r % 33000 : 1 + r % 300;
}

static struct object someobject(unsigned *seed)
{
	struct object o = {.size = somesize(seed)};
	size_t room;
	o.p = rand_r(seed) % 2 ? gort_malloc(o.size)
			       : gort_new_array(unsigned char, o.size, &gort_noscan);
	allzero(o.p, o.size);
	REQUIRE((uintptr_t)o.p % (o.size % 16 == 0 ? 16 : o.size % 8 == 0 ? 8 : 1) == 0);
	REQUIRE(gort_object(o.p + o.size - 1, &room) <= (void *)o.p);
	REQUIRE(gort_object(o.p + o.size - 1, &room) == gort_object(o.p, &room));
	return o;
}

/* Objects are zero, hold what was written, and overlap nothing. */
static void fill(unsigned seed, waitgroup *wg)
{
	struct object *o = gort_new_array(struct object, NOBJECTS);
	for (unsigned i = 0; i < NOBJECTS; i++) {
		o[i] = someobject(&seed);
		memset(o[i].p, (int)(1 + (seed + i) % 255), o[i].size);
		o[i].p[0] = o[i].p[o[i].size - 1] = (unsigned char)i;
		if (i % 100 == 0)
			gort_gosched();
	}
	for (unsigned i = 0; i < NOBJECTS; i++)
		REQUIRE(o[i].p[0] == (unsigned char)i && o[i].p[o[i].size - 1] == (unsigned char)i);
	wg_done(wg);
}

static int objects(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	wg_add(&wg, 3);
	for (unsigned i = 0; i < 3; i++)
		go(fill, i, &wg);
	wg_wait(&wg);
	return 0;
}

START_TEST(objects_apart)
{
	expect_code(objects, 0);
}
END_TEST

/* Allocates count objects, fills their slots, and returns how many slots were not fresh. */
static long dirty(size_t size, int count, const gort_type *t)
{
	long used = 0;
	for (int i = 0; i < count; i++) {
		unsigned char *p = gort_malloc_array(1, size, t);
		size_t slot;
		REQUIRE(gort_object(p, &slot) == p && slot >= size);
		allzero(p, slot);
		used += spanOf((uintptr_t)p)->needzero;
		memset(p, 0xff, slot);
	}
	return used;
}

/* Slots are cleared as a whole when they are used again: all classes to 1 KiB, all kinds. */
static int recycled(int argc, char **argv)
{
	(void)argc, (void)argv;
	static gort_type t[128];
	long used = 0;
	for (int pass = 0; pass < 3; pass++) {
		for (size_t i = 0; i < 128; i++) {
			t[i] = (gort_type){"t", 8 * (i + 1), 1};
			used += dirty(8 * (i + 1), 20, NULL) + dirty(8 * (i + 1), 20, &t[i]);
			used += i ? dirty(8 * (i + 1), 20, &gort_noscan) : 0;
		}
		gort_gc();
	}
	REQUIRE(used > 10000);
	return 0;
}

START_TEST(zeroed_again)
{
	expect_code(recycled, 0);
}
END_TEST

/* A thread that libgort knows nothing of, and code that runs before the scheduler. */
static void *outside(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	for (int i = 0; i < 2000; i++) {
		struct object o = someobject(&seed);
		memset(o.p, 0xff, o.size);
	}
	return NULL;
}

START_TEST(threads)
{
	pthread_t t[3];
	for (uintptr_t i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, outside, (void *)i), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}
END_TEST

START_TEST(tiny)
{
	char *first = gort_new(char, &gort_noscan);
	uintptr_t block = (uintptr_t)first & ~(uintptr_t)15;
	size_t size;
	for (int i = 1; i < 8; i++) {
		char *next = gort_new(char, &gort_noscan);
		ck_assert_uint_eq((uintptr_t)next & ~(uintptr_t)15, block);
		ck_assert_ptr_eq(gort_object(next, &size), (void *)block);
		ck_assert_uint_eq(size, 16);
	}
	ck_assert_uint_eq((uintptr_t)gort_new(long, &gort_noscan) % 8, 0);
	ck_assert_ptr_ne(gort_new(char *), gort_new(char *));
}
END_TEST

START_TEST(lookup)
{
	size_t size;
	int local;
	char *a = gort_malloc(5000), *big = gort_malloc(3000000), *huge = gort_malloc(150u << 20);
	ck_assert_ptr_eq(gort_object(a + 4999, &size), a);
	ck_assert_uint_eq(size, 5376);
	ck_assert_ptr_eq(gort_object(big + 2999999, &size), big);
	ck_assert_uint_ge(size, 3000000);
	ck_assert_ptr_eq(gort_object(huge + (100 << 20), &size), huge);
	ck_assert_uint_eq(size, 150u << 20);
	allzero((unsigned char *)huge, 150u << 20);
	ck_assert_ptr_null(gort_object(&local, &size));
	ck_assert_ptr_null(gort_object(NULL, &size));
	ck_assert_ptr_null(gort_object((void *)UINTPTR_MAX, &size));
	ck_assert_ptr_null(gort_object(malloc, &size));
	/* The slot behind the newest is free, and the rest of the last page no object. */
	char *b = gort_malloc(32000);
	ck_assert_ptr_null(gort_object(b + 32768, &size));
}
END_TEST

/* A span that is freed serves again, cleared, and is not found in between. */
START_TEST(spans_again)
{
	size_t size;
	struct mspan *s = mheapalloc(7, 0, SPANSCAN, 7 * PAGESIZE);
	uintptr_t at = s->startAddr;
	s->freeindex = 1;
	memset((void *)at, 0xee, 7 * PAGESIZE);
	ck_assert_ptr_eq(gort_object((void *)(at + 9), &size), (void *)at);
	uint64_t used = mheap.pagesused;
	mheapfree(s);
	ck_assert_uint_eq(mheap.pagesused, used - 7);
	ck_assert_ptr_null(gort_object((void *)(at + 9), &size));
	s = mheapalloc(7, 0, SPANSCAN, 7 * PAGESIZE);
	ck_assert_uint_eq(s->startAddr, at);
	ck_assert(s->needzero);
}
END_TEST

/* ---- layouts ---- */

struct inner {
	void *a, *b;
};

struct node {
	struct node *left;
	long key;
	struct inner in[2];
	double weight;
	struct node *right;
};

GORT_TYPE(node_type, struct node, left, right, in);
GORT_TYPE(last_type, struct inner, b);

static bool ispointer(const void *base, size_t word)
{
	struct mspan *s = spanOf((uintptr_t)base);
	uintptr_t at = ((uintptr_t)base - s->startAddr) / 8 + word;
	return s->heapBits[at / 64] >> at % 64 & 1;
}

START_TEST(layout_bits)
{
	ck_assert_uint_eq(node_type.ptrs, 1u | 0x3c | 0x80);
	ck_assert_uint_eq(node_type.size, sizeof(struct node));
	for (int round = 0; round < 500; round++) {
		size_t n = 1 + (size_t)(round * 37 % 90);
		struct node *a = gort_new_array(struct node, n, &node_type);
		struct inner *b = gort_new_array(struct inner, n, &last_type);
		size_t size;
		unsigned wrong = 0;
		for (size_t i = 0; i < n * 8; i++)
			wrong += ispointer(a, i) != (node_type.ptrs >> i % 8 & 1);
		ck_assert_ptr_eq(gort_object(a, &size), a);
		for (size_t i = n * 8; i < size / 8; i++)
			wrong += ispointer(a, i);
		for (size_t i = 0; i < n * 2; i++)
			wrong += ispointer(b, i) != i % 2;
		ck_assert_uint_eq(wrong, 0);
	}
	struct node *large = gort_new_array(struct node, 10000, &node_type);
	ck_assert_ptr_eq(spanOf((uintptr_t)large)->largetype, &node_type);
}
END_TEST

static int wrongtype(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_malloc_array(1, 8, &node_type);
	return 0;
}

static int toolarge(int argc, char **argv)
{
	(void)argc, (void)argv;
	volatile size_t n = SIZE_MAX / 2;
	gort_malloc_array(n, 4, NULL);
	return 0;
}

START_TEST(misuse)
{
	expect_fatal(wrongtype, "fatal error: malloc: object of 8 bytes of the type struct node, "
				"which has 64");
	expect_fatal(toolarge, "fatal error: malloc: 9223372036854775807 objects of 4 bytes are "
			       "too large");
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("malloc");
	const struct {
		const char *name;
		const TTest *tests[3];
	} cases[] = {
		{"classes", {classes_fit, magic_divides, classes_are_gos}},
		{"pages", {pages_first_fit, pages_clean, NULL}},
		{"objects", {objects_apart, threads, tiny}},
		{"spans", {lookup, spans_again, zeroed_again}},
		{"layout", {layout_bits, misuse, NULL}},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		TCase *tc = tcase_create(cases[i].name);
		tcase_set_timeout(tc, 100);
		for (int k = 0; k < 3 && cases[i].tests[k]; k++)
			tcase_add_test(tc, cases[i].tests[k]);
		suite_add_tcase(s, tc);
	}
	return s;
}

#include "check_main.h"
