/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blocks.c WHAT RATE FRACTION BLOCK MUTEX: goroutines that are known to be parked wait for PAUSE at
 * least, each kind in functions of its own; then writes both profiles of contention, and for some
 * functions for how long they can have waited at most. Of RATE and FRACTION - leaves them as they
 * are. For blockprof.sh.
 * WHAT: planted; quiet: the same operations where nobody waits; off: planted, after both were
 * switched off again; storm: all kinds on all Ps, while the profiles are switched on and off.
 */
#include <stdio.h>
#include <string.h>
#include <gort/debug.h>
#include <gort/go.h>
#include "patience.h"

#define APART __attribute__((noinline))
#define STAY  __asm__ volatile("") /* no call is the last thing that a function does */
#define PAUSE (2 * ms)

struct large {
	long word[20];
};

static mutex mu, condmu;
static rwmutex rw;
static cond ready;
static waitgroup gate, ended;
static semaphore permits;
static chan(long) words;
static chan(int) ints;
static chan(struct large) larges;
static volatile bool awake;

/* ---- what blocks ---- */

static APART void receiver(void)
{
	chan_recv(words);
	wg_done(&ended);
	STAY;
}

static APART void sender(void)
{
	chan_send(ints, 7);
	wg_done(&ended);
	STAY;
}

static APART void largesender(void)
{
	struct large l = {{1}};
	chan_send(larges, l);
	wg_done(&ended);
	STAY;
}

static APART void selecter(void)
{
	select
	{
		case_recv(ints, v)
		{
			(void)v;
		}
		case_recv(words, v)
		{
			(void)v;
		}
	}
	wg_done(&ended);
	STAY;
}

static APART void patient(void)
{
	select
	{
		case_recv(ints, v)
		{
			(void)v;
		}
		case_after(PAUSE)
		{
		}
	}
	wg_done(&ended);
	STAY;
}

static APART void locker(void)
{
	mutex_lock(&mu);
	mutex_unlock(&mu);
	wg_done(&ended);
	STAY;
}

static APART void reader(void)
{
	rwmutex_rlock(&rw);
	rwmutex_runlock(&rw);
	wg_done(&ended);
	STAY;
}

static APART void writer(void)
{
	rwmutex_lock(&rw);
	rwmutex_unlock(&rw);
	wg_done(&ended);
	STAY;
}

static APART void conditional(void)
{
	mutex_lock(&condmu);
	while (!awake)
		cond_wait(&ready, &condmu);
	mutex_unlock(&condmu);
	wg_done(&ended);
	STAY;
}

static APART void waiter(void)
{
	wg_wait(&gate);
	wg_done(&ended);
	STAY;
}

static APART void acquirer(void)
{
	sem_acquire(&permits, 1);
	wg_done(&ended);
	STAY;
}

/* ---- what makes them wait ---- */

static APART void unlocker(void)
{
	mutex_unlock(&mu);
	STAY;
}

static APART void runlocker(void)
{
	rwmutex_runlock(&rw);
	STAY;
}

static APART void wunlocker(void)
{
	rwmutex_unlock(&rw);
	STAY;
}

static APART void finish(void)
{
	wg_wait(&ended);
	STAY;
}

/* ---- planted ---- */

static int waiting(const char *reason)
{
	struct gsnap s;
	int n = 0;
	if (gort_snapshot_self(&s))
		exit(3);
	for (uint32_t i = 0; i < s.ngs; i++)
		n += strcmp(s.gs[i].reason, reason) == 0;
	gsnap_free(&s);
	return n;
}

static gort_time began;

static void start(void (*f)(void), int n, const char *reason)
{
	gort_time end = time_now() + patience(60) * sec;
	began = time_now();
	wg_add(&ended, n);
	for (int i = 0; i < n; i++)
		go(f);
	while (waiting(reason) != n) {
		if (time_now() > end) {
			fprintf(stderr, "not %d but %d: %s\n", n, waiting(reason), reason);
			exit(3);
		}
		gort_sleep(ms / 10);
	}
	gort_sleep(PAUSE);
}

/*
 * n goroutines in f, begun by start, have been released, wherever they are now: in a run queue, if
 * there is but one P.
 */
static void done(const char *f, int n)
{
	gort_time now = time_now();
	printf("%s %ld\n", f, (long)(now - began) * n);
	while (time_now() < now + 3 * PAUSE)
		;
	finish();
}

static void plant_chans(void)
{
	start(receiver, 3, "chan receive");
	for (long i = 0; i < 3; i++)
		chan_send(words, i);
	done("receiver", 3);
	start(sender, 2, "chan send");
	chan_recv(ints);
	chan_recv(ints);
	done("sender", 2);
	start(largesender, 1, "chan send");
	chan_recv(larges);
	done("largesender", 1);
	start(selecter, 4, "select");
	chan_send(ints, 1);
	chan_send(words, 1);
	chan_send(ints, 1);
	chan_send(words, 1);
	done("selecter", 4);
	wg_add(&ended, 1);
	go(patient);
	finish();
}

