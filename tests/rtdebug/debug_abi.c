/* SPDX-License-Identifier: BSD-2-Clause */
/* debug_abi.c - the .gort.abi table against the structures and variables it describes. */
#include <check.h>
#include <string.h>
#include "gort/abi.h"
#include "sched/asm.h"
#include "sched/runtime2.h"

extern const struct gort_abi gort_abi;

static const struct gort_abi_entry *find(const char *name)
{
	for (uint32_t i = 0; i < gort_abi.nentries; i++)
		if (!strcmp(gort_abi.entries[i].name, name))
			return &gort_abi.entries[i];
	ck_abort_msg("no entry %s", name);
	return NULL;
}

static void expect_entry(const char *name, uint32_t what, uint64_t value, uint32_t size)
{
	const struct gort_abi_entry *e = find(name);
	ck_assert_uint_eq(e->what, what);
	ck_assert_uint_eq(e->value, value);
	ck_assert_uint_eq(e->size, size);
}

START_TEST(header)
{
	ck_assert_mem_eq(gort_abi.magic, GORT_ABI_MAGIC, 8);
	ck_assert_uint_eq(gort_abi.version, GORT_ABI_VERSION);
	ck_assert_uint_eq(gort_abi.size, sizeof gort_abi);
	ck_assert_uint_eq(gort_abi.entry_size, sizeof(struct gort_abi_entry));
	ck_assert_ptr_nonnull(gort_abi.race);
	const struct gort_abi_entry *e = find("version");
	ck_assert_str_eq((const char *)(uintptr_t)e->value, "gort " GORT_VERSION);
}
END_TEST

START_TEST(members)
{
	expect_entry("g.goid", GORT_ABI_OFFSET, offsetof(struct g, goid), 8);
	expect_entry("g.sched.sp", GORT_ABI_OFFSET, offsetof(struct g, sched.sp), 8);
	expect_entry("g.atomicstatus", GORT_ABI_OFFSET, offsetof(struct g, atomicstatus), 4);
	expect_entry("g.name", GORT_ABI_OFFSET, offsetof(struct g, name), 8);
	expect_entry("g.waiting", GORT_ABI_OFFSET, offsetof(struct g, sudog.c), 8);
	expect_entry("m.procid", GORT_ABI_OFFSET, offsetof(struct m, procid), 4);
	expect_entry("p.runq", GORT_ABI_OFFSET, offsetof(struct p, runq), RUNQSIZE * 8);
	expect_entry("switch.frame.pc", GORT_ABI_OFFSET, SWITCH_FRAME_PC, 8);
	expect_entry("switch.frame.size", GORT_ABI_CONST, SWITCH_FRAME_SIZE, 8);
	expect_entry("g.size", GORT_ABI_SIZE, sizeof(struct g), 8);
	expect_entry("_Gwaiting", GORT_ABI_CONST, _Gwaiting, 8);
}
END_TEST

START_TEST(addresses)
{
	expect_entry("allglen", GORT_ABI_ADDR, (uintptr_t)&allglen, sizeof allglen);
	expect_entry("allgptr", GORT_ABI_ADDR, (uintptr_t)&allgptr, 8);
	expect_entry("allp", GORT_ABI_ADDR, (uintptr_t)&allp, 8);
	expect_entry("gomaxprocs", GORT_ABI_ADDR, (uintptr_t)&gomaxprocs, 4);
	expect_entry("sched.npidle", GORT_ABI_ADDR, (uintptr_t)&sched.npidle, 4);
	expect_entry(
		"waitReasonStrings", GORT_ABI_ADDR, (uintptr_t)waitReasonStrings, NWAITREASON * 8);
}
END_TEST

START_TEST(names_are_unique_and_terminated)
{
	for (uint32_t i = 0; i < gort_abi.nentries; i++) {
		const char *name = gort_abi.entries[i].name;
		ck_assert_uint_lt(strnlen(name, sizeof gort_abi.entries[i].name),
			sizeof gort_abi.entries[i].name);
		ck_assert_ptr_eq(find(name), &gort_abi.entries[i]);
	}
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("debug_abi");
	TCase *tc = tcase_create("table");
	tcase_add_test(tc, header);
	tcase_add_test(tc, members);
	tcase_add_test(tc, addresses);
	tcase_add_test(tc, names_are_unique_and_terminated);
	suite_add_tcase(s, tc);
	return s;
}

#include "check_main.h"
