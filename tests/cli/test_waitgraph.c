/* SPDX-License-Identifier: BSD-2-Clause */
/* test_waitgraph.c - waits put in order, and circles of locks. */
#include <check.h>
#include "add_case.h"
#include "cli/waitgraph.h"

static struct gsnap s;

static void begin(uint32_t goroutines, uint32_t locks)
{
	gsnap_init(&s, GSNAP_GO);
	for (uint32_t i = 0; i < goroutines; i++)
		gsnap_add_g(&s)->id = i + 1;
	for (uint32_t i = 0; i < locks; i++)
		*GSNAP_PUSH(&s, objs, cap_objs) =
			(struct gsnap_obj){.addr = 0x1000 + i * 8, .kind = GSNAP_MUTEX};
}

static void waits(uint32_t g, uint32_t obj)
{
	*GSNAP_PUSH(&s, waits, cap_waits) = (struct gsnap_wait){g, obj, GSNAP_LOCK, false};
	s.objs[obj].waiters++;
}

static void holds(uint32_t g, uint32_t obj)
{
	*GSNAP_PUSH(&s, holds, cap_holds) = (struct gsnap_hold){.g = g, .obj = obj};
}

/* Three in a circle, one that waits at its edge, and a holder that waits for nothing. */
START_TEST(circle_of_three)
{
	struct circle c[4];
	begin(5, 4);
	for (uint32_t i = 0; i < 3; i++) {
		holds(i, i);
		waits(i, (i + 1) % 3);
	}
	waits(3, 0);
	holds(4, 3);
	waits(3, 3);
	ck_assert_uint_eq(waitgraph_circles(&s, c, 4), 1);
	ck_assert_uint_eq(c[0].n, 3);
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(c[0].g[(i + 1) % 3], (c[0].g[i] + 1) % 3);
		ck_assert_uint_eq(c[0].obj[i], (c[0].g[i] + 1) % 3);
	}
	gsnap_free(&s);
}
END_TEST

START_TEST(no_circle)
{
	struct circle c[4];
	begin(4, 4);
	for (uint32_t i = 0; i < 3; i++) {
		holds(i, i);
		waits(i + 1, i);
	}
	ck_assert_uint_eq(waitgraph_circles(&s, c, 4), 0);
	gsnap_free(&s);
}
END_TEST

/* Several may hold a lock: the circle goes through the right one. Two circles are two. */
START_TEST(several_holders)
{
	struct circle c[4];
	begin(5, 4);
	holds(4, 0);
	holds(0, 0);
	holds(1, 1);
	waits(0, 1);
	waits(1, 0);
	holds(2, 2);
	holds(3, 3);
	waits(2, 3);
	waits(3, 2);
	ck_assert_uint_eq(waitgraph_circles(&s, c, 4), 2);
	ck_assert_uint_eq(c[0].n, 2);
	ck_assert_uint_eq(c[1].n, 2);
	ck_assert_uint_eq(waitgraph_circles(&s, c, 1), 1);
	gsnap_free(&s);
}
END_TEST

/* Locks with one waiter each are one group, unless somebody seems to hold one. */
START_TEST(alike)
{
	struct waitgraph wg;
	begin(7, 5);
	for (uint32_t i = 0; i < 5; i++)
		waits(i, i);
	waits(5, 4);
	ck_assert_int_eq(waitgraph_build(&s, &wg), 0);
	ck_assert_uint_eq(wg.ngroups, 2);
	ck_assert_uint_eq(wg.groups[0].n, 4);
	ck_assert_uint_eq(wg.groups[0].waiters, 4);
	ck_assert_uint_eq(wg.groups[1].obj, 4);
	ck_assert_uint_eq(wg.rows[wg.groups[1].row].n, 2);
	waitgraph_free(&wg);
	holds(6, 1);
	ck_assert_int_eq(waitgraph_build(&s, &wg), 0);
	ck_assert_uint_eq(wg.ngroups, 3);
	waitgraph_free(&wg);
	gsnap_free(&s);
}
END_TEST

static Suite *test_suite(void)
{
	Suite *suite = suite_create("waitgraph");
	add_case(suite, "circle", circle_of_three);
	add_case(suite, "none", no_circle);
	add_case(suite, "holders", several_holders);
	add_case(suite, "alike", alike);
	return suite;
}

#include "check_main.h"
