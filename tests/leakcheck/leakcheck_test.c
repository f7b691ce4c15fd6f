/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leakcheck_test.c - every filter with a goroutine that it must let pass and one, as alike as
 * possible, that it must not; the message letter by letter.
 */
#include <check.h>

#include "canned.h"
#include "leakcheck/leakcheck.h"

static struct gsnap snap;
static uint32_t leaked[4096];

static void setup_go(void)
{
	gsnap_init(&snap, GSNAP_GO);
}

static void teardown(void)
{
	gsnap_free(&snap);
}

static size_t find(const struct leak_filter *f)
{
	static const struct leak_filter none;
	return leakcheck_find(&snap, f ? f : &none, leaked);
}

/* One goroutine with this stack; is it reported? */
static bool reported(enum gstatus status, const char *reason, const char *const *stack,
	const struct leak_filter *f)
{
	canned_g(&snap, snap.ngs + 1, status, reason, stack, "main.main");
	size_t n = find(f);
	for (size_t i = 0; i < n; i++)
		if (leaked[i] == snap.ngs - 1)
			return true;
	return false;
}

#define WAITING(reason, ...) reported(GSTATUS_WAITING, reason, STACK(__VA_ARGS__), NULL)
#define RULE(f, ...)         reported(GSTATUS_WAITING, "select", STACK(__VA_ARGS__), &(f))

START_TEST(test_plain)
{
	ck_assert(WAITING("chan receive", "runtime.gopark", "runtime.chanrecv1", "main.worker"));
	ck_assert(reported(GSTATUS_RUNNABLE, "", STACK("main.loop"), NULL));
	ck_assert(reported(GSTATUS_RUNNING, "", NULL, NULL));
	ck_assert(!reported(GSTATUS_DEAD, "", NULL, NULL));
	ck_assert(!reported(GSTATUS_IDLE, "", NULL, NULL));
}
END_TEST

/* Where nobody looks again, who is about to run may be about to end. */
START_TEST(test_only_look)
{
	static const enum gstatus going[] = {
		GSTATUS_RUNNABLE, GSTATUS_RUNNING, GSTATUS_COPYSTACK, GSTATUS_PREEMPTED};
	struct leak_filter f = {.only_look = true};
	for (size_t i = 0; i < sizeof going / sizeof *going; i++) {
		ck_assert(!reported(going[i], "", STACK("main.loop"), &f));
		ck_assert(reported(going[i], "", STACK("main.loop"), NULL));
	}
	ck_assert(reported(GSTATUS_WAITING, "select", STACK("main.worker"), &f));
	ck_assert(reported(GSTATUS_SYSCALL, "", STACK("main.worker"), &f));
}
END_TEST

/* What leakcheck_test says of one with this creator and a stack of this one function. */
static const char *test_of(const char *creator, const char *func)
{
	static char name[64];
	struct gsnap_g *gp =
		canned_g(&snap, snap.ngs + 1, GSTATUS_WAITING, "select", STACK(func), creator);
	return leakcheck_test(&snap, gp, name, sizeof name) ? name : NULL;
}

/* Files of canned snapshots are called like the function: those of tests end in _test. */
START_TEST(test_whose)
{
	ck_assert_str_eq(test_of("example.com/v2/shop.TestMode_test", "main.f"), "TestMode_test");
	ck_assert_str_eq(test_of("p.(*Suite).TestA.func1_test", "main.f"), "TestA");
	ck_assert_str_eq(test_of("p.start", "p.FuzzIt.func2_test"), "FuzzIt");
	ck_assert_str_eq(test_of("p.Test_test", "main.f"), "Test_test");
	ck_assert_ptr_null(test_of("p.Testing_test", "p.Tests.func1_test")); /* no tests' names */
	ck_assert_ptr_null(test_of("p.TestMode", "main.f"));                 /* in no test's file */
	ck_assert_ptr_null(test_of("example.com/TestIt.v2/p.start_test", "main.f"));
}
END_TEST

START_TEST(test_testing)
{
	static const char *const tops[] = {"testing.RunTests", "testing.(*T).Run",
		"testing.(*T).Parallel", "testing.runFuzzing", "testing.runFuzzTests"};
	for (size_t i = 0; i < 5; i++) {
		ck_assert(!WAITING("chan receive", "runtime.gopark", tops[i], "testing.tRunner"));
		ck_assert(WAITING("select", "runtime.gopark", tops[i], "testing.tRunner"));
	}
	ck_assert(!WAITING("chan receive (nil chan)", "runtime.gopark", "testing.(*T).Run"));
	ck_assert(WAITING("chan receive", "runtime.gopark", "main.f", "testing.(*T).Run"));
	ck_assert(WAITING("chan receive", "runtime.gopark", "testing.(*T).Cleanup"));
}
END_TEST

