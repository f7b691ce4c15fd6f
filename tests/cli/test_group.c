/* SPDX-License-Identifier: BSD-2-Clause */
/* test_group.c - grouping over the canned snapshot, and over a large made-up one. */
#include "add_case.h"
#include "cli/group.h"
#include "fake_probes.h"

static struct gsnap s;
static struct groups gs;

static void build(enum group_by by)
{
	uint32_t *sel = calloc(s.ngs, sizeof *sel);
	for (uint32_t i = 0; i < s.ngs; i++)
		sel[i] = i;
	ck_assert_int_eq(groups_build(&s, sel, s.ngs, by, &gs), 0);
	free(sel);
	uint32_t total = 0;
	for (uint32_t i = 0; i < gs.n; i++) {
		ck_assert(i == 0 || gs.group[i - 1].n >= gs.group[i].n);
		total += gs.group[i].n;
	}
	ck_assert_uint_eq(total, s.ngs);
}

START_TEST(test_all)
{
	fake_snapshot(&s, 4121, 0);
	build(BY_ALL);
	ck_assert_uint_eq(gs.n, 6);
	ck_assert_uint_eq(gs.group[0].n, 8);
	ck_assert_uint_eq(s.gs[gs.order[gs.group[0].first]].id, 4711);
	ck_assert_str_eq(gsnap_state(&s.gs[gs.order[gs.group[0].first]]), "chan send");
	groups_free(&gs);
	gsnap_free(&s);
}
END_TEST

START_TEST(test_by)
{
	fake_snapshot(&s, 4121, 0);
	static const struct {
		enum group_by by;
		uint32_t groups, largest;
	} want[] = {{BY_STATE, 6, 8}, {BY_STACK, 5, 8}, {BY_CREATED, 4, 8}, {BY_WAITING_ON, 5, 8}};
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
		build(want[i].by);
		ck_assert_uint_eq(gs.n, want[i].groups);
		ck_assert_uint_eq(gs.group[0].n, want[i].largest);
		groups_free(&gs);
	}
	gsnap_free(&s);
}
END_TEST

/* 10,000 goroutines whose waits are 0..9,999 s in an order that is not sorted. */
START_TEST(test_waits)
{
	gsnap_init(&s, GSNAP_GO);
	s.when = INT64_C(20000) * 1000000000;
	for (uint64_t i = 0; i < 10000; i++) {
		struct gsnap_g *gp = gsnap_add_g(&s);
		gp->id = i + 1;
		gp->status = GSTATUS_WAITING;
		gp->reason = "select";
		gp->waitsince = s.when - (int64_t)(i * 7919 % 10000) * 1000000000;
	}
	gsnap_add_g(&s)->status = GSTATUS_RUNNING;
	build(BY_ALL);
	ck_assert_uint_eq(gs.n, 2);
	ck_assert_int_eq(gs.group[0].median, INT64_C(5000) * 1000000000);
	ck_assert_int_eq(gs.group[0].oldest, INT64_C(9999) * 1000000000);
	ck_assert_int_eq(gs.group[1].median, GSNAP_UNKNOWN);
	for (uint32_t i = 1; i < gs.group[0].n; i++)
		ck_assert_uint_lt(s.gs[gs.order[i - 1]].id, s.gs[gs.order[i]].id);
	groups_free(&gs);
	gsnap_free(&s);
}
END_TEST

static Suite *test_suite(void)
{
	Suite *suite = suite_create("group");
	add_case(suite, "all", test_all);
	add_case(suite, "by", test_by);
	add_case(suite, "waits", test_waits);
	return suite;
}

#include "check_main.h"
