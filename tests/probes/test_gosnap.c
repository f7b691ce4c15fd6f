/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * moduledata.c, golocate.c, gosnap.c and gounwind.c on the process of goimage.h, whole and damaged.
 * With GOIMAGE_WRITE=DIR the case `seed` writes the seeds of the fuzz targets instead of comparing.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include "goprofimage.h"
#include "probes/gotarget.h"
#include "seedfile.h"

Suite *test_suite(void);

static struct goimage im;
static struct gomemory memory = {im.bytes, sizeof im.bytes};
static struct target t;
static struct gotarget g;
static struct goprofimage pi;
static uint8_t buckets[GOPROF_SIZE];

/* 0, or what moduledata_find or golocate answered. */
static int open_damaged(void)
{
	target_init(&t, 1, "/nonexistent");
	t.mem = (struct tmem){gomemory_readv, &memory, gomemory_size};
	g = (struct gotarget){.t = &t};
	ck_assert_int_eq(elf_parse(&g.elf, im.bytes, sizeof im.bytes), 0);
	ck_assert(gobuild_version(&g.elf, &g.version));
	g.lay = golayout_for(g.version.minor, g.version.patch, &g.guess);
	ck_assert_ptr_nonnull(g.lay);
	int err = moduledata_find(&g);
	return err ? err : golocate(&g);
}

static void open_whole(void)
{
	goimage_make(&im);
	ck_assert_int_eq(open_damaged(), 0);
}

static const struct gsnap_frame *frame(const struct gsnap *s, uint32_t gi, uint32_t n)
{
	const struct gsnap_stack *k = &s->stacks[s->gs[gi].stack];
	for (uint32_t i = 0; i < k->nlocs; i++) {
		const struct gsnap_loc *loc = &s->locs[s->stack_locs[k->loc + i]];
		if (n < loc->nframes)
			return &s->frames[loc->frame + n];
		n -= loc->nframes;
	}
	return NULL;
}

static void expect_stack(const struct gsnap *s, uint32_t gi, const char *const *funcs)
{
	uint32_t i = 0;
	for (; funcs[i]; i++) {
		const struct gsnap_frame *f = frame(s, gi, i);
		ck_assert_ptr_nonnull(f);
		ck_assert_str_eq(f->func, funcs[i]);
	}
	ck_assert_ptr_null(frame(s, gi, i));
}

static void take(struct gsnap *s)
{
	gsnap_init(s, GSNAP_GO);
	ck_assert_int_eq(gosnap_goroutines(&g, PROBE_STACKS, s), 0);
}

START_TEST(globals)
{
	open_whole();
	ck_assert_uint_eq(g.md.addr, addr_of(AT_MODULE));
	ck_assert_uint_eq(g.glob.allgs, addr_of(AT_ALLGS));
	ck_assert_uint_eq(g.glob.allgptr, addr_of(AT_ALLGPTR));
	ck_assert_uint_eq(g.glob.allglen, addr_of(AT_ALLGLEN));
	ck_assert_uint_eq(g.nreasons, 4);
	ck_assert_str_eq(g.reasons[3], "chan receive");
	ck_assert_uint_eq(g.glob.sched, 0); /* nothing there looks like one */
	ck_assert_uint_eq(g.glob.allm, 0);
	gotarget_close(&g);
}
END_TEST

/* Without usable code, as in an obfuscated program, the shape of the data is enough. */
START_TEST(globals_by_shape)
{
	goimage_make(&im);
	memset(im.bytes + AT_TEXT, 0x90, F_END);
	ck_assert_int_eq(open_damaged(), 0);
	ck_assert_uint_eq(g.glob.allgs, addr_of(AT_ALLGS));
	ck_assert_uint_eq(g.glob.allgptr, 0);
	gotarget_close(&g);
}
END_TEST