START_TEST(test_cgo)
{
	ck_assert(!reported(GSTATUS_SYSCALL, "", STACK("runtime.goexit"), NULL));
	ck_assert(reported(GSTATUS_SYSCALL, "",
		STACK("runtime.cgocall", "main.wait", "runtime.goexit"), NULL));
	ck_assert(WAITING("chan receive", "runtime.goexit"));
	ck_assert(reported(GSTATUS_SYSCALL, "", NULL, NULL));
}
END_TEST

START_TEST(test_stdlib)
{
	ck_assert(!WAITING(
		"syscall", "runtime.notetsleepg", "os/signal.signal_recv", "os/signal.loop"));
	ck_assert(!WAITING("syscall", "os/signal.loop", "runtime.goexit"));
	ck_assert(WAITING("select", "main.f", "os/signal.loop"));
	ck_assert(!WAITING("select", "runtime.gopark", "runtime.ensureSigM.func1"));
	ck_assert(!WAITING("trace reader", "runtime.ReadTrace", "runtime/trace.Start.func1"));
	ck_assert(WAITING("select", "main.ensureSigM"));
}
END_TEST

/* Go's standard filters are for Go programs: a C function may have any name. */
START_TEST(test_kinds)
{
	snap.kind = GSNAP_GORT;
	ck_assert(WAITING("chan receive", "gopark", "testing.RunTests"));
	ck_assert(reported(GSTATUS_SYSCALL, "", STACK("goexit"), NULL));
	canned_g(&snap, 90, GSTATUS_WAITING, "", STACK("bgsweep"), NULL)->flags = GSNAP_G_SYSTEM;
	size_t before = find(NULL);
	snap.gs[snap.ngs - 1].flags = 0;
	ck_assert_uint_eq(find(NULL), before + 1);
}
END_TEST

START_TEST(test_ignore_top)
{
	struct leak_filter f = {.ignore_top = STACK("other", "main.pool")};
	ck_assert(!RULE(f, "runtime.gopark", "runtime.selectgo", "main.pool", "main.run"));
	ck_assert(!RULE(f, "main.pool"));
	ck_assert(RULE(f, "main.f", "main.pool"));
	ck_assert(RULE(f, "main.pool2"));
	ck_assert(RULE(f, "runtime.GC", "main.pool"));
}
END_TEST

START_TEST(test_ignore_any)
{
	struct leak_filter f = {.ignore_any = STACK("main.pool")};
	ck_assert(!RULE(f, "main.f", "main.pool"));
	ck_assert(!RULE(f, "main.pool"));
	ck_assert(RULE(f, "main.f", "main.po"));
	f.ignore_any = STACK("main.main"); /* the creator is not in the stack */
	ck_assert(RULE(f, "main.f"));
}
END_TEST

START_TEST(test_ignore_creator)
{
	struct leak_filter f = {.ignore_creator = STACK("main.main")};
	ck_assert(!RULE(f, "main.f"));
	f.ignore_creator = STACK("main.f");
	ck_assert(RULE(f, "main.f"));
	canned_g(&snap, 99, GSTATUS_WAITING, "select", STACK("main.f"), NULL);
	ck_assert_uint_eq(find(&f), 3); /* nobody known as creator */
}
END_TEST

START_TEST(test_ids)
{
	static const uint64_t before[] = {2, 4, 9};
	for (uint64_t id = 1; id <= 10; id++)
		canned_g(&snap, id, GSTATUS_WAITING, "select", STACK("main.f"), NULL);
	struct leak_filter f = {.self = 1, .current = before, .ncurrent = 3};
	static const uint32_t want[] = {2, 4, 5, 6, 7, 9}; /* indexes, so id - 1 */
	ck_assert_uint_eq(find(&f), 6);
	ck_assert_mem_eq(leaked, want, sizeof want);
	f.self = 0;
	ck_assert_uint_eq(find(&f), 7);
}
END_TEST

