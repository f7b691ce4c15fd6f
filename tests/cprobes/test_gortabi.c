/* SPDX-License-Identifier: BSD-2-Clause */
/* test_gortabi.c - the table of libgort read from a memory image: good, newer, damaged. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include "probes/gortabi.h"

Suite *test_suite(void);

#include "check_main.h"

#define BASE 0x400000u

/* A target's memory: the table in the middle, its entries behind it. */
static struct image {
	char before[128];
	struct gort_abi abi;
	struct gort_abi_entry entries[8];
	char after[64];
} im;

static bool read_image(void *ctx, taddr at, void *buf, size_t len)
{
	(void)ctx;
	if (at.v < BASE || at.v - BASE > sizeof im || len > sizeof im - (at.v - BASE))
		return false;
	memcpy(buf, (char *)&im + (at.v - BASE), len);
	return true;
}

static void readv_image(void *ctx, struct tmem_read_at *reads, size_t n)
{
	for (size_t i = 0; i < n; i++)
		reads[i].ok = read_image(ctx, reads[i].at, reads[i].buf, reads[i].len);
}

static const struct tmem mem = {.readv = readv_image};
static const taddr table = {BASE + offsetof(struct image, abi)};
static struct gortabi abi;

static void setup(void)
{
	memset(&im, 0, sizeof im);
	im.abi = (struct gort_abi){.version = GORT_ABI_VERSION,
		.size = sizeof im.abi,
		.nentries = 5,
		.entry_size = sizeof im.entries[0],
		.entries = (void *)(uintptr_t)(BASE + offsetof(struct image, entries))};
	memcpy(im.abi.magic, GORT_ABI_MAGIC, sizeof im.abi.magic);
	im.entries[0] = (struct gort_abi_entry){"g.goid", GORT_ABI_OFFSET, 8, 152};
	im.entries[1] = (struct gort_abi_entry){"allglen", GORT_ABI_ADDR, 8, 0x1234};
	im.entries[2] = (struct gort_abi_entry){"_Gwaiting", GORT_ABI_CONST, 4, 4};
	im.entries[3] = (struct gort_abi_entry){"g", GORT_ABI_SIZE, 0, 512};
	im.entries[4] = (struct gort_abi_entry){"allglen", GORT_ABI_ADDR, 8, 0x5678};
}

static void teardown(void)
{
	gortabi_free(&abi);
}

START_TEST(names_are_found_with_their_kind)
{
	ck_assert_int_eq(gortabi_read(&mem, table, &abi), 0);
	ck_assert_uint_eq(abi.n, 5);
	ck_assert_uint_eq(gortabi_find(&abi, "g.goid", GORT_ABI_OFFSET)->value, 152);
	ck_assert_uint_eq(gortabi_find(&abi, "_Gwaiting", GORT_ABI_CONST)->value, 4);
	ck_assert_ptr_null(gortabi_find(&abi, "g.goid", GORT_ABI_ADDR));
	ck_assert_ptr_null(gortabi_find(&abi, "g.nothing", GORT_ABI_OFFSET));
	ck_assert_uint_eq(gortabi_find(&abi, "allglen", GORT_ABI_ADDR)->value, 0x1234);
}
END_TEST

START_TEST(longer_entries_of_a_newer_libgort)
{
	im.abi.entry_size = 2 * sizeof im.entries[0];
	im.abi.nentries = 3;
	ck_assert_int_eq(gortabi_read(&mem, table, &abi), 0);
	ck_assert_uint_eq(abi.n, 3);
	ck_assert_ptr_nonnull(gortabi_find(&abi, "g.goid", GORT_ABI_OFFSET));
	ck_assert_ptr_null(gortabi_find(&abi, "g", GORT_ABI_SIZE));
}
END_TEST

START_TEST(a_scan_finds_the_table_behind_a_false_magic)
{
	memcpy(im.before + 8, GORT_ABI_MAGIC, 8);
	taddr end = {BASE + sizeof im};
	ck_assert_int_eq(gortabi_scan(&mem, (taddr){BASE}, end, &abi), 0);
	ck_assert_uint_eq(abi.at.v, table.v);
	gortabi_free(&abi);
	im.abi.magic[0] = 'x';
	ck_assert_int_ne(gortabi_scan(&mem, (taddr){BASE}, end, &abi), 0);
}
END_TEST

/* As a damaged ELF file can have it: addresses do not begin again from 0. */
START_TEST(a_scan_ends_at_the_last_byte)
{
	im.abi.magic[0] = 'x';
	taddr last = {UINT64_MAX}, before = {UINT64_MAX - 4096};
	ck_assert_int_eq(gortabi_scan(&mem, before, last, &abi), -ENOENT);
	ck_assert_int_eq(gortabi_scan(&mem, last, before, &abi), -ENOENT);
}
END_TEST

START_TEST(damage_is_an_error)
{
	ck_assert_int_eq(gortabi_read(&mem, (taddr){BASE}, &abi), -ENOENT);
	ck_assert_int_eq(gortabi_read(&mem, (taddr){8}, &abi), -ENOENT);
	im.abi.version = GORT_ABI_VERSION + 1;
	ck_assert_int_eq(gortabi_read(&mem, table, &abi), -EPROTONOSUPPORT);
	setup();
	im.abi.nentries = UINT32_MAX;
	ck_assert_int_eq(gortabi_read(&mem, table, &abi), -EPROTO);
	setup();
	im.abi.entry_size = 8;
	ck_assert_int_eq(gortabi_read(&mem, table, &abi), -EPROTO);
	setup();
	im.abi.entries = (void *)(uintptr_t)16;
	ck_assert_int_eq(gortabi_read(&mem, table, &abi), -EPROTO);
}
END_TEST

START_TEST(insane_entries_are_left_out)
{
	im.entries[0].value = 1ull << 40;
	im.entries[1].value = 0;
	memset(im.entries[2].name, 'x', sizeof im.entries[2].name);
	im.entries[3].what = 77;
	ck_assert_int_eq(gortabi_read(&mem, table, &abi), 0);
	ck_assert_uint_eq(abi.n, 1);
	ck_assert_uint_eq(gortabi_find(&abi, "allglen", GORT_ABI_ADDR)->value, 0x5678);
}
END_TEST

Suite *test_suite(void)
{
	Suite *s = suite_create("gortabi");
	TCase *tc = tcase_create("table");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, names_are_found_with_their_kind);
	tcase_add_test(tc, longer_entries_of_a_newer_libgort);
	tcase_add_test(tc, a_scan_finds_the_table_behind_a_false_magic);
	tcase_add_test(tc, a_scan_ends_at_the_last_byte);
	suite_add_tcase(s, tc);
	tc = tcase_create("damaged");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, damage_is_an_error);
	tcase_add_test(tc, insane_entries_are_left_out);
	suite_add_tcase(s, tc);
	return s;
}