START_TEST(goroutines)
{
	static const char *const parked[] = {
		"main.(*queue[...]).pop", "main.park", "main.main", "runtime.goexit", NULL};
	static const char *const preempted[] = {
		"runtime.asyncPreempt", "main.work", "runtime.goexit", NULL};
	struct gsnap s;
	open_whole();
	take(&s);
	ck_assert_uint_eq(s.ngs, 2);
	ck_assert_uint_eq(s.gs[0].id, 1);
	ck_assert_str_eq(s.gs[0].reason, "chan receive");
	ck_assert_uint_eq(s.gs[0].flags, 0);
	ck_assert_uint_eq(s.gs[0].created, GSNAP_NONE);
	expect_stack(&s, 0, parked);
	ck_assert(frame(&s, 0, 0)->inlined && !frame(&s, 0, 1)->inlined);
	ck_assert_uint_eq(frame(&s, 0, 2)->line, 20);
	ck_assert_uint_eq(s.gs[1].status, GSTATUS_RUNNABLE);
	ck_assert_uint_eq(s.gs[1].parent, 1);
	expect_stack(&s, 1, preempted);
	ck_assert_str_eq(s.frames[s.locs[s.gs[1].created].frame].func, "main.main");
	gsnap_free(&s);
	gotarget_close(&g);
}
END_TEST

/* What printArgs of the runtime would make of it, with the words apart. */
START_TEST(arguments)
{
	static const uint64_t passed[] = {0x1122334455667788, 0xffffffff00000007, 0x42};
	uint64_t words[3];
	struct gsnap s;
	open_whole();
	put(&im, AT_STACK1 + STACK_LEN - 0x100 + 48, passed, sizeof passed);
	gsnap_init(&s, GSNAP_GO);
	ck_assert_int_eq(gosnap_goroutines(&g, PROBE_STACKS | PROBE_ARGS, &s), 0);
	const struct gsnap_loc *loc = &s.locs[s.stack_locs[s.stacks[s.gs[0].stack].loc]];
	ck_assert_str_eq(loc->args, "\1, {\1, \1?, ...}, _");
	ck_assert_uint_eq(loc->nwords, 3);
	ck_assert_uint_eq(loc->framesize, 48);
	ck_assert_ptr_nonnull(s.gs[0].words);
	memcpy(words, s.gs[0].words, sizeof words);
	ck_assert_uint_eq(words[0], passed[0]);
	ck_assert_uint_eq(words[1], 7);
	ck_assert_uint_eq(words[2], 0x42);
	gsnap_free(&s);
	gotarget_close(&g);
}
END_TEST

/* A description that does not end, or has too many words, is none. */
START_TEST(broken_arguments)
{
	struct gsnap s;
	open_whole();
	memset(im.bytes + AT_ARGINFO, 8, 64);
	gsnap_init(&s, GSNAP_GO);
	ck_assert_int_eq(gosnap_goroutines(&g, PROBE_STACKS | PROBE_ARGS, &s), 0);
	const struct gsnap_loc *loc = &s.locs[s.stack_locs[s.stacks[s.gs[0].stack].loc]];
	ck_assert_ptr_null(loc->args);
	ck_assert_uint_eq(loc->nwords, 0);
	gsnap_free(&s);
	gotarget_close(&g);
}
END_TEST

/* A frame below asyncPreempt was interrupted: its pc is looked up as it is, not one byte before. */
START_TEST(interrupted)
{
	struct gsnap s;
	open_whole();
	take(&s);
	const struct gsnap_stack *k = &s.stacks[s.gs[1].stack];
	const struct gsnap_loc *loc = &s.locs[s.stack_locs[k->loc + 1]];
	ck_assert_uint_eq(loc->pc, addr_of(AT_TEXT) + F_WORK + 12);
	ck_assert(!loc->callsite);
	ck_assert_uint_eq(loc->entry, addr_of(AT_TEXT) + F_WORK);
	gsnap_free(&s);
	gotarget_close(&g);
}
END_TEST

static void expect_truncated(size_t at, uint64_t value, uint32_t frames)
{
	struct gsnap s;
	open_whole();
	put64(&im, at, value);
	take(&s);
	ck_assert_uint_eq(s.gs[0].flags, GSNAP_G_TRUNCATED);
	ck_assert_ptr_nonnull(frame(&s, 0, frames - 1));
	ck_assert_ptr_null(frame(&s, 0, frames));
	gsnap_free(&s);
	gotarget_close(&g);
}

