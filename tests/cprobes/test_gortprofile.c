/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_gortprofile.c - profiles read from an image of a program on libgort, whose buckets lie as no
 * libgort lays them out. The image can change while it is read, and be damaged.
 */
#include <check.h>
#include <errno.h>
#include <string.h>
#include "probes/gortprofile.h"
#include "seedfile.h"

Suite *test_suite(void);

#include "check_main.h"

#define BASE   0x400000u
#define AT(x)  (BASE + offsetof(struct image, x))
#define TEXT   0x7000u /* libgort's code, to 0x8000 */
#define USERPC 0x9000u

enum { NBUCKETS = 3, DEEP = 35 };

struct fake_bucket {
	uint32_t npcs, pad;
	uint64_t future[4][2], size, all, active[2];
	int64_t delay;
	double count;
	uint64_t pcs[40];
};

static struct image {
	struct gort_abi abi;
	struct gort_abi_entry entries[40];
	struct fake_bucket b[NBUCKETS];
	struct fake_bucket c[NBUCKETS];
	uint64_t first, blocks, mutexes, allglen, allgptr;
	int64_t blockrate, mutexrate;
	uint32_t cycle, rate;
	uint8_t flushed;
} im;

static unsigned looks, changes; /* how often the cycle was read; the first ones meet a change */
static struct target nobody;
static struct modules *none;
static struct gortread r;
static struct gsnap snap;

static void readv_image(void *ctx, struct tmem_read_at *reads, size_t n)
{
	(void)ctx;
	for (size_t i = 0; i < n; i++) {
		uint64_t at = reads[i].at.v - BASE;
		reads[i].ok = at <= sizeof im && reads[i].len <= sizeof im - at;
		if (reads[i].ok)
			memcpy(reads[i].buf, (char *)&im + at, reads[i].len);
		if (reads[i].at.v == AT(cycle) && looks++ < changes)
			im.b[0].active[0]++;
		if (reads[i].at.v == AT(c[1].delay) && looks++ < changes)
			im.c[0].delay++;
	}
}

static void publish(const char *name, uint32_t what, size_t size, uint64_t value)
{
	struct gort_abi_entry *e = &im.entries[im.abi.nentries++];
	*e = (struct gort_abi_entry){.what = what, .size = (uint32_t)size, .value = value};
	memcpy(e->name, name, strlen(name) + 1);
}

#define MEMBER(name, m)                                                    \
	publish(name, GORT_ABI_OFFSET, sizeof((struct fake_bucket *)0)->m, \
		offsetof(struct fake_bucket, m))
#define VARIABLE(name, m) publish(name, GORT_ABI_ADDR, sizeof im.m, AT(m))

