/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * near_test.c - what the program calls directly: near.S against the inline functions that it
 * repeats, for cells and addresses of all kinds; and the decoder of instructions.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "access.h"
#include "base/x86.h"
#include "suite.h"

#define MEM 0x20000000000ul /* only its shadow is used */

extern char near_begin[], near_end[];
extern uint64_t near_me, near_slow_read, near_slow_write, near_slow_entry;
void near_read1(void), near_read2(void), near_read4(void), near_read8(void);
void near_write1(void), near_write2(void), near_write4(void), near_write8(void);
void near_entry(void), near_exit(void);

static __thread struct thread me;
static char *copy;
static struct {
	int calls;
	bool write;
	uint64_t addr;
	uint32_t n;
	uint64_t pc;
} missed;

void on_race(const struct race *r)
{
	(void)r;
}

static void slow_read(uintptr_t a, uint32_t n, uint64_t pc)
{
	missed.calls++;
	missed.write = false;
	missed.addr = a;
	missed.n = n;
	missed.pc = pc;
}

static void slow_write(uintptr_t a, uint32_t n, uint64_t pc)
{
	slow_read(a, n, pc);
	missed.write = true;
}

static void slow_entry(uint64_t pc)
{
	frames_grow(&me);
	func_enter(&me, pc);
}

static void set(const uint64_t *slot, uint64_t value)
{
	memcpy(copy + ((const char *)slot - near_begin), &value, sizeof value);
}

static void (*copied(void (*fn)(void)))(uintptr_t)
{
	return (void (*)(uintptr_t))(copy + ((char *)(uintptr_t)fn - near_begin));
}

static void setup(void)
{
	copy = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(copy != MAP_FAILED && (size_t)(near_end - near_begin) <= PAGE);
	memcpy(copy, near_begin, (size_t)(near_end - near_begin));
	set(&near_me, (uintptr_t)&me - (uintptr_t)__builtin_thread_pointer());
	set(&near_slow_read, (uintptr_t)slow_read);
	set(&near_slow_write, (uintptr_t)slow_write);
	set(&near_slow_entry, (uintptr_t)slow_entry);
	ck_assert_int_eq(mprotect(copy, PAGE, PROT_READ | PROT_EXEC), 0);
	shadow_map();
	thread_main(&me, 1);
}

static const struct {
	uint32_t n;
	void (*read)(void), (*write)(void);
} sizes[] = {
	{1, near_read1, near_write1},
	{2, near_read2, near_write2},
	{4, near_read4, near_write4},
	{8, near_read8, near_write8},
};

static uint32_t rnd(uint32_t n)
{
	static uint32_t seed = 1;
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * n >> 32);
}

/* The tag of a slot: often the thread's own, else one that differs a little. */
static uint64_t some_tag(void)
{
	static const uint64_t other[] = {0, TAG_READ, TAG_ATOMIC, TAG_INFLATED, TAG_LOCKED,
		1ull << 12, 1ull << 31, 1ull << 32, 1ull << 63, TAG_READ | TAG_ATOMIC};
	uint64_t mask = rnd(3) ? 0xff : rnd(256);
	uint64_t tag = ((me.tag ^ other[rnd(3) ? rnd(2) : rnd(10)]) & ~TAG_MASK) | mask;
	return rnd(16) ? tag : 0;
}

static int misses(void (*fn)(void), uintptr_t addr)
{
	missed.calls = 0;
	copied(fn)(addr);
	return missed.calls;
}

/* An access of n bytes at offset `at` of a word with these slots; true when it is a hit. */
static bool one_access(uint32_t s, uint32_t at, bool write)
{
	uint32_t n = sizes[s].n;
	uintptr_t addr = MEM + at;
	struct cell *c = cell_of(addr);
	uint64_t mask = ((1ull << n) - 1) << at;
	bool hit = at % n == 0 && (write ? write_hit : read_hit)(&me, addr, mask);
	int missing = misses(write ? sizes[s].write : sizes[s].read, addr);
	bool other = missed.write != write || missed.addr != addr || missed.n != n;
	if (missing == hit || (missing && other))
		ck_abort_msg("%s%u at %u: w %lx r %lx of %lx", write ? "write" : "read", n, at,
			(unsigned long)c->w, (unsigned long)c->r, (unsigned long)me.tag);
	return hit;
}

/* No hit is claimed that the inline functions do not see; of aligned ones none is overlooked. */
START_TEST(hits)
{
	int hit = 0, rounds = 300000;
	for (int i = 0; i < rounds; i++) {
		struct cell *c = cell_of(MEM);
		c->w = some_tag();
		c->r = some_tag();
		hit += one_access(rnd(4), rnd(8), rnd(2));
	}
	ck_assert_int_gt(hit, rounds / 10);
	ck_assert_int_lt(hit, rounds / 2);
}
END_TEST

