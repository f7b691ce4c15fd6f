/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_gortheap.c - heap and collector of a made-up program on libgort: two arenas with four spans,
 * one P, whole and damaged. With GOIMAGE_WRITE=DIR the case `seed` writes the image as a seed of
 * fuzz_gortread instead of comparing.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "probes/gortheap.h"
#include "seedfile.h"

Suite *test_suite(void);

#include "check_main.h"

#define BASE   0x400000u
#define AT(x)  (BASE + offsetof(struct image, x))
#define PAGE   0x2000u
#define ARENA  0x10000000u
#define NPAGES 8
#define NSPANS 4

struct fake_span {
	uint64_t start, elemsize, npages, type;
	uint32_t nelems, count, before;
	uint8_t class, kind, state;
};

struct fake_arena {
	uint64_t base, mapped, spans[NPAGES];
};

static struct image {
	struct gort_abi abi;
	struct gort_abi_entry entries[64];
	uint64_t all, narena, used, mapped, clean;
	uint64_t list[2], allp, p, ngs, gs;
	struct fake_arena arena[2];
	struct fake_span span[NSPANS];
	struct {
		uint64_t alloc[4], nsmall[4], tiny, nlarge, largebytes;
	} cache;
	uint16_t sizes[2];
	uint32_t percent, cycles, forced, gomaxprocs;
	uint64_t marked, live, trigger, goal, limit, limitgoal, paused, last;
	uint64_t type;
	char name[16];
} im;

static struct gortread r;

static void readv_image(void *ctx, struct tmem_read_at *reads, size_t n)
{
	(void)ctx;
	for (size_t i = 0; i < n; i++) {
		uint64_t off = reads[i].at.v - BASE;
		reads[i].ok = off <= sizeof im && reads[i].len <= sizeof im - off;
		if (reads[i].ok)
			memcpy(reads[i].buf, (char *)&im + off, reads[i].len);
	}
}

static const struct tmem mem = {.readv = readv_image};

static void publish(const char *name, enum gort_abi_what what, size_t size, uint64_t value)
{
	struct gort_abi_entry *e = &im.entries[im.abi.nentries++];
	*e = (struct gort_abi_entry){.what = what, .size = (uint32_t)size, .value = value};
	strncpy(e->name, name, sizeof e->name - 1);
}

#define MEMBER(name, type, m) \
	publish(name, GORT_ABI_OFFSET, sizeof((type *)0)->m, offsetof(type, m))
#define VARIABLE(name, m) publish(name, GORT_ABI_ADDR, sizeof im.m, AT(m))
/* Of struct mheap, which begins at `all`. */
#define HEAP(name, m) publish(name, GORT_ABI_OFFSET, 8, AT(m) - AT(all))

