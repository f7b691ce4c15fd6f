/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gleaks_scenes.c - one goroutine for each kind of root: what it waits for is reached from there
 * and from nowhere else, so that it is alive. Beside it always one that is leaked.
 */
#include <gort/finalizer.h>
#include <gort/gc.h>
#include <gort/go.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>
#include "gleaks.h"

static void waits(chan(int) c, const char *name)
{
	gort_set_name(name);
	(void)chan_recv(c);
}

static chan(int) waiter(const char *name)
{
	chan(int) c = make_chan(int, 0);
	go(waits, c, name);
	return c;
}

enum { LEAKS = 4 }; /* a stale word may keep one */

static void __attribute__((noinline)) leaks(void)
{
	for (int i = 0; i < LEAKS; i++)
		waiter("leak");
}

/* Runs f where what it leaves on the stack is nobody's. */
static void build(void (*f)(waitgroup *done))
{
	waitgroup done = {0};
	wg_add(&done, 1);
	go(f, &done);
	wg_wait(&done);
}

/* ---- variables ---- */

static chan(int) volatile kept;
static __thread chan(int) volatile mine;

static void in_variable(waitgroup *done)
{
	kept = waiter("live");
	leaks();
	wg_done(done);
}

static void variable(void)
{
	build(in_variable);
}

static void in_tls(waitgroup *done)
{
	mine = waiter("live");
	leaks();
	wg_done(done);
}

static void tls(void)
{
	build(in_tls);
}

/* ---- the heap ---- */

struct typed {
	uint64_t number[3];
	chan(int) c;
};
GORT_TYPE(typed_type, struct typed, c);

static void *volatile heap[4];

/* Not at its beginning, and where the pointers of its neighbours are not. */
static void in_typed(waitgroup *done)
{
	struct typed *t = gort_new(struct typed, &typed_type);
	struct typed *many = gort_new_array(struct typed, 3000, &typed_type);
	struct typed *some = gort_new_array(struct typed, 100, &typed_type);
	chan(int) *words = gort_malloc(100000);
	t->c = waiter("live");
	many[2999].c = waiter("live");
	some[99].c = waiter("live");
	words[12000] = waiter("live");
	t->number[1] = many[7].number[0] = some[7].number[0] = (uintptr_t)waiter("leak");
	heap[0] = t;
	heap[1] = many;
	heap[2] = some;
	heap[3] = words;
	leaks();
	wg_done(done);
}

static void typed(void)
{
	build(in_typed);
}

static void in_noscan(waitgroup *done)
{
	chan(int) *c = gort_new_array(chan(int), 4, &gort_noscan);
	c[1] = waiter("leak");
	leaks();
	heap[0] = c;
	kept = waiter("live");
	wg_done(done);
}

static void noscan(void)
{
	build(in_noscan);
}

/* ---- what libgort keeps ---- */

static gort_pool pool;

static void in_pool(waitgroup *done)
{
	for (int i = 0; i < 20; i++)
		gort_pool_put(&pool, waiter("live"));
	leaks();
	wg_done(done);
}

static void pooled(void)
{
	build(in_pool);
}

static void in_map(waitgroup *done)
{
	static gort_sync_map *m; /* memory that nobody looks into */
	m = calloc(1, sizeof(*m));
	for (uintptr_t i = 1; i <= 20; i++)
		gort_sync_map_store(m, (void *)i, waiter("live"));
	leaks();
	wg_done(done);
}

static void mapped(void)
{
	build(in_map);
}

static void in_registered(waitgroup *done)
{
	chan(int) *root = calloc(2, sizeof(*root));
	root[1] = waiter("live");
	gort_root_add(root, 2 * sizeof(*root));
	gort_pin(waiter("live"));
	leaks();
	wg_done(done);
}

static void registered(void)
{
	build(in_registered);
}

static void finalize(void *p)
{
	(void)p;
}