static __attribute__((noinline)) uint64_t pc_of_miss(void)
{
	cell_of(MEM)->w = cell_of(MEM)->r = 0;
	copied(near_write8)(MEM);
	__asm__ volatile("");
	return missed.pc;
}

/* The pc is the return address into the caller. */
START_TEST(caller)
{
	uint64_t start = (uintptr_t)pc_of_miss, pc = pc_of_miss();
	ck_assert(pc > start && pc < start + 256);
}
END_TEST

START_TEST(calls)
{
	static struct thread same;
	thread_begin(&same, thread_fork(&me, 0), 1);
	for (uint64_t pc = 1; pc < 5000; pc++) {
		copied(near_entry)(pc);
		func_enter(&same, pc);
		if (me.sp->pc != pc || me.sp->hash != same.sp->hash ||
			me.sp - me.base != same.sp - same.base)
			ck_abort_msg("call %lu", (unsigned long)pc);
		if (pc % 3 == 0) {
			copied(near_exit)(0);
			func_exit(&same);
		}
	}
	while (me.sp != me.base)
		copied(near_exit)(0);
	copied(near_exit)(0);
	ck_assert_ptr_eq(me.sp, me.base);
}
END_TEST

/* Hex digits, two a byte, a full stop where the instruction ends. */
static const char *const known[] = {"55.", "90.", "c3.", "c21000.", "c8100000.", "6aff.",
	"6801000000.", "66680100.", "b801000000.", "48b80102030405060708.", "66b80100.", "b0ff.",
	"04ff.", "0501000000.", "6605ffff.", "a1ffffffffffffffff.", "67a1ffffffff.", "83c001.",
	"81c0ff000000.", "6681c0ff00.", "c70001000000.", "66c7000100.", "c6000f.", "69c001000000.",
	"6bc001.", "8b00.", "8b4010.", "8b8000010000.", "8b0500000000.", "8b0424.", "8b442410.",
	"8b842400010000.", "8b042500000000.", "8b4500.", "f6c001.", "f7c001000000.", "66f7c00100.",
	"f6d8.", "f7d8.", "f7f1.", "e801000000.", "666648e801000000.", "67e801000000.", "eb10.",
	"7410.", "0f8401000000.", "ff1501000000.", "ff2501000000.", "f2ff2501000000.", "f30f1efa.",
	"0f1f00.", "662e0f1f840000000000.", "0fb6c0.", "0fa4c004.", "0fbae003.", "0fc20001.",
	"0f05.", "0f0b.", "0fc8.", "f0480fb111.", "f30fb8c0.", "660f3800c1.", "660f3a0fc104.",
	"c5f877.", "c5fd6f00.", "c4e27918c0.", "c4e3791500ff.", "c5e9c6c101.", "62f17c4810400a.",
	"62f37d4825c0ff.", "4c8d350000e000.", "64488b042528000000.", "f3a4.", "48ffc0.", "0f01f9.",
	"dd442408."};

static size_t bytes_of(const char *text, unsigned char *out)
{
	unsigned v;
	size_t n = 0;
	for (; *text != '.'; text += 2, n++) {
		ck_assert_int_eq(sscanf(text, "%2x", &v), 1);
		out[n] = (unsigned char)v;
	}
	return n;
}

START_TEST(lengths)
{
	struct insn in;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		unsigned char code[32];
		memset(code, 0x24, sizeof code);
		size_t n = bytes_of(known[i], code);
		bool all = insn_decode(&in, code, sizeof code);
		ck_assert_msg(all && in.length == n, "%s: %u", known[i], in.length);
		ck_assert_msg(!insn_decode(&in, code, n - 1), "%s: without its end", known[i]);
	}
}
END_TEST

START_TEST(unknown)
{
	static const char *const none[] = {"06.", "9a.", "d4.", "ea.", "0f04.", "0f0f.", "66e8."};
	struct insn in;
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		unsigned char code[16] = {0};
		bytes_of(none[i], code);
		ck_assert_msg(!insn_decode(&in, code, sizeof code), "%s", none[i]);
	}
	unsigned char prefixes[32];
	memset(prefixes, 0x66, sizeof prefixes);
	ck_assert(!insn_decode(&in, prefixes, sizeof prefixes));
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"near", .seconds = 60, .setup = setup,
		.units = {
			{"hits", hits},
			{"caller", caller},
			{"calls", calls},
			{"lengths", lengths},
			{"unknown", unknown},
		}});
}

#include "check_main.h"
