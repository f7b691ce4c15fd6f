/* SPDX-License-Identifier: BSD-2-Clause */
/* runq_test.c - run queues by themselves, with threads in the place of Ms. */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "mem/malloc.h"
#include "patience.h"
#include "sched/runq.h"
#include "sched/timer.h"
#include "suite.h"

/* Ps without a scheduler: all marked as running, so nobody is woken. */
static void setup_ps(int n)
{
	gomaxprocs = n;
	allp = persistentalloc((size_t)n * sizeof(*allp));
	lockinit(&sched.lock, lockRankSched);
	for (int i = 0; i < n; i++) {
		allp[i] = persistentalloc(sizeof(**allp));
		allp[i]->id = i;
		store_rlx(&allp[i]->status, _Prunning);
		timersinit(allp[i]);
	}
	runqinit();
}

static struct m *new_m(void)
{
	struct m *mp = persistentalloc(sizeof(*mp));
	mp->seen = persistentalloc((size_t)gomaxprocs * sizeof(*mp->seen));
	mp->fastrand = (uint32_t)(uintptr_t)mp;
	return mp;
}

static struct g *new_gs(int n)
{
	struct g *gs = persistentalloc((size_t)n * sizeof(*gs));
	for (int i = 0; i < n; i++)
		gs[i].goid = (uint64_t)i;
	return gs;
}

static uint32_t list_length(void)
{
	const struct gQueue *queues[] = {&sched.runq, &sched.runqnew, &sched.runqold};
	uint32_t n = 0;
	for (int i = 0; i < 3; i++)
		for (struct g *gp = queues[i]->first; gp; gp = gp->schedlink)
			n++;
	return n;
}

START_TEST(test_order)
{
	setup_ps(1);
	struct g *gs = new_gs(300);
	for (int i = 0; i < 256; i++)
		runqputtail(allp[0], &gs[i]);
	for (int i = 0; i < 256; i++)
		ck_assert_ptr_eq(runqget(allp[0]), &gs[i]);
	ck_assert_ptr_null(runqget(allp[0]));
	runqputnext(allp[0], &gs[0]);
	runqputnext(allp[0], &gs[1]); /* pushes 0 into the ring */
	ck_assert_ptr_eq(runqpick(allp[0]), &gs[1]);
	ck_assert_ptr_eq(runqpick(allp[0]), &gs[0]);
	ck_assert_ptr_null(runqpick(allp[0]));
}
END_TEST

START_TEST(test_overflow)
{
	setup_ps(1);
	struct g *gs = new_gs(1000);
	char got[1000] = {0};
	for (int i = 0; i < 1000; i++)
		runqputtail(allp[0], &gs[i]);
	ck_assert_uint_le(runqlen(allp[0]), RUNQSIZE);
	ck_assert_uint_eq(runqlen(allp[0]) + list_length(), 1000);
	ck_assert_uint_eq(load_rlx(&sched.runqsize), list_length());
	for (struct g *gp; (gp = runqpick(allp[0]));)
		got[gp->goid]++;
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(got[i], 1);
	ck_assert_uint_eq(load_rlx(&sched.runqsize), 0);
}
END_TEST

/* The newest overflow runs first, and yet the oldest has its turn while more keeps coming. */
START_TEST(test_depth_first)
{
	setup_ps(1);
	struct p *pp = allp[0];
	struct g *gs = new_gs(2000), *gp = NULL;
	for (int i = 0; i < 2000; i++)
		runqputtail(pp, &gs[i]);
	while (runqlen(pp))
		runqget(pp);
	gp = runqpick(pp);
	ck_assert_uint_ge(gp->goid, 1500);
	int64_t end = nanotime() + patience(20) * 1000000000LL;
	while (gp != &gs[0] && nanotime() < end) {
		runqputtail(pp, gp);
		gp = runqpick(pp);
	}
	ck_assert_ptr_eq(gp, &gs[0]);
}
END_TEST

/* A steady ping-pong on runnext must not starve the ring or the global queue. */
START_TEST(test_fairness)
{
	setup_ps(1);
	struct g *gs = new_gs(3);
	bool ring = false, global = false;
	runqputtail(allp[0], &gs[0]);
	lock(&sched.lock);
	globrunqput(&gs[1]);
	unlock(&sched.lock);
	for (int i = 0; i < 300; i++) {
		runqputnext(allp[0], &gs[2]);
		struct g *gp = runqpick(allp[0]);
		ring |= gp == &gs[0];
		global |= gp == &gs[1];
		if (gp != &gs[2])
			ck_assert_ptr_eq(runqpick(allp[0]), &gs[2]);
	}
	ck_assert(ring);
	ck_assert(global);
}
END_TEST

/* ---- stealing ---- */

#define NGS 800000

static struct {
	struct g *gs;
	_Atomic unsigned char ran[NGS];
	_Atomic int left, bad;
	_Atomic bool stop;
} race;

