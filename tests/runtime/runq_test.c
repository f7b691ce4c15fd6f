/* SPDX-License-Identifier: BSD-2-Clause */
/* runq_test.c - run queues, timers and stacks by themselves, with threads in the place of Ms. */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "mem/malloc.h"
#include "sched/runq.h"
#include "sched/stack.h"
#include "sched/timer.h"

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
	uint32_t n = 0;
	for (struct g *gp = sched.runq.first; gp; gp = gp->schedlink)
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
	ck_assert_uint_eq(runqlen(allp[0]) + sched.runq.size, 1000);
	ck_assert_uint_eq(list_length(), sched.runq.size);
	ck_assert_uint_eq(load_rlx(&sched.runqsize), sched.runq.size);
	for (struct g *gp; (gp = runqpick(allp[0]));)
		got[gp->goid]++;
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(got[i], 1);
	ck_assert_uint_eq(sched.runq.size, 0);
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
	int64_t end = nanotime() + 20000000000;
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
	ck_assert_uint_eq(list_length(), sched.runq.size);
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

/* ---- timers ---- */

#define NTIMERS 3000

static int64_t lastwhen, clocknow;
static int fired;

static void fire(void *arg)
{
	struct timer *t = arg;
	ck_assert_int_ge(t->when, lastwhen);
	ck_assert_int_le(t->when, clocknow);
	lastwhen = t->when;
	fired++;
}

START_TEST(test_heap)
{
	setup_ps(1);
	struct timer *timers = calloc(NTIMERS, sizeof(*timers));
	unsigned rnd = 7;
	for (int i = 0; i < NTIMERS; i++) {
		rnd = rnd * 1664525 + 1013904223;
		timers[i] = (struct timer){.when = 1 + (rnd >> 8) % 10000, .f = fire};
		timers[i].arg = &timers[i];
		lock(&allp[0]->timers.lock);
		timeradd(allp[0], &timers[i]);
		unlock(&allp[0]->timers.lock);
	}
	for (clocknow = 0; clocknow <= 10000; clocknow += 7) {
		timersrun(allp[0], clocknow);
		ck_assert_int_gt(timeSleepUntil(), clocknow);
	}
	clocknow = 10001;
	timersrun(allp[0], clocknow);
	ck_assert_int_eq(fired, NTIMERS);
	ck_assert_int_eq(timeSleepUntil(), INT64_MAX);
	free(timers);
}
END_TEST

/* ---- stacks ---- */

START_TEST(test_stacks)
{
	setup_ps(1);
	struct g *gs = new_gs(600);
	for (int class = 0; class < NSTACKCLASS; class ++) {
		for (int i = 0; i < 150; i++) {
			struct g *gp = &gs[class * 150 + i];
			gp->stackclass = (uint8_t) class;
			stackalloc(allp[0], gp);
			ck_assert_uint_eq(gp->stack.hi % 16, 0);
			ck_assert_uint_gt(
				gp->stack.hi - gp->stack.lo, (48u << 10) << 2 * class >> 1);
			((char *)gp->stack.lo)[0] = 1;
			((char *)gp->stack.hi)[-1] = 1;
			ck_assert(stackguardhit(gp, gp->stack.lo - 1));
			ck_assert(!stackguardhit(gp, gp->stack.lo));
		}
	}
	for (int i = 1; i < 150; i++)
		ck_assert_uint_ne(gs[i].stack.hi % 4096, gs[i - 1].stack.hi % 4096);
}
END_TEST

/* The newest free stack is used first; the one being left only after the next exit. */
START_TEST(test_stack_reuse)
{
	setup_ps(1);
	struct g *gs = new_gs(4);
	for (int i = 0; i < 3; i++) {
		gs[i].stackclass = 1;
		stackalloc(allp[0], &gs[i]);
	}
	uintptr_t first = gs[0].stack.hi, second = gs[1].stack.hi;
	stackfreeself(allp[0], &gs[0]);
	ck_assert_uint_eq(allp[0]->dying, first);
	stackfreeself(allp[0], &gs[1]);
	ck_assert_uint_eq(allp[0]->dying, second);
	ck_assert_uint_eq(allp[0]->stackcache[1].first, first);
	gs[3].stackclass = 0; /* another class cannot have it */
	stackalloc(allp[0], &gs[3]);
	ck_assert_uint_eq(allp[0]->dying, second);
	stackalloc(allp[0], &gs[1]);
	stackalloc(allp[0], &gs[0]);
	ck_assert_uint_eq(gs[1].stack.hi, second);
	ck_assert_uint_eq(gs[0].stack.hi, first);
}
END_TEST

START_TEST(test_guard)
{
	setup_ps(1);
	struct g *gs = new_gs(1);
	gs->stackclass = 1;
	stackalloc(allp[0], gs);
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		*(volatile char *)(gs->stack.lo - 1) = 1;
		_exit(0);
	}
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}
END_TEST

static void add(Suite *s, const char *name, const TTest *test)
{
	TCase *tc = tcase_create(name);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test);
	suite_add_tcase(s, tc);
}

static Suite *test_suite(void)
{
	Suite *s = suite_create("runq");
	add(s, "order", test_order);
	add(s, "overflow", test_overflow);
	add(s, "fairness", test_fairness);
	add(s, "stealing", test_stealing);
	add(s, "runnext_steal", test_runnext_steal);
	add(s, "heap", test_heap);
	add(s, "stacks", test_stacks);
	add(s, "stack_reuse", test_stack_reuse);
	add(s, "guard", test_guard);
	return s;
}

#include "check_main.h"
