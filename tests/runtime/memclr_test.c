/* SPDX-License-Identifier: BSD-2-Clause */
/* memclr_test.c - zeroing and copying: all lengths, all places in a line, with AVX2 and without. */
#include "mem/memclr.h"
#include "suite.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROOM   8192u /* readable, between pages that are not */
#define EDGE   4096u
#define AROUND 64u /* bytes on either side that have to stay */
#define OLD    0xa5

static unsigned char *fenced(void)
{
	unsigned char *p =
		mmap(NULL, ROOM + 2 * EDGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	ck_assert_int_eq(mprotect(p + EDGE, ROOM, PROT_READ | PROT_WRITE), 0);
	return p + EDGE;
}

static unsigned char contents(size_t i)
{
	return (unsigned char)(i * 7 + 1) | 1;
}

/* Calls f with all places in a line and all lengths up to four lines, and some of kilobytes. */
static void everywhere(void (*f)(size_t at, size_t n))
{
	static const size_t more[] = {511, 512, 1984, 2048, 2049, 4000, 4096, 6784};
	for (size_t at = 0; at < 64; at++) {
		for (size_t n = 0; n <= 257; n++)
			f(at, n);
		for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++)
			f(at, more[i]);
	}
}

static unsigned char *target, *source;

/* Only the n bytes at p were changed; want: into these. */
static void check(const unsigned char *p, const unsigned char *want, size_t n)
{
	if (memcmp(p, want, n))
		ck_abort_msg("%zu bytes at %p: wrong", n, (const void *)p);
	for (size_t i = 1; i <= AROUND; i++)
		if (p[-(ptrdiff_t)i] != OLD || p[n + i - 1] != OLD)
			ck_abort_msg("%zu bytes at %p: more than these", n, (const void *)p);
}

static void clearone(size_t at, size_t n)
{
	static const unsigned char zeros[ROOM];
	unsigned char *p = target + AROUND + at;
	memset(p - AROUND, OLD, n + 2 * AROUND);
	memclr(p, n);
	check(p, zeros, n);
}

/* From the first bytes, and from the last ones, before what cannot be read. */
static void copyone(size_t at, size_t n)
{
	unsigned char *p = target + AROUND + at;
	const unsigned char *const from[] = {source, source + ROOM - n, source + at};
	for (size_t i = 0; i < 3; i++) {
		memset(p - AROUND, OLD, n + 2 * AROUND);
		memcopy(p, from[i], n);
		check(p, from[i], n);
	}
}

static void prepare(void)
{
	target = fenced();
	source = fenced();
	for (size_t i = 0; i < ROOM; i++)
		source[i] = contents(i);
	memclrinit();
}

/* As this CPU does it, which the compiler is asked about, too. */
START_TEST(test_wide)
{
	ck_assert_int_eq(memwide, __builtin_cpu_supports("avx2") != 0);
	everywhere(clearone);
	everywhere(copyone);
}
END_TEST

START_TEST(test_libc)
{
	memwide = false;
	everywhere(clearone);
	everywhere(copyone);
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"memclr", .setup = prepare,
		.units = {{"wide", test_wide}, {"libc", test_libc}, {0}}});
}

#include "check_main.h"
