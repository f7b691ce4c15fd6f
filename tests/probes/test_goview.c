/* SPDX-License-Identifier: BSD-2-Clause */
/* test_goview.c - a view of the process of goimage.h while its memory changes. */
#include <check.h>
#include "goimage.h"
#include "probes/gotarget.h"
#include "probes/view.h"

Suite *test_suite(void);

#define SEQ 0xbf /* g.trackingSeq of Go 1.26 */

static struct goimage im;
static struct gomemory memory = {im.bytes, sizeof im.bytes};
static struct target t;
static struct gotarget g;
static struct gsnap s;
static struct liveview *view;
static struct probe_view out;

static void open_view(uint32_t stacks)
{
	goimage_make(&im);
	target_init(&t, 1, "/nonexistent");
	t.mem = (struct tmem){gomemory_readv, &memory, gomemory_size};
	g = (struct gotarget){.t = &t};
	ck_assert_int_eq(elf_parse(&g.elf, im.bytes, sizeof im.bytes), 0);
	ck_assert(gobuild_version(&g.elf, &g.version));
	g.lay = golayout_for(g.version.minor, g.version.patch, &g.guess);
	ck_assert_int_eq(moduledata_find(&g), 0);
	ck_assert_int_eq(golocate(&g), 0);
	gsnap_init(&s, GSNAP_GO);
	view = goview_open(&g, &s, stacks);
	ck_assert_ptr_nonnull(view);
}

static void close_view(void)
{
	view_close(view);
	gsnap_free(&s);
	gotarget_close(&g);
}

static void refresh(int64_t when)
{
	s.when = when;
	ck_assert_int_eq(view_refresh(view, &out), 0);
}

static bool changed(uint32_t slot)
{
	for (uint32_t i = 0; i < out.nchanged; i++)
		if (out.changed[i] == slot)
			return true;
	return false;
}

static uint32_t frames(uint32_t slot)
{
	return s.gs[slot].stack == GSNAP_NONE ? 0 : s.stacks[s.gs[slot].stack].nlocs;
}

/* Goroutine 1 is parked, 2 is ready to run: only 2 is read each time. */
START_TEST(changes)
{
	open_view(100);
	refresh(1000);
	ck_assert_uint_eq(s.ngs, 2);
	ck_assert(changed(0) && changed(1));
	ck_assert_uint_eq(s.gs[0].id, 1);
	ck_assert_str_eq(s.gs[0].reason, "chan receive");
	ck_assert_uint_eq(frames(0), 3);
	refresh(2000);
	ck_assert(!changed(0) && changed(1));
	ck_assert_uint_eq(s.stacks[s.gs[1].stack].count, 1);
	put32(&im, AT_G + 512 + 0x90, 6);
	refresh(3000);
	ck_assert_uint_eq(s.gs[1].status, GSTATUS_DEAD);
	ck_assert_uint_eq(s.gs[1].stack, GSNAP_NONE);
	ck_assert_uint_eq(s.ngs, 2);
	refresh(4000);
	ck_assert_uint_eq(out.nchanged, 0);
	close_view();
}
END_TEST

/* A wait that was there at the start is at least as old; one that began later is dated. */
START_TEST(waits)
{
	open_view(100);
	refresh(1000);
	ck_assert_int_eq(s.gs[0].waitsince, 1000);
	ck_assert(s.gs[0].flags & GSNAP_G_AT_LEAST);
	refresh(2000);
	ck_assert_int_eq(s.gs[0].waitsince, 1000);
	im.bytes[AT_G + SEQ]++; /* it ran and waits again at the same place */
	refresh(3000);
	ck_assert(changed(0));
	ck_assert_int_eq(s.gs[0].waitsince, 3000);
	ck_assert(!(s.gs[0].flags & GSNAP_G_AT_LEAST));
	put64(&im, AT_G + 0xa8, 2500); /* what the collector noted counts when it is earlier */
	im.bytes[AT_G + SEQ]++;
	refresh(4000);
	ck_assert_int_eq(s.gs[0].waitsince, 2500);
	close_view();
}
END_TEST

START_TEST(grows)
{
	open_view(100);
	refresh(1000);
	goimage_g(&im, 2, AT_STACK1, AT_STACK1 + STACK_LEN - 0x100, addr_of(AT_TEXT) + F_PARK + 16,
		4);
	put64(&im, AT_ALLGLEN, 3);
	put64(&im, AT_ALLGS + 8, 3);
	refresh(2000);
	ck_assert_uint_eq(s.ngs, 3);
	ck_assert(changed(2) && !changed(0));
	ck_assert_uint_eq(s.gs[2].id, 3);
	ck_assert_uint_eq(s.gs[2].stack, s.gs[0].stack);
	ck_assert_int_eq(s.gs[2].waitsince, 2000);
	close_view();
}
END_TEST

/* What stood still is looked at less often, but no change is missed for long. */
START_TEST(quiet)
{
	open_view(100);
	put32(&im, AT_G + 512 + 0x90, 6);
	for (int i = 0; i < 20; i++)
		refresh(1000 + i);
	im.bytes[AT_G + SEQ]++;
	int rounds = 0;
	do {
		refresh(2000 + rounds);
		rounds++;
	} while (!changed(0) && rounds < 10);
	ck_assert_int_le(rounds, 4);
	ck_assert_int_ge(s.gs[0].waitsince, 2000);
	close_view();
}
END_TEST

/* Too many stacks of the past: all are dropped, the waits are not. */
START_TEST(starts_over)
{
	open_view(0);
	s.stats.num_gc = s.gc.cycles = s.sched.preempts = s.pause.max_ns = 7;
	refresh(1000);
	ck_assert(out.renewed);
	ck_assert(s.stats.num_gc == 7 && s.gc.cycles == 7 && s.sched.preempts == 7);
	ck_assert_int_eq(s.pause.max_ns, 7);
	ck_assert(changed(0) && changed(1));
	ck_assert_int_eq(s.gs[0].waitsince, 1000);
	ck_assert(s.gs[0].flags & GSNAP_G_AT_LEAST);
	ck_assert_uint_eq(s.nstacks, 2);
	ck_assert_uint_eq(frames(0), 3);
	refresh(2000);
	ck_assert(!out.renewed);
	ck_assert_int_eq(s.gs[0].waitsince, 1000);
	close_view();
}
END_TEST

static void add_case(Suite *suite, const char *name, const TTest *test)
{
	TCase *tc = tcase_create(name);
	tcase_add_test(tc, test);
	suite_add_tcase(suite, tc);
}

Suite *test_suite(void)
{
	Suite *suite = suite_create("goview");
	add_case(suite, "changes", changes);
	add_case(suite, "waits", waits);
	add_case(suite, "grows", grows);
	add_case(suite, "quiet", quiet);
	add_case(suite, "starts_over", starts_over);
	return suite;
}

#include "check_main.h"
