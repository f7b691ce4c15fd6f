/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_livegroup.c - groups that are kept up to date are those that grouping all anew finds: after
 * each of many random changes of the canned snapshot.
 */
#include "add_case.h"
#include "cli/group.h"
#include "cli/livegroup.h"
#include "fake_probes.h"

Suite *test_suite(void);

static struct probe_view view;
static struct livegroups live;
static uint32_t changed[64];

static bool counts(const struct gsnap_g *gp)
{
	return gp->status != GSTATUS_DEAD && !(gp->flags & GSNAP_G_SYSTEM);
}

/* The group of entry i as livegroup.c has it; entries that count have one. */
static const struct livegroup *of(uint32_t i)
{
	ck_assert_uint_ne(live.of[i], GSNAP_NONE);
	return &live.group[live.of[i]];
}

static void compare(void)
{
	const struct gsnap *s = &view.s;
	uint32_t sel[64], n = 0;
	struct groups gs;
	for (uint32_t i = 0; i < s->ngs; i++)
		if (counts(&s->gs[i]))
			sel[n++] = i;
		else
			ck_assert_uint_eq(live.of[i], GSNAP_NONE);
	ck_assert_int_eq(groups_build(s, sel, n, live.by, &gs), 0);
	ck_assert_uint_eq(gs.n, live.used);
	for (uint32_t i = 0; i < gs.n; i++) {
		const struct group *g = &gs.group[i];
		const struct livegroup *lg = of(gs.order[g->first]);
		ck_assert_uint_eq(lg->n, g->n);
		ck_assert_int_eq(livegroup_wait(lg, s->when), g->median);
		ck_assert_int_eq(livegroup_oldest(lg, s->when), g->oldest);
		ck_assert_ptr_eq(of(lg->sample), lg);
		for (uint32_t k = 0; k < g->n; k++)
			ck_assert_ptr_eq(of(gs.order[g->first + k]), lg);
	}
	groups_free(&gs);
}

/* What a goroutine may do: end, begin, change places with another's state, wait from now on. */
static void change(uint32_t i, unsigned *seed)
{
	struct gsnap *s = &view.s;
	struct gsnap_g *gp = &s->gs[i], *other = &s->gs[rand_r(seed) % s->ngs];
	switch (rand_r(seed) % 4) {
	case 0:
		gp->status = GSTATUS_DEAD;
		break;
	case 1:
		gp->status = GSTATUS_WAITING;
		gp->waitsince = s->when - rand_r(seed) % 100;
		break;
	default:
		gp->status = other->status;
		gp->reason = other->reason;
		gp->stack = other->stack;
		gp->created = other->created;
		gp->waiton = other->waiton;
		gp->waitsince = other->waitsince;
	}
	changed[view.nchanged++] = i;
}

static void random_changes(enum group_by by)
{
	unsigned seed = 7 + by;
	view = (struct probe_view){.changed = changed};
	fake_snapshot(&view.s, 4121, 0);
	livegroups_by(&live, by);
	for (int step = 0; step < 800; step++) {
		view.nchanged = 0;
		view.s.when += 10;
		for (int k = rand_r(&seed) % 4; k > 0; k--)
			change(rand_r(&seed) % view.s.ngs, &seed);
		ck_assert_int_eq(livegroups_update(&live, &view), 0);
		if (by != BY_WAITING_ON) /* there the state counts too */
			compare();
	}
	livegroups_free(&live);
	gsnap_free(&view.s);
}

START_TEST(test_all)
{
	random_changes(BY_ALL);
}
END_TEST

START_TEST(test_by)
{
	random_changes(BY_STATE);
	random_changes(BY_STACK);
	random_changes(BY_CREATED);
	random_changes(BY_WAITING_ON);
}
END_TEST

/* A wait of which only a lower bound is known makes that of its group one. */
START_TEST(test_at_least)
{
	view = (struct probe_view){.changed = changed};
	fake_snapshot(&view.s, 4121, 0);
	livegroups_by(&live, BY_ALL);
	ck_assert_int_eq(livegroups_update(&live, &view), 0);
	ck_assert(!of(1)->at_least);
	view.s.gs[1].flags |= GSNAP_G_AT_LEAST;
	changed[view.nchanged++] = 1;
	ck_assert_int_eq(livegroups_update(&live, &view), 0);
	ck_assert(of(1)->at_least);
	view.s.gs[1].status = GSTATUS_DEAD;
	ck_assert_int_eq(livegroups_update(&live, &view), 0);
	ck_assert(!of(2)->at_least);
	livegroups_free(&live);
	gsnap_free(&view.s);
}
END_TEST

Suite *test_suite(void)
{
	Suite *s = suite_create("livegroup");
	add_case(s, "all", test_all);
	add_case(s, "by", test_by);
	add_case(s, "at_least", test_at_least);
	return s;
}

#include "check_main.h"