/* What a reader asks for before anything else. */
static void publish_goroutines(void)
{
	static const char *const words[] = {"g.atomicstatus", "g.goid", "g.sched.sp", "g.stack.lo",
		"g.stack.hi", "switch.frame.pc", "switch.frame.rbp", "switch.frame.rbx",
		"switch.frame.r12", "switch.frame.r13", "switch.frame.r14", "switch.frame.r15"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		publish(words[i], GORT_ABI_OFFSET, 8, i * 8);
	publish("switch.frame.size", GORT_ABI_CONST, 8, 12 * 8);
	VARIABLE("allglen", allglen);
	VARIABLE("allgptr", allgptr);
}

static void publish_profile(void)
{
	MEMBER("bucket.all", all);
	MEMBER("bucket.size", size);
	MEMBER("bucket.npcs", npcs);
	MEMBER("bucket.active", active);
	MEMBER("bucket.future", future);
	MEMBER("bucket.count", count);
	MEMBER("bucket.delay", delay);
	publish("bucket.pcs", GORT_ABI_OFFSET, 8, offsetof(struct fake_bucket, pcs));
	VARIABLE("mbuckets", first);
	VARIABLE("bbuckets", blocks);
	VARIABLE("xbuckets", mutexes);
	VARIABLE("blockprofilerate", blockrate);
	VARIABLE("mutexprofilerate", mutexrate);
	VARIABLE("mProfCycle", cycle);
	VARIABLE("mProfCycle.flushed", flushed);
	VARIABLE("MemProfileRate", rate);
	publish("text", GORT_ABI_ADDR, 1, TEXT);
	publish("etext", GORT_ABI_ADDR, 1, TEXT + 0x1000);
}

/* The first two are of blocking, the last is of mutexes. */
static void fill_contentions(void)
{
	im.blocks = AT(c[0]);
	im.mutexes = AT(c[2]);
	im.blockrate = 1000;
	im.mutexrate = 5;
	for (unsigned i = 0; i < NBUCKETS; i++)
		im.c[i] = (struct fake_bucket){.npcs = 4,
			.count = 2.75 + i,
			.delay = 1000 + i,
			.pcs = {TEXT + 1, TEXT + 2 + i, USERPC + i, USERPC + 0x100}};
	im.c[0].all = AT(c[1]);
}

/* A call of libgort's, then two of the program's; the same, deep; nothing but libgort's. */
static void fill(void)
{
	im.first = AT(b[0]);
	im.cycle = 6; /* modulo 4: the third of the future records */
	im.rate = 4096;
	im.flushed = 1;
	for (unsigned i = 0; i < NBUCKETS; i++) {
		struct fake_bucket *b = &im.b[i];
		*b = (struct fake_bucket){.npcs = 3,
			.future = {{100, 100}, {200, 200}, {1000, 500}, {300, 300}},
			.size = 16u << i,
			.all = i + 1 < NBUCKETS ? AT(b[0]) + (i + 1) * sizeof *b : 0,
			.active = {10 + i, i},
			.pcs = {TEXT + 1, USERPC + i, USERPC + 0x100}};
	}
	im.b[1].npcs = DEEP;
	for (unsigned i = 2; i < DEEP; i++)
		im.b[1].pcs[i] = USERPC + 0x1000 + i;
	im.b[2].pcs[1] = TEXT + 2;
	im.b[2].pcs[2] = TEXT + 0x1000; /* returns to where its code ends */
	fill_contentions();
}

static void setup(void)
{
	memset(&im, 0, sizeof im);
	im.abi = (struct gort_abi){.version = GORT_ABI_VERSION,
		.size = sizeof im.abi,
		.entry_size = sizeof im.entries[0],
		.entries = (void *)(uintptr_t)AT(entries)};
	memcpy(im.abi.magic, GORT_ABI_MAGIC, sizeof im.abi.magic);
	publish_goroutines();
	publish_profile();
	fill();
	looks = changes = 0;
	target_init(&nobody, 1, "/nonexistent");
	none = modules_open(&nobody);
	ck_assert_ptr_nonnull(none);
}

static void teardown(void)
{
	gsnap_free(&snap);
	gortread_close(&r);
	modules_close(none);
}

static int read_profile(enum probe_profile_kind kind)
{
	static const struct tmem mem = {.readv = readv_image};
	struct gortabi abi;
	const char *missing;
	ck_assert_int_eq(gortabi_read(&mem, (taddr){AT(abi)}, &abi), 0);
	ck_assert_int_eq(gortread_open(&r, &mem, none, &abi, &missing), 0);
	gsnap_init(&snap, GSNAP_GORT);
	return gortprofile_read(&r, kind, &snap);
}

static void expect(unsigned i, int64_t count, int64_t freed)
{
	ck_assert_int_eq(snap.samples[i].count, count);
	ck_assert_int_eq(snap.samples[i].freed, freed);
	ck_assert_int_eq(snap.samples[i].size, 16 << i);
}

static void expect_stack(uint32_t stack, unsigned n, uint64_t leaf)
{
	ck_assert_uint_eq(snap.stacks[stack].nlocs, n);
	ck_assert_uint_eq(snap.locs[snap.stack_locs[snap.stacks[stack].loc]].pc, leaf);
}

START_TEST(buckets_and_their_stacks)
{
	ck_assert_int_eq(read_profile(PROBE_PROFILE_HEAP), 0);
	ck_assert_uint_eq(snap.nsamples, NBUCKETS);
	ck_assert_int_eq(snap.sample_rate, 4096);
	for (unsigned i = 0; i < NBUCKETS; i++)
		expect(i, 10 + i, i);
	expect_stack(snap.samples[0].stack, 3, TEXT + 1);
	expect_stack(snap.samples[0].visible, 2, USERPC);
	expect_stack(snap.samples[1].stack, DEEP, TEXT + 1);
	expect_stack(snap.samples[1].visible, DEEP - 1, USERPC + 1);
	expect_stack(snap.samples[2].visible, 1, TEXT + 0x1000);
	const struct gsnap_stack *k = &snap.stacks[snap.samples[1].stack];
	for (unsigned i = 2; i < DEEP; i++)
		ck_assert_uint_eq(snap.locs[snap.stack_locs[k->loc + i]].pc, USERPC + 0x1000 + i);
}
END_TEST

START_TEST(what_was_swept_but_not_added)
{
	im.flushed = 0;
	im.b[1] = (struct fake_bucket){.npcs = 1, .size = 32, .all = im.b[1].all, .pcs = {USERPC}};
	ck_assert_int_eq(read_profile(PROBE_PROFILE_HEAP), 0);
	ck_assert_uint_eq(snap.nsamples, 2); /* one was never counted */
	ck_assert_int_eq(snap.samples[0].count, 1010);
	ck_assert_int_eq(snap.samples[0].freed, 500);
	ck_assert_int_eq(snap.samples[1].count, 1012);
}
END_TEST

START_TEST(changes_meanwhile_are_read_again)
{
	changes = 5; /* the third try is the first that meets none */
	ck_assert_int_eq(read_profile(PROBE_PROFILE_HEAP), 0);
	expect(0, 15, 0);
	ck_assert_uint_eq(looks, 6);
}
END_TEST

/* The leaf is the call that the program made; a part of an event does not show. */
START_TEST(waits_and_what_made_them)
{
	ck_assert_int_eq(read_profile(PROBE_PROFILE_BLOCK), 0);
	ck_assert_uint_eq(snap.nsamples, 2);
	ck_assert_int_eq(snap.sample_rate, 1000);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(snap.samples[i].count, 2 + i);
		ck_assert_int_eq(snap.samples[i].delay_ns, 1000 + i);
		ck_assert_int_eq(snap.samples[i].size, 0);
		expect_stack(snap.samples[i].visible, 3, TEXT + 2 + i);
		ck_assert_uint_eq(snap.samples[i].stack, snap.samples[i].visible);
	}
	teardown();
	setup();
	ck_assert_int_eq(read_profile(PROBE_PROFILE_MUTEX), 0);
	ck_assert_uint_eq(snap.nsamples, 1);
	ck_assert_int_eq(snap.sample_rate, 5);
	ck_assert_int_eq(snap.samples[0].count, 4);
}
END_TEST