/* Labels of five goroutines, the first of which has none. */
START_TEST(test_owners)
{
	static const char *const labels[] = {
		NULL, "test\0TestA", "a\0b\0test\0TestA/one", "test\0TestAB", "not\0TestA"};
	for (uint32_t i = 0; i < 5; i++) {
		struct gsnap_g *gp =
			canned_g(&snap, i + 1, GSTATUS_WAITING, "select", STACK("main.f"), NULL);
		gp->labels = labels[i];
		gp->nlabels = i == 2 ? 2 : i > 0;
	}
	struct leak_filter f = {.test = "TestA"};
	static const uint32_t mine[] = {0, 1, 2, 4}, alone[] = {1, 2};
	ck_assert_uint_eq(find(&f), 4);
	ck_assert_mem_eq(leaked, mine, sizeof mine);
	f.among_others = true;
	ck_assert_uint_eq(find(&f), 2);
	ck_assert_mem_eq(leaked, alone, sizeof alone);
	f.test = "TestA/one";
	ck_assert_uint_eq(find(&f), 1);
	ck_assert_uint_eq(find(NULL), 5);
}
END_TEST

static const char *message(size_t size)
{
	static char buf[4096];
	memset(buf, '#', sizeof buf);
	size_t n = find(NULL);
	leakcheck_format(&snap, leaked, n, buf, size);
	return buf;
}

static void fixed_lines(void)
{
	for (uint32_t i = 0; i < snap.nlocs; i++) {
		snap.locs[i].entry = snap.locs[i].pc - 0x1d;
		snap.frames[snap.locs[i].frame].line = 10 + i;
	}
}

START_TEST(test_message)
{
	canned_g(&snap, 6, GSTATUS_WAITING, "chan receive",
		STACK("runtime.gopark", "runtime.chanrecv1", "main.worker", "runtime.goexit"),
		"main.main")
		->parent = 1;
	canned_g(&snap, 7, GSTATUS_RUNNING, "", NULL, "main.main");
	fixed_lines();
	ck_assert_str_eq(message(4096),
		"found unexpected goroutines:\n"
		"[Goroutine 6 in state chan receive, with main.worker on top of the stack:\n"
		"main.worker(...)\n"
		"\t/src/main.worker.go:12 +0x1d\n"
		"created by main.main in goroutine 1\n"
		"\t/src/main.main.go:14 +0x1d\n"
		" Goroutine 7 in state running, with no known function on top of the stack:\n"
		"created by main.main\n"
		"\t/src/main.main.go:14 +0x1d\n"
		"]");
}
END_TEST

START_TEST(test_equal_stacks_once)
{
	for (uint64_t id = 500; id >= 6; id--)
		canned_g(&snap, id, GSTATUS_WAITING, id % 5 ? "select" : "chan send",
			STACK("main.worker"), "main.main");
	fixed_lines();
	const char *text = message(4096);
	ck_assert(
		strstr(text, "[Goroutine 10 and 98 more in state chan send, with main.worker on"));
	ck_assert(strstr(text, "\n Goroutine 6 and 395 more in state select, with main.worker on"));
	ck_assert_uint_lt(strlen(text), 500);
}
END_TEST

START_TEST(test_names_and_gort_frames)
{
	snap.kind = GSNAP_GORT;
	canned_g(&snap, 3, GSTATUS_WAITING, "chan receive",
		STACK("runtime/sched/gopark", "runtime/sync/chanrecv",
			"runtime/sync/gort_chan_recv", "worker", "runtime/worker2",
			"runtime/sched/goexit"),
		"gort_main")
		->name = "pool-1";
	fixed_lines();
	ck_assert_str_eq(message(4096), "found unexpected goroutines:\n"
					"[Goroutine 3 named pool-1 in state chan receive, with "
					"worker on top of the stack:\n"
					"worker(...)\n"
					"\t/src/worker.c:13 +0x1d\n"
					"worker2(...)\n"
					"\t/src/runtime/worker2.c:14 +0x1d\n"
					"created by gort_main\n"
					"\t/src/gort_main.c:16 +0x1d\n"
					"]");
}
END_TEST

/* A program without line numbers: the frames of a parked stack are known by name. */
START_TEST(test_gort_frames_without_lines)
{
	struct leak_filter f = {.ignore_top = STACK("worker")};
	snap.kind = GSNAP_GORT;
	canned_g(&snap, 3, GSTATUS_WAITING, "select",
		STACK("gopark", "selectgo", "gort_select", "worker", "goexit"), NULL);
	ck_assert_uint_eq(find(&f), 1);
	for (uint32_t i = 0; i < snap.nframes; i++)
		snap.frames[i].file = NULL;
	ck_assert_uint_eq(find(&f), 0);
}
END_TEST

