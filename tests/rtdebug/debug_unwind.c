/* SPDX-License-Identifier: BSD-2-Clause */
/* debug_unwind.c - the in-process unwinder against glibc's backtrace(), and on garbage. */
#include <check.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "debug/module.h"
#include "debug/unwind.h"

#define MAX 512

struct walk {
	uint64_t pcs[MAX];
	int n;
	bool complete;
};

static struct walk ours;
static void *theirs[MAX];
static int ntheirs;

static void stack_bounds(uintptr_t *lo, uintptr_t *hi)
{
	pthread_attr_t attr;
	void *base;
	size_t size;
	ck_assert_int_eq(pthread_getattr_np(pthread_self(), &attr), 0);
	pthread_attr_getstack(&attr, &base, &size);
	pthread_attr_destroy(&attr);
	*lo = (uintptr_t)base;
	*hi = *lo + size;
}

static void walk_from(const struct regs *regs, uintptr_t lo, uintptr_t hi, struct walk *w)
{
	struct unwinder u;
	unwind_init(&u, regs, lo, hi, false);
	w->n = 0;
	do {
		w->pcs[w->n++] = u.regs.r[DW_RIP];
	} while (w->n < MAX && unwind_next(&u));
	w->complete = u.complete;
}

/*
 * Same frames, counted from the outermost one, up to the function that made both walks: there each
 * starts at its own call, and a sanitizer's backtrace() adds frames of its own. `extra` more belong
 * to a signal handler that only backtrace() sees.
 */
static void compare(int extra)
{
	int more = ntheirs - ours.n;
	ck_assert(ours.complete);
	ck_assert_int_ge(more, extra);
	ck_assert_int_le(more, extra + 2);
	for (int i = 1; i < ours.n; i++)
		ck_assert_uint_eq(ours.pcs[i], (uint64_t)(uintptr_t)theirs[i + more]);
}

static __attribute__((noinline)) void walk_here(bool bounded)
{
	uintptr_t lo = 0, hi = 0;
	struct regs regs = {{0}};
	if (bounded)
		stack_bounds(&lo, &hi);
	ntheirs = backtrace(theirs, MAX);
	regs_here(&regs);
	walk_from(&regs, lo, hi, &ours);
	walk_from(&regs, lo, hi, &ours); /* once more from the row cache */
}

static int in_qsort(const void *a, const void *b)
{
	(void)a;
	(void)b;
	walk_here(true);
	return 0;
}

static __attribute__((noinline)) int deep(int depth, int (*at_end)(void))
{
	volatile char room[depth % 7 * 24 + 8];
	room[0] = (char)depth;
	int sum = depth ? deep(depth - 1, at_end) : at_end();
	return sum + room[0];
}

static __attribute__((noinline)) int aligned(int depth, int (*at_end)(void))
{
	_Alignas(64) volatile char wide[64];
	wide[depth] = 1;
	return deep(depth, at_end) + wide[depth];
}

static int end_bounded(void)
{
	walk_here(true);
	return 1;
}

static int end_unbounded(void)
{
	walk_here(false);
	return 1;
}

static int end_qsort(void)
{
	int pair[2] = {2, 1};
	qsort(pair, 2, sizeof pair[0], in_qsort);
	return pair[0];
}

START_TEST(equals_backtrace)
{
	deep(200, end_bounded);
	ck_assert_int_gt(ours.n, 200);
	compare(0);
	aligned(3, end_bounded);
	compare(0);
	deep(40, end_qsort);
	compare(0);
}
END_TEST

START_TEST(without_bounds)
{
	deep(30, end_unbounded);
	compare(0);
}
END_TEST

static volatile sig_atomic_t handled;

static void from_context(int sig, siginfo_t *info, void *context)
{
	uintptr_t lo = 0, hi = 0;
	struct regs regs;
	(void)sig;
	(void)info;
	ntheirs = backtrace(theirs, MAX);
	regs_of_ucontext(context, &regs);
	walk_from(&regs, lo, hi, &ours);
	handled = 1;
}

static void through_frame(int sig)
{
	(void)sig;
	walk_here(false);
	handled = 2;
}

static int (*volatile nowhere)(void);

static int end_bad_call(void)
{
	return nowhere() + 1;
}