START_TEST(waits_meanwhile_are_read_again)
{
	changes = 5;
	ck_assert_int_eq(read_profile(PROBE_PROFILE_BLOCK), 0);
	ck_assert_int_eq(snap.samples[0].delay_ns, 1005);
	ck_assert_uint_eq(looks, 8); /* the fourth try is the first that meets none */
}
END_TEST

START_TEST(no_waits)
{
	im.blocks = 0;
	im.blockrate = 0;
	ck_assert_int_eq(read_profile(PROBE_PROFILE_BLOCK), 0);
	ck_assert_uint_eq(snap.nsamples, 0);
	ck_assert_int_eq(snap.sample_rate, 0);
}
END_TEST

START_TEST(damaged_waits)
{
	static const double counts[] = {-1, 1e300, __builtin_nan("")};
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		im.c[2].count = counts[i];
		ck_assert_int_eq(read_profile(PROBE_PROFILE_MUTEX), 0);
		ck_assert_int_eq(snap.samples[0].count, 0);
		teardown();
		setup();
	}
	im.c[2].size = 8; /* a bucket of the heap's */
	ck_assert_int_eq(read_profile(PROBE_PROFILE_MUTEX), -EPROTO);
	teardown();
	setup();
	im.c[2].all = AT(c[2]);
	ck_assert_int_eq(read_profile(PROBE_PROFILE_MUTEX), -EPROTO);
}
END_TEST

START_TEST(damaged_lists_end)
{
	im.b[1].npcs = UINT32_MAX;
	ck_assert_int_eq(read_profile(PROBE_PROFILE_HEAP), -EPROTO);
	teardown();
	setup();
	im.b[2].all = AT(b[0]); /* a circle */
	ck_assert_int_eq(read_profile(PROBE_PROFILE_HEAP), -EPROTO);
	teardown();
	setup();
	im.b[1].all += 4;
	ck_assert_int_eq(read_profile(PROBE_PROFILE_HEAP), -EPROTO);
	teardown();
	setup();
	im.b[1].all = BASE + sizeof im;
	ck_assert_int_eq(read_profile(PROBE_PROFILE_HEAP), -EFAULT);
	teardown();
	setup();
	im.b[0].size = 0;
	ck_assert_int_eq(read_profile(PROBE_PROFILE_HEAP), -EPROTO);
}
END_TEST

START_TEST(what_is_not_published)
{
	ck_assert_int_eq(read_profile(PROBE_PROFILE_THREADCREATE), -ENOTSUP);
	for (uint32_t i = 0; i < im.abi.nentries; i++) {
		const char *name = im.entries[i].name;
		bool heap = strcmp(name, "bucket.count") && strcmp(name, "bucket.delay");
		if (strncmp(name, "bucket.", 7) && strcmp(name, "mbuckets"))
			continue;
		uint32_t what = im.entries[i].what;
		im.entries[i].what = 0;
		gsnap_free(&snap);
		gortread_close(&r);
		ck_assert_int_eq(
			read_profile(heap ? PROBE_PROFILE_HEAP : PROBE_PROFILE_BLOCK), -ENOTSUP);
		im.entries[i].what = what;
	}
}
END_TEST

START_TEST(the_seed_is_this_image)
{
	ck_assert_int_eq(read_profile(PROBE_PROFILE_HEAP), 0);
	seedfile_check("gortread/profile", (const uint8_t *)&im, sizeof im);
}
END_TEST

Suite *test_suite(void)
{
	Suite *s = suite_create("gortprofile");
	TCase *tc = tcase_create("heap");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, buckets_and_their_stacks);
	tcase_add_test(tc, what_was_swept_but_not_added);
	tcase_add_test(tc, changes_meanwhile_are_read_again);
	tcase_add_test(tc, damaged_lists_end);
	tcase_add_test(tc, what_is_not_published);
	tcase_add_test(tc, the_seed_is_this_image);
	suite_add_tcase(s, tc);
	tc = tcase_create("waits");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, waits_and_what_made_them);
	tcase_add_test(tc, waits_meanwhile_are_read_again);
	tcase_add_test(tc, no_waits);
	tcase_add_test(tc, damaged_waits);
	suite_add_tcase(s, tc);
	return s;
}