static void plant_locks(void)
{
	mutex_lock(&mu);
	start(locker, 3, "sync.Mutex.Lock");
	unlocker();
	finish();
	rwmutex_lock(&rw);
	start(reader, 2, "sync.RWMutex.RLock");
	wunlocker();
	done("reader", 2);
	rwmutex_rlock(&rw);
	start(writer, 1, "sync.RWMutex.Lock");
	runlocker();
	done("writer", 1);
}

static void plant_others(void)
{
	start(conditional, 1, "sync.Cond.Wait");
	mutex_lock(&condmu);
	awake = true;
	mutex_unlock(&condmu);
	cond_signal(&ready);
	done("conditional", 1);
	awake = false;
	start(conditional, 1, "sync.Cond.Wait");
	mutex_lock(&condmu);
	awake = true;
	mutex_unlock(&condmu);
	cond_broadcast(&ready);
	done("conditional", 1);
	wg_add(&gate, 1);
	start(waiter, 5, "sync.WaitGroup.Wait");
	wg_done(&gate);
	done("waiter", 5);
	start(acquirer, 2, "semacquire");
	sem_release(&permits, 2);
	done("acquirer", 2);
}

static void planted(void)
{
	plant_chans();
	plant_locks();
	plant_others();
	larges = make_chan(struct large, 0);
	wg_add(&ended, 1);
	go(largesender);
	while (!waiting("chan send"))
		gort_sleep(ms / 10);
}

/* ---- nobody waits ---- */

static void quiet(void)
{
	chan(long) roomy = make_chan(long, 8);
	for (long i = 0; i < 1000; i++) {
		chan_send(roomy, i);
		chan_recv(roomy);
		mutex_lock(&mu);
		mutex_unlock(&mu);
		rwmutex_rlock(&rw);
		rwmutex_runlock(&rw);
		rwmutex_lock(&rw);
		rwmutex_unlock(&rw);
		wg_wait(&gate);
		cond_signal(&ready);
		sem_release(&permits, 1);
		sem_acquire(&permits, 1);
		gort_sleep(1);
	}
}

/* ---- storm ---- */

static long total;

static void stormer(long n)
{
	static const struct large empty;
	for (long i = 0; i < n; i++) {
		mutex_lock(&mu);
		total++;
		mutex_unlock(&mu);
		select
		{
			case_send(words, i)
			{
			}
			case_recv(words, v)
			{
				(void)v;
			}
			case_send(larges, empty)
			{
			}
			case_recv(larges, l)
			{
				(void)l;
			}
			case_after(20 * us)
			{
			}
		}
		rwmutex_rlock(&rw);
		rwmutex_runlock(&rw);
		if (i % 8 == 0) {
			rwmutex_lock(&rw);
			rwmutex_unlock(&rw);
		}
		chan_send(ints, (int)i);
		sem_acquire(&permits, 1);
		sem_release(&permits, 1);
	}
	wg_done(&ended);
}

static void drain(long n)
{
	while (n-- > 0)
		chan_recv(ints);
	wg_done(&ended);
}

static void storm(void)
{
	enum { GOROUTINES = 16, ROUNDS = 300 };
	sem_release(&permits, 2);
	wg_add(&ended, 2 * GOROUTINES);
	for (int i = 0; i < GOROUTINES; i++) {
		go(stormer, (long)ROUNDS);
		go(drain, (long)ROUNDS);
	}
	for (int i = 0; i < 40; i++) {
		gort_sleep(ms);
		gort_blockprofile_rate(i % 3 == 2 ? 0 : i % 2 ? 1 : 10000);
		gort_mutexprofile_fraction(i % 3 == 1 ? 0 : i % 2 ? 1 : 5);
	}
	finish();
	if (total != (long)GOROUTINES * ROUNDS)
		exit(4);
}

int gort_main(int argc, char **argv)
{
	const char *what = argc == 6 ? argv[1] : "";
	words = make_chan(long, 0);
	ints = make_chan(int, 0);
	larges = make_chan(struct large, 0);
	if (argc != 6)
		return 2;
	if (strcmp(argv[2], "-") != 0)
		gort_blockprofile_rate(atol(argv[2]));
	if (strcmp(argv[3], "-") != 0 && gort_mutexprofile_fraction(atol(argv[3])) != 0)
		return 5;
	if (strcmp(what, "off") == 0) {
		gort_blockprofile_rate(-1);
		if (gort_mutexprofile_fraction(-1) != atol(argv[3]))
			return 6;
		gort_mutexprofile_fraction(0);
	}
	if (strcmp(what, "quiet") == 0)
		quiet();
	else if (strcmp(what, "storm") == 0)
		storm();
	else
		planted();
	return gort_block_profile(argv[4]) || gort_mutex_profile(argv[5]);
}
