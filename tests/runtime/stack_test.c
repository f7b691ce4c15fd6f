/* SPDX-License-Identifier: BSD-2-Clause */
/* stack_test.c - stacks: slots and guards by themselves, then overflow, reuse and a million. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "debug/options.h"
#include "mem/malloc.h"
#include "sched/runq.h"
#include "sched/stack.h"

/* After the runtime's own headers, whose struct mutex is another one. */
#define GORT_NO_SYNC
#include "child.h"

#ifdef GORT_ASAN
/* Faults are the runtime's to report. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "handle_segv=0:handle_sigbus=0:detect_leaks=0";
}
#endif

/* ---- without a scheduler ---- */

static struct g *setup(int n)
{
	gomaxprocs = 1;
	allp = persistentalloc(sizeof(*allp));
	allp[0] = persistentalloc(sizeof(**allp));
	lockinit(&sched.lock, lockRankSched);
	return persistentalloc((size_t)n * sizeof(struct g));
}

static bool guarded(const struct g *gp)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		*(volatile char *)(gp->stack.lo - 1) = 1;
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

/* Few of the largest: strict overcommit charges for the whole of each. */
START_TEST(test_slots)
{
	static const int count[NSTACKCLASS] = {150, 150, 150, 30};
	struct g *gs = setup(600);
	for (int class = 0; class < NSTACKCLASS; class ++) {
		for (int i = 0; i < count[class]; i++) {
			struct g *gp = &gs[class * 150 + i];
			gp->stackclass = (uint8_t) class;
			stackalloc(allp[0], gp);
			ck_assert_uint_eq(gp->stack.hi % 64, 0);
			ck_assert_uint_gt(
				gp->stack.hi - gp->stack.lo, (48u << 10) << 2 * class >> 1);
			((char *)gp->stack.lo)[0] = 1;
			((char *)gp->stack.hi)[-1] = 1;
			gcold(gp)->namebuf[0] = (char)i;
			ck_assert(stackguardhit(gp, gp->stack.lo - 1));
			ck_assert(!stackguardhit(gp, gp->stack.lo));
		}
	}
	int distinct = 0;
	for (int i = 1; i < 150; i++) {
		ck_assert_uint_ne(gs[i].stack.lo, gs[i - 1].stack.lo);
		distinct += gs[i].stack.hi % 4096 != gs[i - 1].stack.hi % 4096;
		ck_assert_int_eq(gcold(&gs[i])->namebuf[0], (char)i);
	}
	ck_assert_int_eq(distinct, 149);
	ck_assert_int_eq(stackclassof(1), 0);
	ck_assert_int_eq(stackclassof(65536), 0);
	ck_assert_int_eq(stackclassof(65537), 1);
	ck_assert_int_eq(stackclassof(8u << 20), 3);
	ck_assert_int_eq(stackclassof((8u << 20) + 1), -1);
}
END_TEST

/* The newest free stack is used first; the one being left only after the next exit. */
START_TEST(test_reuse)
{
	struct g *gs = setup(200);
	uintptr_t hi[200];
	for (int i = 0; i < 200; i++) {
		gs[i].stackclass = 1;
		stackalloc(allp[0], &gs[i]);
		hi[i] = gs[i].stack.hi;
	}
	stackfreeself(allp[0], &gs[0]);
	ck_assert_uint_eq(allp[0]->dying, hi[0]);
	gs[1].stackclass = 0; /* another class cannot have it */
	stackalloc(allp[0], &gs[1]);
	gs[1].stackclass = 1;
	gs[1].stack.hi = hi[1];
	ck_assert_uint_eq(allp[0]->dying, hi[0]);
	for (int i = 1; i < 200; i++)
		stackfreeself(allp[0], &gs[i]);
	for (int i = 199; i >= 0; i--) {
		stackalloc(allp[0], &gs[i]);
		ck_assert_uint_eq(gs[i].stack.hi, hi[i]);
	}
}
END_TEST

/* How many of the stacks above gp's have their top page in memory. */
static int resident(const struct g *gp, int n)
{
	int count = 0;
	uintptr_t slot = 61 * 4096, top = (gp->stack.hi & ~(uintptr_t)4095) + slot;
	for (int i = 0; i < n; i++, top += slot) {
		unsigned char in = 0;
		count += mincore((void *)top, 4096, &in) == 0 && in & 1;
	}
	return count;
}