START_TEST(broken_stacks)
{
	size_t sp = AT_STACK1 + STACK_LEN - 0x100;
	expect_truncated(sp + 40, 0, 2);
	expect_truncated(sp + 40, UINT64_MAX, 2);
	expect_truncated(sp + 40, addr_of(AT_TEXT) + F_END, 2);
	expect_truncated(AT_G + 8, addr_of(sp) + 32, 2);      /* ends inside the first frame */
	expect_truncated(AT_G + 8, addr_of(sp) + 48 + 24, 3); /* just before the second return */
}
END_TEST

/* No frame at all is no stack, not an empty one. */
START_TEST(no_stack)
{
	struct gsnap s;
	open_whole();
	put64(&im, AT_G + 0x40, 0x1234);
	take(&s);
	ck_assert_uint_eq(s.gs[0].stack, GSNAP_NONE);
	ck_assert_uint_eq(s.gs[0].flags, GSNAP_G_TRUNCATED);
	ck_assert_uint_eq(s.nstacks, 1);
	gsnap_free(&s);
	gotarget_close(&g);
}
END_TEST

/* Every return address leads back into main.park: the stack ends where its memory does. */
START_TEST(circular_stack)
{
	struct gsnap s;
	open_whole();
	for (size_t at = AT_STACK1; at < AT_STACK1 + STACK_LEN; at += 8)
		put64(&im, at, addr_of(AT_TEXT) + F_PARK + 16);
	take(&s);
	ck_assert_uint_eq(s.gs[0].flags, GSNAP_G_TRUNCATED);
	ck_assert_uint_eq(s.stacks[s.gs[0].stack].nlocs, 1 + 0x100 / 48);
	gsnap_free(&s);
	gotarget_close(&g);
}
END_TEST

/* parentPc that leads to the same call again: the chain of inlined calls is cut, not followed. */
START_TEST(circular_inlining)
{
	struct gsnap s;
	open_whole();
	put32(&im, AT_INLTREE + 8, 12);
	take(&s);
	ck_assert_uint_lt(s.nframes, 200);
	gsnap_free(&s);
	gotarget_close(&g);
}
END_TEST

START_TEST(not_there)
{
	static const size_t words[] = {AT_MODULE, AT_MODULE + 8, AT_MODULE + 0x80, AT_MODULE + 0xb0,
		AT_MODULE + 0xb8, AT_ALLGS, AT_G + 0x98, AT_TABLE};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		goimage_make(&im);
		put64(&im, words[i], 0);
		ck_assert_msg(open_damaged() == -EPROTO, "word at 0x%zx", words[i]);
		gotarget_close(&g);
	}
}
END_TEST

/* A size that the file does not have must bound nothing: the search for the module ends. */
START_TEST(endless_segment)
{
	goimage_make(&im);
	put64(&im, sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_filesz),
		UINT64_MAX);
	put64(&im, AT_MODULE, 0);
	ck_assert_int_eq(open_damaged(), -EPROTO);
	gotarget_close(&g);
}
END_TEST

/* A version newer than the tables must pass every check; this one has no sched, allp and allm. */
START_TEST(unproven)
{
	goimage_make(&im);
	put(&im, AT_BUILDINFO + 33, "go1.99.0", 8);
	int err = open_damaged();
	ck_assert(g.guess);
	ck_assert_int_eq(err, -EPROTO);
	gotarget_close(&g);
}
END_TEST

/* What the inlined call of goroutine 1 is called when it has this name in that version. */
static void expect_name(const char *version, const char *name, const char *printed)
{
	struct gsnap s;
	goimage_make(&im);
	put(&im, AT_BUILDINFO + 33, version, 8);
	put64(&im, AT_MODULE + 0x158, addr_of(AT_INLTREE)); /* gofunc of Go 1.27 */
	put32(&im, AT_INLTREE + 4, TAB_FUNCS + 0x300 - TAB_NAMES);
	put(&im, AT_TABLE + TAB_FUNCS + 0x300, name, strlen(name) + 1);
	ck_assert_int_eq(open_damaged(), 0);
	take(&s);
	ck_assert_str_eq(frame(&s, 0, 0)->func, printed);
	gsnap_free(&s);
	gotarget_close(&g);
}

