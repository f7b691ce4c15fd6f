/* SPDX-License-Identifier: BSD-2-Clause */
/* pclntab.c on the table of goimage.h, cut short at every length and with every word wrong. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include "goimage.h"
#include "probes/pclntab.h"

Suite *test_suite(void);

static struct goimage im;
static struct pclntab tab;

static void open_table(void)
{
	goimage_make(&im);
	ck_assert_int_eq(pclntab_init(&tab, im.bytes + AT_TABLE, TAB_LEN), 0);
}

/* Asks everything about every function; what the answers are does not matter here. */
static void walk(const struct pclntab *t)
{
	static const char *const names[] = {"runtime.goexit", "runtime.none"};
	uint32_t idx[2], line;
	for (uint32_t off = 0; off < F_END + 8; off++) {
		struct gofunc f;
		if (!pclntab_find(t, off, &f))
			continue;
		pclntab_value(t, &f, f.pcsp, off);
		pclntab_value(t, &f, pclntab_pcdata(t, &f, PCDATA_INLTREE), off);
		pclntab_funcdata(t, &f, FUNCDATA_INLTREE);
		pclntab_line(t, &f, off, &line);
	}
	pclntab_lookup(t, names, idx, 2);
}

START_TEST(edges)
{
	struct gofunc f;
	uint32_t line;
	open_table();
	ck_assert(pclntab_find(&tab, F_PARK, &f));
	ck_assert_int_eq(pclntab_value(&tab, &f, f.pcsp, F_PARK), 40);
	ck_assert_int_eq(pclntab_value(&tab, &f, f.pcsp, F_WORK - 1), 40);
	ck_assert_int_eq(pclntab_value(&tab, &f, f.pcsp, F_WORK), -1); /* past its table */
	ck_assert_int_eq(pclntab_value(&tab, &f, 0, F_PARK), -1);
	uint32_t inl = pclntab_pcdata(&tab, &f, PCDATA_INLTREE);
	ck_assert_int_eq(pclntab_value(&tab, &f, inl, F_PARK + 7), -1);
	ck_assert_int_eq(pclntab_value(&tab, &f, inl, F_PARK + 8), 0);
	ck_assert_uint_eq(pclntab_pcdata(&tab, &f, 4), 0);
	ck_assert_uint_eq(pclntab_funcdata(&tab, &f, FUNCDATA_INLTREE), 0);
	ck_assert_uint_eq(pclntab_funcdata(&tab, &f, 7), UINT32_MAX);
	ck_assert_str_eq(pclntab_line(&tab, &f, F_PARK, &line), "/src/main.go");
	ck_assert_uint_eq(line, 30);
}
END_TEST

START_TEST(header)
{
	open_table();
	for (size_t i = 0; i < 4; i++) { /* magic */
		im.bytes[AT_TABLE + i] ^= 1;
		ck_assert_int_eq(pclntab_init(&tab, im.bytes + AT_TABLE, TAB_LEN), -EPROTO);
		im.bytes[AT_TABLE + i] ^= 1;
	}
	im.bytes[AT_TABLE + 7] = 4; /* pointers of 32 bits */
	ck_assert_int_eq(pclntab_init(&tab, im.bytes + AT_TABLE, TAB_LEN), -EPROTO);
	im.bytes[AT_TABLE + 7] = 8;
	ck_assert_int_eq(pclntab_init(&tab, im.bytes + AT_TABLE, 71), -EPROTO);
	put64(&im, AT_TABLE + 8, TAB_LEN); /* more functions than the table has room for */
	ck_assert_int_eq(pclntab_init(&tab, im.bytes + AT_TABLE, TAB_LEN), -EPROTO);
}
END_TEST

/* The copy is malloc'ed to its exact size so that a sanitizer or valgrind sees one byte too far. */
START_TEST(cut_short)
{
	open_table();
	for (size_t len = 0; len < TAB_LEN; len++) {
		uint8_t *copy = malloc(len + 1);
		memcpy(copy, im.bytes + AT_TABLE, len);
		struct pclntab t;
		if (!pclntab_init(&t, copy, len))
			walk(&t);
		free(copy);
	}
}
END_TEST

START_TEST(wrong_words)
{
	static const uint64_t bad[] = {0, 1, 0x7fffffff, UINT32_MAX - 1, UINT32_MAX, UINT64_MAX};
	for (size_t at = 8; at < TAB_LEN; at += 4) {
		for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
			struct pclntab t;
			goimage_make(&im);
			put(&im, AT_TABLE + at, &bad[i], at < TAB_NAMES ? 8 : 4);
			if (!pclntab_init(&t, im.bytes + AT_TABLE, TAB_LEN))
				walk(&t);
		}
	}
}
END_TEST

/* A table whose steps never reach the pc ends with it, not with the machine's patience. */
START_TEST(no_progress)
{
	struct gofunc f;
	open_table();
	ck_assert(pclntab_find(&tab, F_WORK, &f));
	for (size_t at = AT_TABLE + TAB_PCTAB + f.pcsp; at + 2 <= AT_TABLE + TAB_LEN; at += 2)
		put(&im, at, "\x02\0", 2);
	ck_assert_int_eq(pclntab_value(&tab, &f, f.pcsp, F_WORK), -1);
}
END_TEST

Suite *test_suite(void)
{
	Suite *s = suite_create("pclntab");
	TCase *tc = tcase_create("damaged");
	tcase_add_test(tc, edges);
	tcase_add_test(tc, header);
	tcase_add_test(tc, cut_short);
	tcase_add_test(tc, wrong_words);
	tcase_add_test(tc, no_progress);
	suite_add_tcase(s, tc);
	return s;
}

#include "check_main.h"