static void ran(struct g *gp)
{
	if (xadd_rlx(&race.ran[gp->goid], 1) != 0)
		store_rlx(&race.bad, 1);
	xadd_rlx(&race.left, -1);
}

static void *thief(void *arg)
{
	struct p *pp = arg;
	struct m *mp = new_m();
	while (!load_acq(&race.stop)) {
		struct g *gp = runqsteal(mp, pp, nanotime());
		if (!gp)
			gp = globrunqget(pp);
		for (; gp; gp = runqget(pp))
			ran(gp);
		if (runqlen(pp) > RUNQSIZE)
			store_rlx(&race.bad, 2);
	}
	return NULL;
}

/* Bursts of more Gs than the ring holds, while two others steal. Returns how many were put. */
static int burst(struct p *pp, int first, unsigned rnd)
{
	int n = (int)(rnd % 700);
	if (first + n > NGS)
		n = NGS - first;
	for (int i = 0; i < n; i++) {
		if (rnd >> 10 & 1)
			runqputnext(pp, &race.gs[first + i]);
		else
			runqputtail(pp, &race.gs[first + i]);
		if (load_rlx(&pp->runqtail) - load_acq(&pp->runqhead) > RUNQSIZE)
			store_rlx(&race.bad, 3);
	}
	return n;
}

static void race_owner(struct p *pp)
{
	unsigned rnd = 42;
	for (int put = 0; put < NGS;) {
		rnd = rnd * 1664525 + 1013904223;
		store_rlx(&pp->wl, rnd >> 28 & 3);
		store_rlx(&pp->stuck, rnd >> 27 & 1);
		store_rlx(&pp->offer, load_rlx(&pp->schedtick) - (rnd >> 26 & 1));
		pp->wakelen = 1;
		put += burst(pp, put, rnd >> 4);
		struct g *gp;
		for (unsigned k = rnd >> 20 & 511; k > 0 && (gp = runqpick(pp)); k--)
			ran(gp);
	}
}

START_TEST(test_stealing)
{
	pthread_t t[2];
	setup_ps(3);
	race.gs = new_gs(NGS);
	store_rlx(&race.left, NGS);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, thief, allp[i + 1]), 0);
	race_owner(allp[0]);
	int64_t end = nanotime() + patience(20) * 1000000000LL;
	while (load_rlx(&race.left) > 0 && !load_rlx(&race.bad) && nanotime() < end) {
		struct g *gp = runqpick(allp[0]);
		if (gp)
			ran(gp);
	}
	store_rel(&race.stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	ck_assert_int_eq(race.bad, 0);
	ck_assert_int_eq(race.left, 0);
	ck_assert_uint_eq(list_length(), load_rlx(&sched.runqsize));
	ck_assert_uint_gt(allp[1]->stolen + allp[2]->stolen, 0);
	for (int i = 0; i < NGS; i++)
		ck_assert_int_eq(race.ran[i], 1);
}
END_TEST

/* A G that its P's current one keeps waiting in runnext can be taken, but only from a stuck P. */
START_TEST(test_runnext_steal)
{
	setup_ps(2);
	struct g *gs = new_gs(1);
	struct m *mp = new_m();
	runqputnext(allp[0], &gs[0]);
	ck_assert_ptr_null(runqsteal(mp, allp[1], nanotime()));
	store_rlx(&allp[0]->stuck, 1);
	ck_assert_ptr_eq(runqsteal(mp, allp[1], nanotime()), &gs[0]);
	ck_assert_ptr_null(runqsteal(mp, allp[1], nanotime()));
	ck_assert_ptr_null(runqpick(allp[0]));
}
END_TEST

/* An offer of runnext holds until the P's next decision. */
START_TEST(test_runnext_offer)
{
	setup_ps(2);
	struct g *gs = new_gs(3);
	struct m *mp = new_m();
	allp[0]->m = new_m(); /* without a goroutine, which another could take the place of */
	runqputnext(allp[0], &gs[0]);
	ck_assert(!runqworth(allp[0]));
	wakefresh(allp[0]);
	ck_assert(runqworth(allp[0]));
	ck_assert_ptr_eq(runqsteal(mp, allp[1], nanotime()), &gs[0]);
	runqputnext(allp[0], &gs[1]);
	runnextalone(allp[0]);
	ck_assert_ptr_eq(runqpick(allp[0]), &gs[1]);
	runqputnext(allp[0], &gs[2]);
	ck_assert(!runqworth(allp[0]));
	ck_assert_ptr_null(runqsteal(mp, allp[1], nanotime()));
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"runq", .seconds = 60,
		.units = {
			{"order", test_order},
			{"overflow", test_overflow},
			{"depth_first", test_depth_first},
			{"fairness", test_fairness},
			{"stealing", test_stealing},
			{"runnext_steal", test_runnext_steal},
			{"runnext_offer", test_runnext_offer},
		}});
}

#include "check_main.h"