/* What a reader cannot do without; no goroutine is there. */
static void publish_required(void)
{
	static const char *const words[] = {"g.atomicstatus", "g.goid", "g.sched.sp", "g.stack.lo",
		"g.stack.hi", "switch.frame.r12", "switch.frame.r13", "switch.frame.r14",
		"switch.frame.r15", "switch.frame.rbp", "switch.frame.rbx", "switch.frame.pc"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		publish(words[i], GORT_ABI_OFFSET, 8, i < 5 ? i * 8 : (i - 5) * 8);
	publish("switch.frame.size", GORT_ABI_CONST, 8, 64);
	VARIABLE("allglen", ngs);
	VARIABLE("allgptr", gs);
}

static void publish_heap(void)
{
	typedef __typeof__(im.cache) fake_cache;
	publish("mheap", GORT_ABI_ADDR, 40, AT(all));
	HEAP("mheap.all", all);
	HEAP("mheap.narena", narena);
	HEAP("mheap.pagesused", used);
	HEAP("mheap.pagesmapped", mapped);
	HEAP("mheap.pagesclean", clean);
	publish("pagesize", GORT_ABI_CONST, 8, PAGE);
	publish("pagesPerArena", GORT_ABI_CONST, 8, NPAGES);
	MEMBER("heapArena.base", struct fake_arena, base);
	MEMBER("heapArena.mapped", struct fake_arena, mapped);
	MEMBER("heapArena.spans", struct fake_arena, spans);
	MEMBER("mspan.startAddr", struct fake_span, start);
	MEMBER("mspan.npages", struct fake_span, npages);
	MEMBER("mspan.nelems", struct fake_span, nelems);
	MEMBER("mspan.elemsize", struct fake_span, elemsize);
	MEMBER("mspan.allocCount", struct fake_span, count);
	MEMBER("mspan.allocCountBefore", struct fake_span, before);
	MEMBER("mspan.sizeclass", struct fake_span, class);
	MEMBER("mspan.kind", struct fake_span, kind);
	MEMBER("mspan.state", struct fake_span, state);
	MEMBER("mspan.largetype", struct fake_span, type);
	publish("mspan.size", GORT_ABI_SIZE, 8, sizeof(struct fake_span));
	publish("gort_type.name", GORT_ABI_OFFSET, 8, 0);
	MEMBER("p.mcache.alloc", fake_cache, alloc);
	MEMBER("p.mcache.nsmall", fake_cache, nsmall);
	MEMBER("p.mcache.tinyallocs", fake_cache, tiny);
	MEMBER("p.mcache.nlarge", fake_cache, nlarge);
	MEMBER("p.mcache.largebytes", fake_cache, largebytes);
}

static void publish_figures(void)
{
	VARIABLE("allp", allp);
	VARIABLE("gomaxprocs", gomaxprocs);
	VARIABLE("class_to_size", sizes);
	VARIABLE("gcController.gcPercent", percent);
	VARIABLE("gcController.heapMarked", marked);
	VARIABLE("gcController.heapLive", live);
	VARIABLE("gcController.trigger", trigger);
	VARIABLE("gcController.heapGoal", goal);
	VARIABLE("gcController.memoryLimit", limit);
	VARIABLE("gcController.limitGoal", limitgoal);
	VARIABLE("memstats.numgc", cycles);
	VARIABLE("memstats.numforcedgc", forced);
	VARIABLE("memstats.pause_total_ns", paused);
	VARIABLE("memstats.last_gc_nanotime", last);
}

/* Span i lies at page i of arena i / 2. */
static void add_span(unsigned i, struct fake_span s)
{
	s.start = im.arena[i / 2].base + PAGE * i;
	s.state = 1;
	im.span[i] = s;
	for (uint64_t p = 0; p < s.npages; p++)
		im.arena[i / 2].spans[i + p] = AT(span) + sizeof s * i;
}

static void fill(void)
{
	im.all = AT(list);
	im.narena = 2;
	im.used = 6;
	im.mapped = 16;
	im.clean = 4;
	for (unsigned i = 0; i < 2; i++) {
		im.list[i] = AT(arena) + sizeof im.arena[0] * i;
		im.arena[i] = (struct fake_arena){ARENA * (uint64_t)(i + 1), NPAGES, {0}};
	}
	add_span(0, (struct fake_span){64, 64, 1, 0, 128, 100, 90, 1, 0, 0});
	add_span(1, (struct fake_span){64, 64, 1, 0, 128, 28, 28, 1, 1, 0});
	add_span(2, (struct fake_span){64, 64, 1, 0, 128, 50, 50, 1, 0, 0});
	add_span(3, (struct fake_span){0, 3 * PAGE, 3, AT(type), 1, 1, 0, 0, 2, 0});
	strcpy(im.name, "shop\033.cart");
	im.type = AT(name);
	im.allp = AT(p);
	im.p = AT(cache);
	im.gomaxprocs = 1;
	im.sizes[1] = 64;
	im.cache.alloc[1] = AT(span);
	im.cache.nsmall[1] = 200;
	im.cache.tiny = 5;
	im.cache.nlarge = 1;
	im.cache.largebytes = 3 * PAGE;
	im.percent = 100;
	im.cycles = 7;
	im.forced = 2;
	im.marked = 1000;
	im.live = 2000;
	im.trigger = im.goal = 4000;
	im.limit = 64 << 20;
	im.limitgoal = 60 << 20;
	im.paused = 555;
}

static void setup(void)
{
	memset(&im, 0, sizeof im);
	im.abi = (struct gort_abi){.version = GORT_ABI_VERSION,
		.size = sizeof im.abi,
		.entry_size = sizeof im.entries[0],
		.entries = (void *)(uintptr_t)AT(entries)};
	memcpy(im.abi.magic, GORT_ABI_MAGIC, sizeof im.abi.magic);
	publish_required();
	publish_heap();
	publish_figures();
	fill();
}

static void open_image(void)
{
	static struct target nobody;
	static struct modules *none;
	struct gortabi abi;
	const char *missing = NULL;
	if (!none) {
		target_init(&nobody, 1, "/nonexistent");
		none = modules_open(&nobody);
	}
	ck_assert_int_eq(gortabi_read(&mem, (taddr){BASE}, &abi), 0);
	ck_assert_msg(gortread_open(&r, &mem, none, &abi, &missing) == 0, "%s", missing);
}

static void read_gc(struct gsnap_gc *gc)
{
	struct gsnap s;
	open_image();
	gsnap_init(&s, GSNAP_GORT);
	gortheap_gc(&r, &s.gc);
	*gc = s.gc;
	gsnap_free(&s);
	gortread_close(&r);
}

START_TEST(figures)
{
	struct gsnap_gc gc;
	read_gc(&gc);
	ck_assert_int_eq(gc.gc_percent, 100);
	ck_assert_int_eq(gc.marked, 1000);
	ck_assert_int_eq(gc.live, 2000);
	ck_assert_int_eq(gc.goal, 4000);
	ck_assert_int_eq(gc.cycles, 7);
	ck_assert_int_eq(gc.forced, 2);
	ck_assert_int_eq(gc.pause_total_ns, 555);
	ck_assert(gc.last == GSNAP_UNKNOWN); /* 0: there is none yet */
	ck_assert_int_eq(gc.objects, 100 + 28 + 50 + 1);
	ck_assert_int_eq(gc.object_bytes, 178 * 64 + 3 * PAGE);
	ck_assert_int_eq(gc.unused_bytes, 6 * PAGE - gc.object_bytes);
	ck_assert_int_eq(gc.mapped, 12 * PAGE);
	ck_assert_int_eq(gc.released_bytes, 4 * PAGE);
	ck_assert_int_eq(gc.free_bytes, 6 * PAGE);
	ck_assert_int_eq(gc.allocs, 5 + 1 + 200 + 10);
	ck_assert_int_eq(gc.alloc_bytes, 210 * 64 + 3 * PAGE);
	ck_assert_int_eq(gc.mem_limit, 64 << 20);
	ck_assert_int_eq(gc.limit_goal, 60 << 20);
	ck_assert(gc.cpu_gc == GSNAP_UNKNOWN);
}
END_TEST

START_TEST(collector_off)
{
	struct gsnap_gc gc;
	im.percent = (uint32_t)-100;
	im.goal = im.trigger = UINT64_MAX;
	read_gc(&gc);
	ck_assert_int_eq(gc.gc_percent, -1);
	ck_assert_int_eq(gc.goal, INT64_MAX);
}
END_TEST

/* A libgort from before the collector. */
START_TEST(not_published)
{
	struct gsnap_gc gc;
	for (uint32_t i = 0; i < im.abi.nentries; i++)
		if (!strncmp(im.entries[i].name, "mspan.", 6) ||
			!strncmp(im.entries[i].name, "memstats.", 9))
			im.entries[i].name[0] = 'x';
	read_gc(&gc);
	ck_assert(gc.cycles == GSNAP_UNKNOWN && gc.objects == GSNAP_UNKNOWN);
	ck_assert(gc.allocs == GSNAP_UNKNOWN && gc.marked == 1000);
}
END_TEST

/* Spans that are in no state to be believed count nothing; a list that is none ends. */
START_TEST(damaged)
{
	struct gsnap_gc gc;
	im.span[0].count = 129;
	im.span[1].nelems = UINT32_MAX;
	im.span[2].start += PAGE;
	im.span[3].state = 0;
	read_gc(&gc);
	ck_assert_int_eq(gc.objects, 0);
	setup();
	im.list[1] = im.list[0];
	read_gc(&gc);
	ck_assert(gc.objects == GSNAP_UNKNOWN);
	setup();
	im.narena = UINT64_MAX;
	read_gc(&gc);
	ck_assert(gc.objects == GSNAP_UNKNOWN);
}
END_TEST

START_TEST(seed)
{
	seedfile_check("gortread/heap", (const uint8_t *)&im, sizeof im);
}
END_TEST

Suite *test_suite(void)
{
	Suite *s = suite_create("gortheap");
	TCase *tc = tcase_create("heap");
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, figures);
	tcase_add_test(tc, collector_off);
	tcase_add_test(tc, not_published);
	tcase_add_test(tc, damaged);
	tcase_add_test(tc, seed);
	suite_add_tcase(s, tc);
	return s;
}