START_TEST(generic_names)
{
	static const char method[] = "main.(*q[go.shape.int]).m[go.shape.[]uint8]";
	static const char *const versions[] = {"go1.26.8", "go1.27.0"};
	for (int i = 0; i < 2; i++) {
		expect_name(versions[i], "main.f", "main.f");
		expect_name(versions[i], "main.f[go.shape.[]uint8].func1", "main.f[...].func1");
		expect_name(versions[i], "main.f[main.t[int],map[int]int]", "main.f[...]");
		expect_name(versions[i], "main.f]x[", "main.f]x[");
		expect_name(versions[i], "main.f[", "main.f[");
	}
	expect_name("go1.26.8", method, "main.(*q[...]");
	expect_name("go1.27.0", method, "main.(*q[...]).m[...]");
	expect_name("go1.27.0", "main.(*q[a]).m[b].1", "main.(*q[...]).m[...].1");
	expect_name("go1.27.0", "main.f[a]]", "main.f[a]]");
}
END_TEST

START_TEST(long_names)
{
	char name[0x180], printed[0x188];
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	memcpy(name + 0x100, "[y]", 3);
	snprintf(printed, sizeof printed, "%.256s[...]%s", name, name + 0x103);
	expect_name("go1.27.0", name, printed);
}
END_TEST

/* iter.Pull's goroutine starts in runtime.corostart and is the user's all the same. */
START_TEST(system_goroutines)
{
	static const struct {
		const char *start;
		bool system;
	} cases[] = {{"runtime.bgsweep", true}, {"runtime.main", false},
		{"runtime.corostart", false}, {"main.work", false}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct gsnap s;
		open_whole();
		uint32_t idx = 3; /* main.work, where both goroutines start */
		uint32_t at;
		memcpy(&at, im.bytes + AT_TABLE + TAB_FUNCS + idx * 8 + 4, sizeof at);
		put32(&im, AT_TABLE + TAB_FUNCS + at + 4, TAB_FUNCS + 0x300 - TAB_NAMES);
		put(&im, AT_TABLE + TAB_FUNCS + 0x300, cases[i].start, strlen(cases[i].start) + 1);
		take(&s);
		ck_assert_msg(!(s.gs[1].flags & GSNAP_G_SYSTEM) == !cases[i].system, "%s",
			cases[i].start);
		gsnap_free(&s);
		gotarget_close(&g);
	}
}
END_TEST

static struct gopace pace_with(int64_t limit, size_t at, uint64_t value)
{
	/* 30 MiB of objects and 2 MiB of the rest are mapped; GOGC=100 wants 60 MiB. */
	uint64_t w[GCC_SIZE / 8] = {0};
	w[GCC_MEMORYLIMIT / 8] = (uint64_t)limit;
	w[GCC_PERCENTGOAL / 8] = 60 << 20;
	w[GCC_TRIGGERED / 8] = UINT64_MAX;
	w[GCC_HEAPMARKED / 8] = 30 << 20;
	w[GCC_TOTALALLOC / 8] = 35 << 20;
	w[GCC_TOTALFREE / 8] = 5 << 20;
	w[GCC_MAPPEDREADY / 8] = 32 << 20;
	w[at / 8] = value;
	return gopacer(w);
}

static int64_t goal_with(int64_t limit, size_t at, uint64_t value)
{
	return pace_with(limit, at, value).goal;
}

/* The figures of heapGoal() in mgcpacer.go. */
START_TEST(heap_goal)
{
	const int64_t mib = 1 << 20, none = INT64_MAX;
	ck_assert_int_eq(goal_with(none, 0, 100), 60 * mib);
	ck_assert_int_gt(goal_with(none, GCC_PERCENTGOAL, UINT64_MAX), none / 2); /* off */
	ck_assert_int_eq(goal_with(none, GCC_SWEEPDISTMIN, 61 * mib), 61 * mib);
	ck_assert_int_eq(goal_with(none, GCC_TRIGGERED, 60 * mib), 60 * mib + (64 << 10));
	ck_assert_int_eq(goal_with(1024 * mib, 0, 100), 60 * mib);
	ck_assert_int_eq(goal_with(42 * mib, 0, 100), 40 * mib - 40 * mib / 100 * 3);
	ck_assert_int_eq(goal_with(33 * mib, 0, 100), 30 * mib); /* not below the live heap */
	ck_assert_int_eq(goal_with(mib, 0, 100), 30 * mib);
	ck_assert_int_eq(goal_with(42 * mib, GCC_MAPPEDREADY, 29 * mib), GSNAP_UNKNOWN); /* torn */
}
END_TEST