/* Demand for new stacks makes sysmon ready some more, guards too; without demand they are freed. */
START_TEST(test_prefill)
{
	enum { USED = 1500, AHEAD = 1000 };
	struct g *gs = setup(USED + AHEAD), *last = gs;
	ck_assert(!stackprefill());
	for (int i = 0; i < USED; i++) {
		gs[i].stackclass = 1;
		stackalloc(allp[0], &gs[i]);
		last = gs[i].stack.hi > last->stack.hi ? &gs[i] : last;
	}
	int before = resident(last, AHEAD);
	if (madvise(NULL, 0, 23) != 0) /* MADV_POPULATE_WRITE: the kernel is older than 5.14 */
		return;
	while (stackprefill())
		;
	int readied = resident(last, AHEAD) - before;
	ck_assert_int_ge(readied, 100);
	ck_assert_int_le(readied, USED / 8);
	for (int64_t now = 1; _i == 1 && resident(last, AHEAD) > before; now += 20 * sec)
		stackscavenge(now);
	for (int i = USED; _i == 0 && i < USED + before + readied; i++) {
		gs[i].stackclass = 1;
		stackalloc(allp[0], &gs[i]);
		ck_assert(i % 10 || guarded(&gs[i]));
	}
}
END_TEST

/* Each kind of guard stops a write, and without guards nothing else is different. */
START_TEST(test_guards)
{
	struct g *gs = setup(300);
	debug.stackguard = _i;
	stackinit();
	for (int i = 0; i < 300; i++)
		stackalloc(allp[0], &gs[i]);
	for (int i = 0; i < 300; i += 100)
		ck_assert_int_eq(guarded(&gs[i]), _i < 2);
}
END_TEST

/* ---- overflow ---- */

static volatile int zero;

__attribute__((noinline)) static int recurse(int n)
{
	volatile char frame[64];
	frame[0] = (char)n;
	return zero ? 0 : recurse(n + 1) + frame[0];
}

static void overflower(void)
{
	recurse(0); /* a tail call */
}

static size_t size;

static int overflow_of_size(int argc, char **argv)
{
	(void)argc, (void)argv;
	go_stack(size, overflower);
	gort_sleep(60 * sec);
	return 0;
}

static int overflow_of_main(int argc, char **argv)
{
	(void)argv;
	return recurse(argc) + 1;
}

/* The report, as Go words it, with the whole size and both ends of the stack's calls. */
static void check_report(
	struct child *c, size_t class, const char *goid, const char *began, const char *outermost)
{
	char *end, *head = strstr(c->text, "runtime: goroutine stack exceeds ");
	ck_assert_msg(c->code == 2 && head, "exit %d: %.500s", c->code, c->text);
	size_t limit = strtoul(head + strlen("runtime: goroutine stack exceeds "), &end, 10);
	ck_assert_uint_ge(limit, class - class / 8);
	ck_assert_uint_le(limit, class);
	ck_assert_msg(strncmp(end, "-byte limit\nruntime: sp=0x", 26) == 0, "%.500s", c->text);
	ck_assert_ptr_nonnull(strstr(end, began));
	ck_assert_ptr_nonnull(strstr(end, "\nfatal error: stack overflow\n"));
	ck_assert_ptr_nonnull(strstr(end, goid));
	ck_assert_ptr_nonnull(strstr(end, "recurse("));
	ck_assert_ptr_nonnull(strstr(end, "stack_test.c:"));
	ck_assert_ptr_nonnull(strstr(end, " frames elided...\n"));
	ck_assert_ptr_nonnull(strstr(end, outermost));
}

START_TEST(test_overflow)
{
	setenv("GORT_DEBUG", _i ? "stackguard=1" : "", 1);
	static const size_t sizes[] = {64u << 10, 256u << 10, 1u << 20, 8u << 20};
	for (int i = 0; i < 4; i++) {
		size = sizes[i];
		check_report(run_child(overflow_of_size, 2), size, "\ngoroutine 2 [running]",
			"\nruntime: goroutine 2 began in overflower\n", "recurse(");
	}
	check_report(run_child(overflow_of_main, 1), 256u << 10, "\ngoroutine 1 [running]",
		"\nruntime: goroutine 1 began in maingoroutine\n", "\noverflow_of_main(");
}
END_TEST

/* ---- classes ---- */

static void stack_size_is(size_t least, size_t most, waitgroup *wg)
{
	struct stack s = getg()->stack;
	REQUIRE(s.hi - s.lo >= least && s.hi - s.lo <= most);
	wg_done(wg);
}

static int each_class(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	for (int i = 0; i < 100; i++) {
		wg_add(&wg, 5);
		go(stack_size_is, 200u << 10, 240u << 10, &wg);
		go_small(stack_size_is, 56u << 10, 64u << 10, &wg);
		go_stack(1, stack_size_is, 56u << 10, 64u << 10, &wg);
		go_stack(300000, stack_size_is, 900u << 10, 1u << 20, &wg);
		go_stack(8u << 20, stack_size_is, 7u << 20, 8u << 20, &wg);
		wg_wait(&wg);
	}
	return 5;
}

static int too_large(int argc, char **argv)
{
	(void)argc, (void)argv;
	go_stack((8u << 20) + 1, overflower);
	return 0;
}

START_TEST(test_classes)
{
	expect_code(each_class, 5);
	expect_fatal(too_large, "panic: go: stack of 8388609 bytes: the largest has 8 MiB");
	setenv("GORT_STACK", "1m", 1);
	check_report(run_child(overflow_of_main, 1), 1u << 20, "\ngoroutine 1 [running]",
		"\nruntime: goroutine 1 began in maingoroutine\n", "\noverflow_of_main(");
}
END_TEST

