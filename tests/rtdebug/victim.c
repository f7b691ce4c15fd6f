/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * victim.c - a program on libgort that dies, leaks or works in the way its argument says; the tests
 * of this folder read what it leaves behind. Functions are not inlined, so that a stack shows them
 * all.
 */
#include <gort/go.h>
#include <gort/debug.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define APART __attribute__((noinline))
/* The fault itself must happen, not a sanitizer's report of it. */
#define RAW __attribute__((noinline, no_sanitize("address"), no_sanitize("undefined")))

static volatile int zero;
static volatile unsigned long work_done;

static APART void feeder(chan(int) c)
{
	gort_set_name("feeder");
	chan_recv(c);
	work_done++;
}

static APART void sleeper(void)
{
	gort_sleep(3600 * 1000000000ll);
	work_done++;
}

static APART void spawn_parked(chan(int) c)
{
	go(feeder, c);
	go(sleeper);
	work_done++;
}

static APART void fail_by_panic(void)
{
	chan(int) c = make_chan(int, 1);
	chan_close(c);
	chan_send(c, 1);
	work_done++;
}

static RAW void fail_by_null(void)
{
	*(volatile int *)(uintptr_t)zero = 1;
	work_done++;
}

static RAW void fail_by_address(void)
{
	*(volatile int *)(uintptr_t)(zero + 0x123456780ul) = 1;
	work_done++;
}

static RAW void fail_by_division(void)
{
	work_done = (unsigned long)(7 / zero);
}

static APART unsigned long descend(unsigned long depth)
{
	volatile char room[256];
	room[depth % sizeof room] = (char)depth;
	if (!depth)
		return 0;
	unsigned long below = descend(depth + 1);
	return below + (unsigned long)room[0];
}

static bool others_wait(void)
{
	struct gsnap snap;
	bool wait = !gort_snapshot_self(&snap);
	for (uint32_t i = 0; i < snap.ngs; i++)
		wait &= snap.gs[i].id == gort_goid() || snap.gs[i].status == GSTATUS_WAITING;
	gsnap_free(&snap);
	return wait;
}

static APART void wait_for_others(void)
{
	while (!others_wait())
		gort_sleep(1000000);
}

static APART void fail_in_goroutine(void (*fail)(void))
{
	wait_for_others();
	fail();
	work_done++;
}

static APART void wait_forever(void)
{
	chan(int) c = make_chan(int, 0);
	chan_recv(c);
	work_done++;
}

static APART void spin_hot(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		work_done += i ^ (work_done >> 3);
}

static APART void spin_cold(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		work_done ^= i + (work_done << 2);
}

static APART void spinner(unsigned long rounds, chan(int) done)
{
	for (unsigned long i = 0; i < rounds; i++) {
		spin_hot(8000000);
		spin_cold(800000);
		gort_gosched();
	}
	chan_send(done, 1);
}

static APART int burn(void)
{
	chan(int) done = make_chan(int, 2);
	go(spinner, 40ul, done);
	go(spinner, 40ul, done);
	chan_recv(done);
	chan_recv(done);
	return 0;
}

static APART int leak(int code)
{
	chan(int) c = make_chan(int, 0);
	go(feeder, c);
	gort_sleep(1000000);
	return code;
}

static APART int no_leak(void)
{
	chan(int) c = make_chan(int, 0);
	go(feeder, c);
	chan_send(c, 1);
	return 0;
}

static APART void announce(const char *profile)
{
	wait_for_others();
	if (!profile || !gort_goroutine_profile(profile))
		dprintf(1, "ready\n");
}

/* Parks goroutines, the main one too, and has another say so once they all wait. */
static APART int stand(const char *profile)
{
	spawn_parked(make_chan(int, 0));
	go(announce, profile);
	sleeper();
	return 0;
}

static APART void locker(gort_mutex *mu)
{
	gort_mutex_lock(mu);
	work_done++;
}

/* The same as schedtrace.go: goroutines in several states for a while, then a panic. */
static APART int states(void)
{
	gort_mutex mu = {0};
	gort_mutex_lock(&mu);
	go(feeder, make_chan(int, 0));
	go(locker, &mu);
	go(sleeper);
	gort_sleep(400 * 1000000ll);
	gort_panicf("end");
}

static APART void send_one(chan(int) c)
{
	chan_send(c, 1);
	work_done++;
}

static APART void recv_one(chan(int) c)
{
	chan_recv(c);
	work_done++;
}

static APART void select_two(chan(int) c, chan(int) d)
{
	select
	{
		case_recv(c)
		{
		}
		case_recv(d)
		{
		}
	}
}

static APART void select_none(void)
{
	select
	{
	}
}

static APART void read_locker(gort_rwmutex *rw)
{
	gort_rwmutex_rlock(rw);
}

static APART void write_locker(gort_rwmutex *rw)
{
	gort_rwmutex_lock(rw);
}