/* The figures of trigger() there: the runway before the goal, within 70 % and 95 % of the way. */
START_TEST(heap_trigger)
{
	const int64_t mib = 1 << 20, none = INT64_MAX, way = 30 * mib / 64;
	ck_assert_int_eq(pace_with(none, GCC_RUNWAY, 5 * mib).trigger, 55 * mib);
	ck_assert_int_eq(pace_with(none, GCC_RUNWAY, 0).trigger, 30 * mib + 61 * way);
	ck_assert_int_eq(pace_with(none, GCC_RUNWAY, 20 * mib).trigger, 30 * mib + 45 * way);
	ck_assert_int_eq(pace_with(none, GCC_RUNWAY, 90 * mib).trigger, 30 * mib + 45 * way);
	ck_assert_int_eq(pace_with(none, GCC_HEAPMARKED, 60 * mib).trigger, 60 * mib);
	ck_assert_int_eq(pace_with(none, GCC_SWEEPDISTMIN, 59 * mib).trigger, 59 * mib);
}
END_TEST

static bool is_gccontroller(int32_t percent, uint64_t minimum)
{
	const size_t at = 0x3c00, mib = 1 << 20; /* behind the stacks */
	open_whole();
	put32(&im, at + GCC_GCPERCENT, (uint32_t)percent);
	put64(&im, at + GCC_MEMORYLIMIT, INT64_MAX);
	put64(&im, at + GCC_HEAPMINIMUM, minimum);
	put64(&im, at + GCC_MAPPEDREADY, 32 * mib);
	put64(&im, at + GCC_HEAPINUSE, 30 * mib);
	bool is = gocheck_gccontroller(&g, addr_of(at));
	gotarget_close(&g);
	return is;
}

/* setGCPercent multiplies unsigned, so GOGC=off leaves a giant heapMinimum. */
START_TEST(gccontroller)
{
	ck_assert(is_gccontroller(100, 4 << 20));
	ck_assert(is_gccontroller(50, 2 << 20));
	ck_assert(is_gccontroller(-1, (0 - (UINT64_C(4) << 20)) / 100));
	ck_assert(!is_gccontroller(-1, 4 << 20));
	ck_assert(!is_gccontroller(100, 2 << 20));
}
END_TEST

/* ---- profiles ---- */

static int read_profile(enum probe_profile_kind kind, struct gsnap *s)
{
	goprofimage_open(&pi);
	gsnap_init(s, GSNAP_GO);
	int err = goprofile_from(&pi.g, kind, GOPROF_BASE + GOPROF_FIRST, true, s);
	gotarget_close(&pi.g);
	return err;
}

static void write_buckets(uint64_t type)
{
	goimage_make(&pi.exe);
	goprofimage_buckets(buckets, type);
	pi.data = buckets;
	pi.size = sizeof buckets;
}

/* What the cycle before the last one counted is added, what came after it is not. */
START_TEST(profile_cycles)
{
	struct gsnap s;
	write_buckets(1);
	ck_assert_int_eq(read_profile(PROBE_PROFILE_HEAP, &s), 0);
	ck_assert_uint_eq(s.nsamples, 2);
	ck_assert_int_eq(s.samples[0].size, 64);
	ck_assert_int_eq(s.samples[0].count, 10 + 300);
	ck_assert_int_eq(s.samples[0].freed, 4 + 100);
	ck_assert_uint_eq(s.stacks[s.samples[0].stack].nlocs, 2);
	gsnap_free(&s);
}
END_TEST