/* ---- memory ---- */

/* A line of /proc/self/status, in bytes. */
static size_t status_bytes(const char *name)
{
	char line[256];
	size_t kib = 0;
	FILE *f = fopen("/proc/self/status", "re");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtoul(line + strlen(name), NULL, 10);
	if (f)
		fclose(f);
	return kib << 10;
}

__attribute__((noinline)) static void deep(waitgroup *wg, chan(int) gate)
{
	volatile char frame[200 << 10];
	for (size_t i = 0; i < sizeof(frame); i += 4096)
		frame[i] = 1;
	wg_done(wg);
	(void)chan_recv(gate);
}

static int deep_then_shallow(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	chan(int) gate = make_chan(int, 0);
	wg_add(&wg, 200);
	for (int i = 0; i < 200; i++)
		go(deep, &wg, gate);
	wg_wait(&wg);
	size_t peak = status_bytes("VmRSS:");
	REQUIRE(peak > 40u << 20);
	chan_close(gate);
	int64_t deadline = monotonic() + patience(30) * sec;
	while (status_bytes("VmRSS:") > peak - (30u << 20))
		if (monotonic() > deadline)
			return 1;
		else
			gort_sleep(50 * ms);
	return 6;
}

START_TEST(test_reclaim)
{
	setenv("GORT_DEBUG", "stackidle=100", 1);
	struct child *c = run_child(deep_then_shallow, 2);
	ck_assert_msg(c->code == 6, "exit %d: %.500s", c->code, c->text);
}
END_TEST

static void parked(chan(int) gate, waitgroup *wg)
{
	wg_done(wg);
	(void)chan_recv(gate);
	wg_done(wg);
}

static long count;

/* Whether the kernel was told not to use huge pages where the stacks are. */
static bool stacks_without_huge_pages(uintptr_t at)
{
	char line[512];
	unsigned long lo, hi;
	bool here = false, nh = false;
	FILE *f = fopen("/proc/self/smaps", "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &lo, &hi) == 2)
			here = lo <= at && at < hi;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			nh |= strstr(line, " nh") != NULL;
	}
	if (f)
		fclose(f);
	return nh;
}

static int park_count(int argc, char **argv)
{
	(void)argc, (void)argv;
	alarm(patience(300));
	for (int round = 0; round < (count < 1000000 ? 2 : 1); round++) {
		waitgroup wg = {0};
		chan(int) gate = make_chan(int, 0);
		wg_add(&wg, count);
		for (long i = 0; i < count; i++)
			go(parked, gate, &wg);
		wg_wait(&wg);
		size_t bytes = status_bytes("VmRSS:") + status_bytes("VmPTE:");
		REQUIRE(gort_num_goroutine() >= count);
		REQUIRE(count < 1000000 || bytes / (size_t)count < 4900);
		REQUIRE(stacks_without_huge_pages(getg()->stack.lo));
		wg_add(&wg, count);
		chan_close(gate);
		wg_wait(&wg);
	}
	return 7;
}

static long available_mib(void)
{
	char line[256];
	long kib = 0;
	FILE *f = fopen("/proc/meminfo", "re");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "MemAvailable: %ld", &kib);
	if (f)
		fclose(f);
	return kib >> 10;
}

/* Without the kernel's guard pages there are fewer; with, vm.max_map_count does not matter. */
START_TEST(test_million)
{
	if (available_mib() < 7000) {
		fprintf(stderr, "needs 7 GB of memory\n");
		exit(77);
	}
#ifdef GORT_ASAN /* it needs several times the memory */
	const long most = 20000;
#else
	const long most = 1000000;
#endif
	count = most < 40000 ? most : 40000;
	setenv("GORT_DEBUG", "stackguard=1", 1);
	struct child *c = run_child(park_count, 2);
	ck_assert_msg(c->code == 7, "exit %d: %.2000s", c->code, c->text);
	setenv("GORT_DEBUG", "", 1);
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	count = madvise(p, 4096, 102) == 0 || most < 100000 ? most : 100000;
	c = run_child(park_count, 2);
	ck_assert_msg(c->code == 7, "exit %d: %.2000s", c->code, c->text);
}
END_TEST

static void add(Suite *s, const char *name, const TTest *test, int rounds)
{
	TCase *tc = tcase_create(name);
	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, test, 0, rounds);
	suite_add_tcase(s, tc);
}

static Suite *test_suite(void)
{
	Suite *s = suite_create("stack");
	add(s, "slots", test_slots, 1);
	add(s, "reuse", test_reuse, 1);
	add(s, "prefill", test_prefill, 2);
	add(s, "guards", test_guards, 3);
	add(s, "overflow", test_overflow, 2);
	add(s, "classes", test_classes, 1);
	add(s, "reclaim", test_reclaim, 1);
	add(s, "million", test_million, 1);
	return s;
}

#include "check_main.h"
