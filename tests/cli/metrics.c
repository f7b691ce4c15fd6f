/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * metrics.c - metrics.go as a program on libgort: for each line it reads it prints what libgort's
 * functions say, under the names of Go's metrics, and what it counts itself where they say nothing.
 */
#include <gort/atomic.h>
#include <gort/go.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SPINNERS = 6, LOCKERS = 3, BALLAST = 8 << 20, LIMIT = 1 << 30 };

static gort_mutex mu;
static waitgroup wg;
static chan(int) queue, full;
static char *volatile ballast, *volatile garbage[SPINNERS];
static gort_atomic_int64 parked, locked;
static int64_t started, waiting[2]; /* between these all came to wait */
static int percent;
static char rows[1024];

static int64_t now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec - started;
}

static void receive(chan(int) c)
{
	(void)chan_recv(c);
}

static void send(chan(int) c)
{
	chan_send(c, 1);
}

static void nap(void)
{
	gort_sleep(3600 * sec);
}

static void lock(void)
{
	mutex_lock(&mu);
}

static void join(void)
{
	wg_wait(&wg);
}

/* What top says of the n goroutines that the go statement of this line starts. */
static int row(const char *state, int n, int line)
{
	size_t len = strlen(rows);
	snprintf(rows + len, sizeof rows - len, "%s[\"%s\",%d,\"still metrics.c:%d\"]",
		len ? "," : "", state, n, line);
	return n;
}

__attribute__((noinline)) static void still(void)
{
	wg_add(&wg, 1);
	mutex_lock(&mu);
	waiting[0] = now();
	for (int n = row("chan receive", 40, __LINE__ + 1); n > 0; n--)
		go(receive, queue);
	for (int n = row("chan send", 11, __LINE__ + 1); n > 0; n--)
		go(send, full);
	for (int n = row("sleep", 5, __LINE__ + 1); n > 0; n--)
		go(nap);
	for (int n = row("sync.Mutex.Lock", 3, __LINE__ + 1); n > 0; n--)
		go(lock);
	for (int n = row("sync.WaitGroup.Wait", 4, __LINE__ + 1); n > 0; n--)
		go(join);
	gort_sleep(100 * ms);
	waiting[1] = now();
	gort_gc();
	percent = 150;
}

static void spin(int i)
{
	for (uint64_t x = (uint64_t)i;;) {
		for (int k = 0; k < 1000; k++)
			x = x * 6364136223846793005u + 1;
		garbage[i] = gort_new_array(char, 1000 + x % 100, &gort_noscan);
	}
}

static void contend(void)
{
	for (;;) {
		int64_t from = now();
		mutex_lock(&mu);
		gort_atomic_int64_add(&locked, now() - from);
		gort_sleep(ms);
		mutex_unlock(&mu);
	}
}

static void grow(void)
{
	for (;;) {
		gort_sleep(5 * ms);
		gort_atomic_int64_add(&parked, 1);
		go(receive, queue);
	}
}

static void busy(void)
{
	gort_gomaxprocs(2);
	percent = 50;
	for (int i = 0; i < SPINNERS; i++)
		go(spin, i);
	for (int i = 0; i < LOCKERS; i++)
		go(contend);
	go(grow);
}

static void number(const char *name, uint64_t value)
{
	printf(",\"%s\":%llu", name, (unsigned long long)value);
}

static void numbers(void)
{
	struct gort_memstats m;
	gort_read_memstats(&m);
	printf("{\"at\":%lld,\"collect\":[%lld,%lld],\"rows\":[%s]", (long long)now(),
		(long long)waiting[0], (long long)waiting[1], rows);
	number("/sched/gomaxprocs:threads", (uint64_t)gort_gomaxprocs(0));
	number("goroutines", (uint64_t)gort_num_goroutine());
	number("parked", (uint64_t)gort_atomic_int64_load(&parked));
	number("/sync/mutex/wait/total:seconds", (uint64_t)gort_atomic_int64_load(&locked));
	number("/gc/heap/goal:bytes", m.next_gc);
	number("/gc/gogc:percent", (uint64_t)percent);
	number("/gc/gomemlimit:bytes", LIMIT);
	number("/gc/cycles/total:gc-cycles", m.num_gc);
	number("/gc/heap/allocs:bytes", m.total_alloc);
	number("/gc/heap/allocs:objects", m.mallocs);
	number("/memory/classes/heap/objects:bytes", m.heap_alloc);
	number("/memory/classes/heap/unused:bytes", m.heap_inuse - m.heap_alloc);
	number("pause", m.pause_total_ns);
	number("last_pause", m.pause_last_ns);
	puts("}");
	fflush(stdout);
}

int gort_main(int argc, char **argv)
{
	char line[64];
	started = now();
	ballast = gort_new_array(char, BALLAST, &gort_noscan);
	queue = make_chan(int, 0);
	full = make_chan(int, 0);
	gort_set_memory_limit(LIMIT);
	if (argc > 1 && !strcmp(argv[1], "still"))
		still();
	else
		busy();
	gort_set_gc_percent(percent);
	while (read(0, line, sizeof line) > 0)
		numbers();
	gort_keepalive(ballast);
	return 0;
}
