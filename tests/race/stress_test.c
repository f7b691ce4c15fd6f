/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress_test.c - two threads touch each of many words at the same moment, without order: every
 * word must be found, whatever the interleaving of the two (invariant 3 of shadow.h).
 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "atomics.h"

#define WORDS (1u << 20)
#define BASE  0x20000000000ul /* never dereferenced: only its shadow is used */

enum mode { WRITE_WRITE, WRITE_READ, HALVES, BYTE_WORD, MIXED, ATOMIC, CHAINED, DISJOINT };

static enum mode mode;
static _Atomic uint8_t found[WORDS];
static _Atomic uint32_t progress[2];
static struct thread threads[2];

void on_race(const struct race *r)
{
	store_rlx(&found[(r->addr - BASE) / 8], 1);
}

/* The second finds the cell held (sync.h). Objects are not kept: a million take much memory. */
static void two_updates(struct thread *t, uintptr_t a)
{
	for (int i = 0; i < 2; i++)
		atomic_updated(t, atomic_enter(t, a, 8, 0, 1), true, true);
	sync_forget(a - 64 * 8ul, 1);
}

static void touch(struct thread *t, uint32_t id, uintptr_t a, uint32_t i)
{
	switch (mode) {
	case WRITE_WRITE:
		access_bytes(t, a, 8, 0, 1);
		break;
	case WRITE_READ:
		access_bytes(t, a, 8, id ? 0 : TAG_READ, 1);
		break;
	case HALVES:
		access_bytes(t, id ? a : a + (i & 1) * 4, id ? 8 : 4, 0, 1);
		break;
	case BYTE_WORD:
		access_bytes(t, id ? a + (i & 7) : a, id ? 1 : 8, id ? 0 : TAG_READ, 1);
		break;
	case MIXED:
		access_bytes(t, a + id * 4, 4, TAG_READ, 1);
		access_bytes(t, a + !id * 4, 4, 0, 2);
		break;
	case ATOMIC:
		access_bytes(t, a, 8, id ? TAG_ATOMIC : i & 1 ? TAG_READ : 0, 1);
		break;
	case CHAINED:
		if (id)
			access_bytes(t, a, 8, i & 1 ? TAG_READ : 0, 1);
		else
			two_updates(t, a);
		break;
	case DISJOINT:
		access_bytes(t, a + id, 1, 0, 1);
	}
}

/* The two stay within 16 words of each other, as long as both run. */
static void keep_step(uint32_t id, uint32_t i)
{
	store_rlx(&progress[id], i + 1);
	for (int spin = 0; load_rlx(&progress[!id]) < i + 1 && spin < 5000; spin++)
		;
}

static void *run(void *arg)
{
	uint32_t id = arg == &threads[1];
	for (uint32_t i = 0; i < WORDS; i++) {
		if (i % 16 == 0)
			keep_step(id, i);
		touch(&threads[id], id, BASE + i * 8ul, i);
	}
	return NULL;
}

static uint32_t race_all(enum mode m)
{
	pthread_t th[2];
	uint32_t n = 0;
	mode = m;
	struct thread root = {0};
	shadow_map();
	thread_main(&root, 1);
	for (int i = 0; i < 2; i++)
		thread_begin(&threads[i], thread_fork(&root, 0), 1);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&th[i], NULL, run, &threads[i]), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(th[i], NULL);
	for (uint32_t i = 0; i < WORDS; i++)
		n += load_rlx(&found[i]);
	return n;
}

START_TEST(racing)
{
	ck_assert_uint_eq(race_all((enum mode)_i), WORDS);
}
END_TEST

START_TEST(disjoint)
{
	ck_assert_uint_eq(race_all(DISJOINT), 0);
}
END_TEST

Suite *test_suite(void);

Suite *test_suite(void)
{
	static const char *const names[] = {
		"write_write", "write_read", "halves", "byte_word", "mixed", "atomic", "chained"};
	Suite *s = suite_create("stress");
	for (int i = 0; i < DISJOINT; i++) {
		TCase *tc = tcase_create(names[i]);
		tcase_set_timeout(tc, 60);
		tcase_add_loop_test(tc, racing, i, i + 1);
		suite_add_tcase(s, tc);
	}
	TCase *tc = tcase_create("disjoint");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, disjoint);
	suite_add_tcase(s, tc);
	return s;
}

#include "check_main.h"