/* Returns from the call that went to address 0. */
static void return_from_nowhere(int sig, siginfo_t *info, void *context)
{
	greg_t *gregs = ((ucontext_t *)context)->uc_mcontext.gregs;
	from_context(sig, info, context);
	gregs[REG_RIP] = *(greg_t *)gregs[REG_RSP];
	gregs[REG_RSP] += 8;
	gregs[REG_RAX] = 0;
}

static int end_raise(void)
{
	raise(SIGUSR1);
	return 1;
}

static void install(
	int sig, void (*action)(int, siginfo_t *, void *), void (*simple)(int), int flags)
{
	struct sigaction sa = {.sa_flags = flags};
	if (action)
		sa.sa_sigaction = action;
	else
		sa.sa_handler = simple;
	ck_assert_int_eq(sigaction(sig, &sa, NULL), 0);
}

START_TEST(interrupted_context)
{
	static char alternate[65536];
	stack_t ss = {.ss_sp = alternate, .ss_size = sizeof alternate};
	ck_assert_int_eq(sigaltstack(&ss, NULL), 0);
	install(SIGUSR1, from_context, NULL, SA_SIGINFO | SA_ONSTACK);
	deep(20, end_raise);
	ck_assert_int_eq(handled, 1);
	compare(2); /* the handler and the trampoline */
}
END_TEST

START_TEST(through_a_signal_frame)
{
	install(SIGUSR1, NULL, through_frame, 0);
	deep(20, end_raise);
	ck_assert_int_eq(handled, 2);
	compare(0);
}
END_TEST

static void *on_thread(void *arg)
{
	(void)arg;
	deep(60, end_bounded);
	compare(0);
	return NULL;
}

START_TEST(on_threads)
{
	for (int i = 0; i < 4; i++) {
		pthread_t t;
		ck_assert_int_eq(pthread_create(&t, NULL, on_thread, NULL), 0);
		pthread_join(t, NULL);
	}
}
END_TEST

/* Registers and a stack full of plausible nonsense: the walk ends and touches nothing outside. */
START_TEST(survives_garbage)
{
	size_t size = 16384;
	char *base = mmap(NULL, size + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(base, MAP_FAILED);
	uint64_t *stack = (uint64_t *)(base + 4096);
	ck_assert_int_eq(mprotect(stack, size, PROT_READ | PROT_WRITE), 0);
	uint64_t lo = (uintptr_t)stack, hi = lo + size;
	srand(7);
	for (int round = 0; round < 20000; round++) {
		struct regs regs;
		struct walk w;
		for (size_t i = 0; i < 64; i++) {
			uint64_t code = (uintptr_t)&deep + (uint64_t)rand() % 65536;
			stack[(size_t)rand() % (size / 8)] =
				rand() % 2 ? code : lo - 64 + (uint64_t)rand() % (size + 128);
		}
		for (int i = 0; i < NREGS; i++)
			regs.r[i] = lo - 64 + (uint64_t)rand() % (size + 128);
		regs.r[DW_RIP] =
			rand() % 4 ? (uintptr_t)&deep + (uint64_t)rand() % 65536 : (uint64_t)rand();
		walk_from(&regs, lo, hi, &w);
		ck_assert_int_le(w.n, MAX);
	}
}
END_TEST

START_TEST(bad_call)
{
	install(SIGSEGV, return_from_nowhere, NULL, SA_SIGINFO);
	deep(10, end_bad_call);
	ck_assert(ours.complete);
	ck_assert_int_gt(ours.n, 12);
}
END_TEST

static void refresh(void)
{
	modules_refresh();
}

static void add_case(Suite *s, const char *name, const TTest *a, const TTest *b)
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, refresh, NULL);
	tcase_add_test(tc, a);
	if (b)
		tcase_add_test(tc, b);
	suite_add_tcase(s, tc);
}

static Suite *test_suite(void)
{
	Suite *s = suite_create("debug_unwind");
	add_case(s, "backtrace", equals_backtrace, without_bounds);
	add_case(s, "signal", interrupted_context, through_a_signal_frame);
	add_case(s, "threads", on_threads, bad_call);
	add_case(s, "garbage", survives_garbage, NULL);
	return s;
}

#include "check_main.h"