START_TEST(profile_contentions)
{
	struct gsnap s;
	write_buckets(3);
	ck_assert_int_eq(read_profile(PROBE_PROFILE_MUTEX, &s), 0);
	ck_assert_uint_eq(s.nsamples, 2);
	ck_assert_int_eq(s.samples[0].count, 7);
	gsnap_free(&s);
	ck_assert_int_eq(read_profile(PROBE_PROFILE_BLOCK, &s), -EPROTO);
	gsnap_free(&s);
}
END_TEST

/* A stack that its hash does not fit, and a list that goes on where no memory is. */
START_TEST(profile_damaged)
{
	struct gsnap s;
	write_buckets(1);
	buckets[GOPROF_FIRST + 48] ^= 1;
	ck_assert_int_eq(read_profile(PROBE_PROFILE_HEAP, &s), -EPROTO);
	gsnap_free(&s);
	write_buckets(1);
	goprofimage_put(buckets, GOPROF_FIRST + 8, 4096 * 4096);
	ck_assert_int_eq(read_profile(PROBE_PROFILE_HEAP, &s), -EPROTO);
	gsnap_free(&s);
}
END_TEST

/* Two threads, of neither of which the runtime knows what created it: they share an empty stack. */
START_TEST(profile_threads)
{
	enum { FIRST = 0x10, SECOND = 0x300 };
	struct gsnap s;
	write_buckets(1);
	goprofimage_open(&pi);
	size_t link = FIRST + pi.g.lay->m_alllink;
	gotarget_close(&pi.g);
	memset(buckets, 0, sizeof buckets);
	goprofimage_put(buckets, 8, GOPROF_BASE + FIRST);
	goprofimage_put(buckets, link, GOPROF_BASE + SECOND);
	ck_assert_int_eq(read_profile(PROBE_PROFILE_THREADCREATE, &s), 0);
	ck_assert_uint_eq(s.nsamples, 2);
	ck_assert_uint_eq(s.nstacks, 1);
	ck_assert_uint_eq(s.stacks[s.samples[1].stack].nlocs, 0);
	gsnap_free(&s);
}
END_TEST

START_TEST(seeds)
{
	goimage_make(&im);
	seedfile_check("goimage/program", im.bytes, sizeof im.bytes);
	write_buckets(1);
	seedfile_check("goprofile/heap", buckets, sizeof buckets);
	write_buckets(3);
	seedfile_check("goprofile/mutex", buckets, sizeof buckets);
}
END_TEST

Suite *test_suite(void)
{
	Suite *s = suite_create("gosnap");
	TCase *tc = tcase_create("locate");
	tcase_add_test(tc, globals);
	tcase_add_test(tc, globals_by_shape);
	tcase_add_test(tc, not_there);
	tcase_add_test(tc, endless_segment);
	tcase_add_test(tc, unproven);
	suite_add_tcase(s, tc);
	tc = tcase_create("unwind");
	tcase_add_test(tc, goroutines);
	tcase_add_test(tc, arguments);
	tcase_add_test(tc, broken_arguments);
	tcase_add_test(tc, interrupted);
	tcase_add_test(tc, broken_stacks);
	tcase_add_test(tc, no_stack);
	tcase_add_test(tc, circular_stack);
	tcase_add_test(tc, circular_inlining);
	suite_add_tcase(s, tc);
	tc = tcase_create("names");
	tcase_add_test(tc, generic_names);
	tcase_add_test(tc, long_names);
	tcase_add_test(tc, system_goroutines);
	suite_add_tcase(s, tc);
	tc = tcase_create("stats");
	tcase_add_test(tc, heap_goal);
	tcase_add_test(tc, heap_trigger);
	tcase_add_test(tc, gccontroller);
	suite_add_tcase(s, tc);
	tc = tcase_create("profile");
	tcase_add_test(tc, profile_cycles);
	tcase_add_test(tc, profile_contentions);
	tcase_add_test(tc, profile_damaged);
	tcase_add_test(tc, profile_threads);
	suite_add_tcase(s, tc);
	tc = tcase_create("seed");
	tcase_add_test(tc, seeds);
	suite_add_tcase(s, tc);
	return s;
}

#include "check_main.h"
