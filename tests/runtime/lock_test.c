/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock_test.c - what Go's own tests of condition variables, mutexes and reader-writer mutexes check
 * beyond sync_test.c: who is woken, who gets through, and that nobody is forgotten.
 */
#include "child.h"
#include "suite.h"

#include <stdatomic.h>

/* ---- cond ---- */

struct room {
	mutex m;
	cond c;
	chan(int) running, awake;
	bool exit; /* guarded by m */
};

static void wait_and_tell(struct room *r, int me)
{
	mutex_lock(&r->m);
	chan_send(r->running, me);
	cond_wait(&r->c, &r->m);
	chan_send(r->awake, me);
	mutex_unlock(&r->m);
}

static void signal_locked(struct room *r)
{
	mutex_lock(&r->m);
	cond_signal(&r->c);
	mutex_unlock(&r->m);
}

/* A signal wakes who waited when it came, not one who began to wait after it. */
static int signal_generations(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct room r = {.running = make_chan(int, 100), .awake = make_chan(int, 100)};
	for (int i = 0; i < 100; i++) {
		go(wait_and_tell, &r, i);
		if (i > 0)
			REQUIRE(chan_recv(r.awake) == i - 1);
		(void)chan_recv(r.running);
		signal_locked(&r);
	}
	REQUIRE(chan_recv(r.awake) == 99);
	return 0;
}

/* Each signal wakes exactly one. */
static int one_for_each_signal(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct room r = {.running = make_chan(int, 20), .awake = make_chan(int, 20)};
	for (int i = 0; i < 20; i++)
		go(wait_and_tell, &r, i);
	for (int i = 0; i < 20; i++)
		(void)chan_recv(r.running);
	for (int i = 0; i < 20; i++) {
		gort_sleep(100 * us);
		REQUIRE(chan_len(r.awake) == 0);
		signal_locked(&r);
		(void)chan_recv(r.awake);
	}
	cond_signal(&r.c);
	return 0;
}

static void wait_until_exit(struct room *r, int me)
{
	mutex_lock(&r->m);
	while (!r->exit) {
		chan_send(r->running, me);
		cond_wait(&r->c, &r->m);
		chan_send(r->awake, me);
	}
	mutex_unlock(&r->m);
}

#define GOERS 60

static void broadcast_once(struct room *r, bool last)
{
	bool seen[GOERS] = {false};
	for (int i = 0; i < GOERS; i++)
		(void)chan_recv(r->running);
	mutex_lock(&r->m);
	r->exit = last;
	REQUIRE(chan_len(r->awake) == 0);
	cond_broadcast(&r->c);
	mutex_unlock(&r->m);
	for (int i = 0; i < GOERS; i++) {
		int me = chan_recv(r->awake);
		REQUIRE(!seen[me]);
		seen[me] = true;
	}
}

/* A broadcast wakes everybody once, round after round. */
static int broadcast_rounds(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct room r = {.running = make_chan(int, GOERS), .awake = make_chan(int, GOERS)};
	for (int i = 0; i < GOERS; i++)
		go(wait_until_exit, &r, i);
	for (int round = 0; round < 40; round++)
		broadcast_once(&r, round == 39);
	gort_sleep(ms);
	REQUIRE(chan_len(r.running) == 0);
	return 0;
}

static void broadcast(struct room *r)
{
	cond_broadcast(&r->c);
}

static void wait_for_exit(struct room *r, waitgroup *wg)
{
	mutex_lock(&r->m);
	while (!r->exit)
		cond_wait(&r->c, &r->m);
	mutex_unlock(&r->m);
	wg_done(wg);
}

/* A wake-up goes to who waited before the broadcast, not to a newcomer in its place. */
static int no_stealing(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int i = 0; i < 300; i++) {
		struct room r = {.running = make_chan(int, 0), .awake = make_chan(int, 0)};
		waitgroup wg = {0};
		wg_add(&wg, 1);
		go(wait_and_tell, &r, 1);
		(void)chan_recv(r.running);
		mutex_lock(&r.m); /* it holds m until it waits */
		mutex_unlock(&r.m);
		go(broadcast, &r);
		go(wait_for_exit, &r, &wg);
		(void)chan_recv(r.awake);
		mutex_lock(&r.m);
		r.exit = true;
		mutex_unlock(&r.m);
		cond_broadcast(&r.c);
		wg_wait(&wg);
	}
	return 0;
}

START_TEST(test_cond)
{
	expect_code(signal_generations, 0);
	expect_code(one_for_each_signal, 0);
	expect_code(broadcast_rounds, 0);
	expect_code(no_stealing, 0);
}
END_TEST

/* ---- mutex ---- */

struct hog {
	mutex m;
	_Atomic bool stop;
	waitgroup wg;
};

static void hold_long(struct hog *h)
{
	while (!atomic_load(&h->stop)) {
		mutex_lock(&h->m);
		gort_sleep(100 * us);
		mutex_unlock(&h->m);
	}
	wg_done(&h->wg);
}

/* Somebody who wants the mutex for a moment gets it, although another one hardly lets go. */
static int fair_to_short_holders(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct hog h = {.stop = false};
	wg_add(&h.wg, 2);
	go(hold_long, &h);
	go(hold_long, &h);
	for (int i = 0; i < 10; i++) {
		gort_sleep(100 * us);
		mutex_lock(&h.m);
		mutex_unlock(&h.m);
	}
	h.stop = true;
	wg_wait(&h.wg);
	REQUIRE((h.m.opaque[0] & ~(uint64_t)GORT_MUTEX_SHARED) == 0);
	return 0;
}