static APART void wg_waiter(gort_waitgroup *wg)
{
	gort_wg_wait(wg);
}

static APART void cond_waiter(gort_cond *cv, gort_mutex *mu)
{
	gort_mutex_lock(mu);
	gort_cond_wait(cv, mu);
}

/* The same ways to wait as in waits.go. */
static APART int waits(void)
{
	gort_mutex mu = {0}, condmu = {0};
	gort_rwmutex rw = {0};
	gort_waitgroup wg = {0};
	gort_cond cv = {0};
	chan(int) nothing = NULL;
	chan(int) c = make_chan(int, 0);
	gort_mutex_lock(&mu);
	gort_rwmutex_lock(&rw);
	gort_wg_add(&wg, 1);
	go(recv_one, c);
	go(recv_one, nothing);
	go(send_one, nothing);
	go(send_one, make_chan(int, 0));
	go(select_two, c, nothing);
	go(select_none);
	go(locker, &mu);
	go(read_locker, &rw);
	go(write_locker, &rw);
	go(wg_waiter, &wg);
	go(cond_waiter, &cv, &condmu);
	go(sleeper);
	wait_for_others();
	kill(getpid(), SIGQUIT);
	sleeper();
	return 0;
}

static APART void branch_on(const int *value, chan(int) done)
{
	if (*value)
		work_done++;
	chan_send(done, 1);
}

/* What valgrind must report, in a goroutine's frame. */
static APART int uninitialized(void)
{
	int *value = malloc(sizeof *value);
	chan(int) done = make_chan(int, 0);
	go(branch_on, value, done);
	chan_recv(done);
	free(value);
	return 0;
}

static APART void inheritor(chan(int) c, int own)
{
	if (own)
		gort_set_label("user", "ann \"a\"\n");
	chan_recv(c);
	work_done++;
}

/* Labels of its own, of the parent, replaced and taken away. */
static APART int labels(void)
{
	chan(int) c = make_chan(int, 0);
	gort_set_label("path", "/");
	gort_set_label("user", "bob");
	gort_set_label("kind", "a");
	gort_set_label("path", "/x");
	go(inheritor, c, 0);
	go(inheritor, c, 1);
	gort_set_label("kind", NULL);
	gort_set_label("none", NULL);
	go(inheritor, c, 0);
	wait_for_others();
	if (strcmp(gort_label("user"), "bob") || gort_label("kind") || gort_label("us"))
		return 3;
	gort_set_label("user", NULL);
	gort_set_label("path", NULL);
	fail_by_panic();
	return 0;
}

static volatile sig_atomic_t told;

static void go_on(int sig)
{
	told = sig;
}

/* For debug_usdt.c: when told, a known number of each thing that has a tracepoint. */
static APART int probed(void)
{
	struct timespec tick = {0, 1000000};
	chan(int) c = make_chan(int, 0);
	signal(SIGUSR1, go_on);
	dprintf(1, "ready\n");
	while (!told) /* by a bare system call, which no tracepoint shows */
		syscall(SYS_nanosleep, &tick, NULL);
	for (int i = 0; i < 100; i++) {
		go(send_one, c);
		gort_gosched();
		chan_recv(c);
		gort_blocking_begin();
		gort_blocking_end();
	}
	select
	{
		case_after(1000000)
		{
		}
	}
	gort_sleep(1000000);
	return 0;
}

static void own_handler(int sig)
{
	dprintf(2, "own handler %d\n", sig);
	_exit(5);
}

__attribute__((constructor)) static void install_own_handler(void)
{
	if (getenv("VICTIM_HANDLER"))
		signal(SIGSEGV, own_handler);
}

int gort_main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	static const struct {
		const char *name;
		void (*fail)(void);
	} fails[] = {{"panic", fail_by_panic}, {"null", fail_by_null}, {"address", fail_by_address},
		{"division", fail_by_division}, {"deadlock", wait_forever}};
	for (unsigned i = 0; i < sizeof fails / sizeof fails[0]; i++)
		if (!strcmp(how, fails[i].name))
			fails[i].fail();
	if (!strcmp(how, "overflow"))
		return (int)descend(1);
	if (!strcmp(how, "child")) {
		go(sleeper);
		go(fail_in_goroutine, fail_by_null);
		wait_forever();
	}
	if (!strcmp(how, "stand"))
		return stand(argc > 2 ? argv[2] : NULL);
	if (!strcmp(how, "states"))
		return states();
	if (!strcmp(how, "probed"))
		return probed();
	if (!strcmp(how, "waits"))
		return waits();
	if (!strcmp(how, "uninitialized"))
		return uninitialized();
	if (!strcmp(how, "labels"))
		return labels();
	if (!strcmp(how, "burn"))
		return burn();
	if (!strcmp(how, "leak"))
		return leak(argc > 2 ? atoi(argv[2]) : 0);
	return strcmp(how, "noleak") ? 1 : no_leak();
}
