/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cunwind.c - the CFI unwinder on the stack of this very process: frames without frame
 * pointer, with every saved register, realigned, interrupted by a signal, without CFI, deep, and
 * garbage.
 */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include <sys/uio.h>
#include "probes/cunwind.h"
#include "probes/symbolize.h"
#include "chain.h"
#include "suite.h"

Suite *test_suite(void);

#include "check_main.h"

#define MAX_FRAMES 64

static struct modules *ms;
static struct cunwind *u;
static struct cframe frames[MAX_FRAMES];
static size_t nframes;
static enum cunwind_end how_it_ended;
static size_t copied; /* how much of the stack the copy holds; the rest is read on demand */
static uint64_t stack_hi;
static uint8_t copy[1 << 16];

static struct target self;

static bool read_self(void *ctx, uint64_t addr, void *buf, size_t len)
{
	(void)ctx;
	struct iovec to = {buf, len}, from = {(void *)(uintptr_t)addr, len};
	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)len;
}

/* Unwinds from its own caller. */
__attribute__((noinline)) void bottom(void)
{
	struct cregs regs = {0};
	uint64_t *r = regs.r;
	__asm__ volatile("mov %%rbx, %0" : "=m"(r[CREG_RBX]));
	__asm__ volatile("mov %%rbp, %0" : "=m"(r[CREG_RBP]));
	__asm__ volatile("mov %%rsp, %0" : "=m"(r[CREG_RSP]));
	__asm__ volatile("mov %%r12, %0" : "=m"(r[12]));
	__asm__ volatile("mov %%r13, %0" : "=m"(r[13]));
	__asm__ volatile("mov %%r14, %0" : "=m"(r[14]));
	__asm__ volatile("mov %%r15, %0" : "=m"(r[15]));
	uint64_t pc;
	__asm__ volatile("lea 0(%%rip), %0" : "=r"(pc));
	r[CREG_RA] = pc;
	struct cstack s = {.lo = r[CREG_RSP],
		.hi = stack_hi,
		.base = r[CREG_RSP],
		.copy = copy,
		.len = copied,
		.read = read_self};
	memcpy(copy, (void *)(uintptr_t)r[CREG_RSP], copied);
	how_it_ended = cunwind_stack(u, &regs, false, &s, frames, MAX_FRAMES, &nframes);
}

static void setup(void)
{
	pthread_attr_t attr;
	void *lo;
	size_t size;
	ck_assert_int_eq(pthread_getattr_np(pthread_self(), &attr), 0);
	pthread_attr_getstack(&attr, &lo, &size);
	pthread_attr_destroy(&attr);
	stack_hi = (uintptr_t)lo + size;
	target_init(&self, getpid(), NULL);
	ms = modules_open(&self);
	u = cunwind_new(ms);
	copied = 512;
}

static void teardown(void)
{
	cunwind_free(u);
	modules_close(ms);
}

/* The functions, leaf first, must begin with these; then come those of Check. */
static void check_functions(const char *const *names)
{
	struct symbolizer *s = symbolizer_over(ms);
	for (size_t i = 0; names[i]; i++) {
		ck_assert_uint_lt(i, nframes);
		const struct sym_pc *a = symbolizer_find(s, frames[i].pc - frames[i].callsite);
		ck_assert_str_eq(a->frames[a->nframes - 1].func, names[i]);
	}
	symbolizer_close(s);
}

static bool reaches_main(void)
{
	bool found = false;
	struct symbolizer *s = symbolizer_over(ms);
	for (size_t i = 0; i < nframes; i++) {
		const struct sym_pc *a = symbolizer_find(s, frames[i].pc - frames[i].callsite);
		const char *func = a->frames[a->nframes - 1].func;
		found |= func && !strcmp(func, "main");
	}
	symbolizer_close(s);
	return found;
}

START_TEST(frames_without_frame_pointer)
{
	const char *want[] = {"bottom", "chain_plain", "chain_saves_registers", NULL};
	chain_saves_registers(3);
	check_functions(want);
	ck_assert_int_eq(how_it_ended, CUNWIND_OUTERMOST);
	ck_assert(reaches_main());
}
END_TEST