static void lock_both(mutex *a, mutex *b, long *n, waitgroup *wg)
{
	for (int i = 0; i < 2000; i++) {
		mutex_lock(a);
		while (!mutex_trylock(b)) { /* the others take them in the other order */
			mutex_unlock(a);
			gort_gosched();
			mutex_lock(a);
		}
		++*n;
		mutex_unlock(b);
		mutex_unlock(a);
	}
	wg_done(wg);
}

/* Trying and giving way avoids the deadlock of two orders. */
static int trylock_gives_way(int argc, char **argv)
{
	(void)argc, (void)argv;
	static mutex a, b;
	static long n;
	waitgroup wg = {0};
	wg_add(&wg, 6);
	for (int i = 0; i < 3; i++) {
		go(lock_both, &a, &b, &n, &wg);
		go(lock_both, &b, &a, &n, &wg);
	}
	wg_wait(&wg);
	REQUIRE(n == 12000);
	return 0;
}

static void pass_on(mutex *mine, mutex *next, int rounds, long *n)
{
	for (int i = 0; i < rounds; i++) {
		mutex_lock(mine);
		++*n;
		mutex_unlock(next);
	}
}

/* Mutexes as a ring of tokens: each is unlocked by another goroutine than the one that locked. */
static int handed_around(int argc, char **argv)
{
	(void)argc, (void)argv;
	static mutex m[8];
	static long n;
	for (int i = 0; i < 8; i++)
		mutex_lock(&m[i]);
	for (int i = 1; i < 8; i++)
		go(pass_on, &m[i], &m[(i + 1) % 8], 3000, &n);
	mutex_unlock(&m[1]);
	for (int i = 0; i < 3000; i++) {
		mutex_lock(&m[0]);
		++n;
		REQUIRE(n == 8 * (i + 1));
		if (i < 2999)
			mutex_unlock(&m[1]);
	}
	return 0;
}

START_TEST(test_mutex)
{
	expect_code(fair_to_short_holders, 0);
	expect_code(trylock_gives_way, 0);
	expect_code(handed_around, 0);
}
END_TEST

/* ---- rwmutex ---- */

struct doc {
	rwmutex rw;
	_Atomic int readers, writers;
	waitgroup wg;
};

static void read_try(struct doc *d, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		if (!rwmutex_tryrlock(&d->rw))
			continue;
		atomic_fetch_add(&d->readers, 1);
		REQUIRE(atomic_load(&d->writers) == 0);
		if (i % 16 == 0)
			gort_gosched();
		atomic_fetch_sub(&d->readers, 1);
		rwmutex_runlock(&d->rw);
	}
	wg_done(&d->wg);
}

static void write_try(struct doc *d, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		if (!rwmutex_trylock(&d->rw)) {
			gort_gosched();
			continue;
		}
		REQUIRE(atomic_fetch_add(&d->writers, 1) == 0 && atomic_load(&d->readers) == 0);
		if (i % 16 == 0)
			gort_gosched();
		atomic_fetch_sub(&d->writers, 1);
		rwmutex_unlock(&d->rw);
	}
	wg_done(&d->wg);
}

/* Only tries: exclusion holds, and afterwards nobody is counted. */
static int tries_exclude(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct doc d = {.readers = 0};
	wg_add(&d.wg, 12);
	for (int i = 0; i < 12; i++)
		if (i % 3 == 0)
			go(write_try, &d, 3000);
		else
			go(read_try, &d, 3000);
	wg_wait(&d.wg);
	REQUIRE(rwmutex_trylock(&d.rw));
	rwmutex_unlock(&d.rw);
	return 0;
}

static void read_forever(struct doc *d)
{
	while (!atomic_load(&d->writers)) {
		rwmutex_rlock(&d->rw);
		gort_gosched();
		rwmutex_runlock(&d->rw);
	}
	wg_done(&d->wg);
}

/* Readers who take turns, so that there is always one, do not keep a writer out. */
static int writer_gets_in(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct doc d = {.readers = 0};
	wg_add(&d.wg, 8);
	for (int i = 0; i < 8; i++)
		go(read_forever, &d);
	for (int i = 0; i < 50; i++) {
		rwmutex_lock(&d.rw);
		rwmutex_unlock(&d.rw);
		gort_gosched();
	}
	d.writers = 1;
	wg_wait(&d.wg);
	return 0;
}

static void write_forever(struct doc *d)
{
	while (!atomic_load(&d->readers)) {
		rwmutex_lock(&d->rw);
		gort_gosched();
		rwmutex_unlock(&d->rw);
	}
	wg_done(&d->wg);
}

/* And writers who take turns do not keep a reader out. */
static int reader_gets_in(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct doc d = {.readers = 0};
	wg_add(&d.wg, 4);
	for (int i = 0; i < 4; i++)
		go(write_forever, &d);
	for (int i = 0; i < 50; i++) {
		rwmutex_rlock(&d.rw);
		rwmutex_runlock(&d.rw);
		gort_gosched();
	}
	d.readers = 1;
	wg_wait(&d.wg);
	return 0;
}

START_TEST(test_rwmutex)
{
	expect_code(tries_exclude, 0);
	expect_code(writer_gets_in, 0);
	expect_code(reader_gets_in, 0);
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"lock", .seconds = 180,
		.units = {
			{"cond", test_cond},
			{"mutex", test_mutex},
			{"rwmutex", test_rwmutex},
		}});
}

#include "check_main.h"