/* What a cleanup gets lives, as what an object with a finalizer refers to. */
static void in_special(waitgroup *done)
{
	struct typed *t = gort_new(struct typed, &typed_type);
	gort_add_cleanup(t, finalize, waiter("live"));
	heap[0] = t;
	t = gort_new(struct typed, &typed_type);
	t->c = waiter("live");
	gort_set_finalizer(t, finalize);
	heap[1] = t;
	leaks();
	wg_done(done);
}

static void special(void)
{
	build(in_special);
}

static void wakes(chan(int) c)
{
	chan_send(c, 1);
}

static void in_timer(waitgroup *done)
{
	for (int i = 0; i < 20; i++)
		time_after_func((3600 + i) * sec, wakes, waiter("live"));
	leaks();
	wg_done(done);
}

static void timer(void)
{
	build(in_timer);
}

/* ---- stacks ---- */

static void sleeps(waitgroup *done)
{
	chan(int) volatile c = waiter("live");
	wg_done(done);
	gort_sleep(3600 * sec);
	chan_close(c);
}

static void reads(waitgroup *done)
{
	int fds[2];
	char byte;
	chan(int) volatile c = waiter("live");
	if (pipe(fds))
		abort();
	wg_done(done);
	gort_blocking_begin(); /* the thread itself */
	ssize_t n = read(fds[0], &byte, 1);
	gort_blocking_end();
	if (n)
		chan_close(c);
}

static void times_out(waitgroup *done)
{
	chan(int) volatile c = waiter("live");
	chan(int) never = make_chan(int, 0);
	wg_done(done);
	select
	{
		case_recv(never)
		{
		}
		case_after(3600 * sec)
		{
		}
	}
	chan_close(c);
}

static void on_stacks(waitgroup *done)
{
	build(sleeps);
	build(reads);
	build(times_out);
	leaks();
	wg_done(done);
}

static void stacks(void)
{
	build(on_stacks);
}

/* On the stack of a thread that libgort did not make, and in its thread-local variables. */
static sem_t started;

static void *foreign(void *arg)
{
	chan(int) volatile c = ((chan(int) *)arg)[0];
	mine = ((chan(int) *)arg)[1];
	((chan(int) *)arg)[0] = ((chan(int) *)arg)[1] = NULL;
	sem_post(&started);
	for (;;)
		pause();
	return (void *)c;
}

static void on_thread(waitgroup *done)
{
	static chan(int) given[2];
	pthread_t t;
	given[0] = waiter("live");
	given[1] = waiter("live");
	sem_init(&started, 0, 0);
	if (pthread_create(&t, NULL, foreign, given))
		abort();
	sem_wait(&started);
	leaks();
	wg_done(done);
}

static void threads(void)
{
	build(on_thread);
}

/* A lock on the stack of who holds it; of who waits for it nothing else leads to it. */
static void queues(mutex *mu, const char *name)
{
	gort_set_name(name);
	mutex_lock(mu);
}

static void holds(waitgroup *done, int sleeping)
{
	mutex mu = {0};
	mutex_lock(&mu);
	go(queues, &mu, sleeping ? "live" : "likely");
	wg_done(done);
	if (sleeping)
		gort_sleep(3600 * sec);
	(void)chan_recv(make_chan(int, 0));
	mutex_unlock(&mu);
}

static void on_locks(waitgroup *done)
{
	waitgroup both = {0};
	wg_add(&both, 2);
	go(holds, &both, 1);
	go(holds, &both, 0);
	wg_wait(&both);
	leaks();
	wg_done(done);
}

static void locks(void)
{
	build(on_locks);
}

const struct scene scenes[] = {{"variable", variable, LEAKS + 1}, {"tls", tls, LEAKS + 1},
	{"typed", typed, LEAKS + 5}, {"noscan", noscan, LEAKS + 2}, {"pool", pooled, LEAKS + 20},
	{"map", mapped, LEAKS + 20}, {"registered", registered, LEAKS + 2},
	{"special", special, LEAKS + 2}, {"timer", timer, LEAKS + 20},
	{"stacks", stacks, LEAKS + 3}, {"thread", threads, LEAKS + 2}, {"locks", locks, LEAKS + 2},
	{0}};