START_TEST(test_inlined_frame_has_no_offset)
{
	uint32_t loc = gsnap_add_loc(&snap, 0x1050, 0x1000, true);
	gsnap_add_frame(&snap, "main.inner", "/src/i.go", 3, true);
	gsnap_add_frame(&snap, "main.outer", "/src/o.go", 30, false);
	uint32_t stack = gsnap_add_stack(&snap, &loc, 1);
	struct gsnap_g *gp = gsnap_add_g(&snap);
	gp->id = 8;
	gp->status = GSTATUS_PREEMPTED;
	gp->stack = stack;
	gp->created = loc;
	ck_assert_str_eq(message(4096),
		"found unexpected goroutines:\n"
		"[Goroutine 8 in state preempted, with main.inner on top of the stack:\n"
		"main.inner(...)\n\t/src/i.go:3\n"
		"main.outer(...)\n\t/src/o.go:30 +0x50\n"
		"created by main.outer\n\t/src/i.go:3 +0x50\n"
		"]");
}
END_TEST

/* What has been proved tells goroutines apart that are alike otherwise. */
START_TEST(test_proofs)
{
	static const char *const text[] = {
		"", " (unreachable)", " (unreachable-likely)", " (blocked-forever)"};
	char want[128];
	for (uint8_t leak = 0; leak < 4; leak++)
		canned_g(&snap, 6u + leak, GSTATUS_WAITING, "select", STACK("main.f"), "main.main")
			->leak = leak;
	const char *got = message(4096);
	for (unsigned leak = 0; leak < 4; leak++) {
		snprintf(want, sizeof want, "Goroutine %u in state select%s, with main.f", 6 + leak,
			text[leak]);
		ck_assert_msg(strstr(got, want) != NULL, "no '%s' in %s", want, got);
	}
}
END_TEST

/* The length is that of the whole text at every size; the bytes are a prefix of it. */
START_TEST(test_truncation)
{
	canned_g(&snap, 6, GSTATUS_WAITING, "select", STACK("main.f"), "main.main");
	char whole[4096], buf[4096];
	size_t n = find(NULL), len = leakcheck_format(&snap, leaked, n, whole, sizeof whole);
	ck_assert_uint_eq(strlen(whole), len);
	ck_assert_uint_eq(leakcheck_format(&snap, leaked, n, NULL, 0), len);
	for (size_t size = 1; size <= len + 1; size++) {
		memset(buf, '#', sizeof buf);
		ck_assert_uint_eq(leakcheck_format(&snap, leaked, n, buf, size), len);
		ck_assert_uint_eq(strlen(buf), size - 1);
		ck_assert(!memcmp(buf, whole, size - 1));
		ck_assert_int_eq(buf[size], '#');
	}
}
END_TEST

START_TEST(test_backoff)
{
	int64_t total = 0;
	ck_assert_int_eq(leakcheck_backoff_us(0), 1);
	ck_assert_int_eq(leakcheck_backoff_us(10), 1024);
	ck_assert_int_eq(leakcheck_backoff_us(19), 100000);
	for (int i = 0; i < 20; i++)
		total += leakcheck_backoff_us(i);
	ck_assert_int_eq(total, 131071 + 3 * 100000);
	ck_assert_int_eq(leakcheck_backoff_us(20), -1);
	ck_assert_int_eq(leakcheck_backoff_us(-1), -1);
}
END_TEST

static void add_case(Suite *suite, const char *name, const TTest *const *tests)
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, setup_go, teardown);
	for (; *tests; tests++)
		tcase_add_test(tc, *tests);
	suite_add_tcase(suite, tc);
}

#define CASE(suite, name, ...) add_case(suite, name, (const TTest *const[]){__VA_ARGS__, NULL})

static Suite *test_suite(void)
{
	Suite *suite = suite_create("leakcheck");
	CASE(suite, "filters", test_plain, test_only_look, test_whose, test_testing, test_cgo,
		test_stdlib, test_kinds);
	CASE(suite, "user", test_ignore_top, test_ignore_any, test_ignore_creator, test_ids,
		test_owners);
	CASE(suite, "format", test_message, test_proofs, test_equal_stacks_once,
		test_names_and_gort_frames, test_gort_frames_without_lines,
		test_inlined_frame_has_no_offset, test_truncation);
	CASE(suite, "backoff", test_backoff);
	return suite;
}

#include "check_main.h"