START_TEST(a_realigned_frame)
{
	const char *want[] = {
		"bottom", "chain_plain", "chain_saves_registers", "chain_realigned", NULL};
	chain_realigned(3);
	check_functions(want);
	ck_assert_int_eq(how_it_ended, CUNWIND_OUTERMOST);
	ck_assert(reaches_main());
}
END_TEST

START_TEST(without_cfi_the_frame_pointer_is_followed)
{
	const char *want[] = {"bottom", "chain_plain", "chain_frame_pointer", NULL};
	chain_frame_pointer(3);
	check_functions(want);
	ck_assert(reaches_main());
}
END_TEST

START_TEST(every_size_of_copy_gives_the_same)
{
	struct cframe first[MAX_FRAMES];
	chain_realigned(3);
	size_t n = nframes;
	memcpy(first, frames, sizeof first);
	for (copied = 0; copied <= 2048; copied += 72) {
		chain_realigned(3);
		ck_assert_uint_eq(nframes, n);
		ck_assert_uint_eq(frames[2].pc, first[2].pc);
		ck_assert_uint_eq(frames[n - 1].pc, first[n - 1].pc);
	}
}
END_TEST

static void on_signal(int sig)
{
	(void)sig;
	chain_plain(1);
	__asm__ volatile("" ::: "memory");
}

START_TEST(a_signal_frame_is_crossed)
{
	const char *want[] = {"bottom", "chain_plain", "on_signal", NULL};
	struct sigaction sa = {.sa_handler = on_signal};
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	check_functions(want);
	ck_assert_int_eq(how_it_ended, CUNWIND_OUTERMOST);
	ck_assert(reaches_main());
	bool interrupted = false;
	for (size_t i = 1; i < nframes; i++)
		interrupted |= !frames[i].callsite;
	ck_assert(interrupted);
}
END_TEST

START_TEST(deep_recursion_is_cut)
{
	chain_recursive(200);
	ck_assert_int_eq(how_it_ended, CUNWIND_FULL);
	ck_assert_uint_eq(nframes, MAX_FRAMES);
	ck_assert_uint_eq(frames[5].pc, frames[MAX_FRAMES - 1].pc);
}
END_TEST

/* Memory that changed under the reader: anything but a crash or an endless walk. */
START_TEST(garbage_ends_the_walk)
{
	uint64_t words[512], x = 88172645463325252u;
	for (int round = 0; round < 2000; round++) {
		for (size_t i = 0; i < 512; i++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			words[i] = x % 3 ? 0x10000 + x % sizeof words
					 : (uint64_t)(uintptr_t)chain_plain + x % 64;
		}
		struct cstack s = {.lo = 0x10000,
			.hi = 0x10000 + sizeof words,
			.base = 0x10000,
			.copy = (uint8_t *)words,
			.len = sizeof words};
		struct cregs regs = {0};
		for (size_t i = 0; i < CREG_COUNT; i++)
			regs.r[i] = words[i];
		regs.r[CREG_RSP] = round % 2 ? 0x10000 : words[20];
		regs.r[CREG_RA] = (uint64_t)(uintptr_t)chain_plain + x % 64;
		cunwind_stack(u, &regs, true, &s, frames, MAX_FRAMES, &nframes);
		ck_assert_uint_ge(nframes, 1);
	}
}
END_TEST

Suite *test_suite(void)
{
	return suite_of(
		&(struct units){"cunwind", .seconds = 60, .setup = setup, .teardown = teardown,
			.units = {
				{"cfi", frames_without_frame_pointer},
				{"realigned", a_realigned_frame},
				{"frame_pointer", without_cfi_the_frame_pointer_is_followed},
				{"copies", every_size_of_copy_gives_the_same},
				{"signal", a_signal_frame_is_crossed},
				{"deep", deep_recursion_is_cut},
				{"garbage", garbage_ends_the_walk},
			}});
}
