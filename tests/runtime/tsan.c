/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tsan.c clean|racy|names|loop: each edge of runtime/MEMORY_MODEL.md under ThreadSanitizer, and its
 * twin that has none. tsan.sh builds it with -fsanitize=thread and reads the reports: of clean
 * there must be none, of racy one that names first_NAME and second_NAME for each NAME of names.
 * loop ends if a goroutine that calls nothing is preempted.
 *
 * A case is two goroutines. The second goes on when the first is where it should be, which it
 * learns through a relaxed atomic: that orders nothing, so only the operation in question does.
 */
#include <gort/go.h>
#include <gort/net.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

typedef slice(long) longs;

struct test {
	long x;    /* what the two race for */
	bool edge; /* false: the twin */
	int step, ended;
	chan(long) c;
	struct gort_chan *large;
	mutex m[2];
	rwmutex rw;
	cond cond;
	waitgroup wg;
	once once;
	semaphore sem;
	sync_pool pool;
	sync_map map;
	pthread_mutex_t pm[2];
	gort_conn r, w;
	int fd[2];
	context ctx;
	struct gort_cancel *cancel;
	gort_timer *timer;
	struct gort_map *keys;
	longs s;
	int flag;
};

static void reach(struct test *t, int step)
{
	int old = __atomic_load_n(&t->step, __ATOMIC_RELAXED);
	while (old < step && !__atomic_compare_exchange_n(&t->step, &old, step, true,
				     __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static void await(struct test *t, int step)
{
	while (__atomic_load_n(&t->step, __ATOMIC_RELAXED) < step)
		gort_sleep(100 * us);
}

/* Until the other goroutine, which is about to, waits: it cannot be asked. */
static void letitwait(void)
{
	gort_sleep(3 * ms);
}

static long look(struct test *t)
{
	return *(volatile long *)&t->x;
}

/* One access before the operation op, or in the twin behind it. */
#define BEFORE(op)              \
	do {                    \
		if (t->edge)    \
			t->x++; \
		op;             \
		if (!t->edge)   \
			t->x++; \
	} while (0)

/* op with the lock held, or in the twin without. */
#define LOCKED(t, op)                             \
	do {                                      \
		if ((t)->edge)                    \
			mutex_lock(&(t)->m[0]);   \
		op;                               \
		if ((t)->edge)                    \
			mutex_unlock(&(t)->m[0]); \
	} while (0)

/* ---- go ---- */

static NOINLINE void second_go(struct test *t)
{
	await(t, t->edge ? 0 : 1);
	t->x++;
	reach(t, 2);
}

static NOINLINE void first_go(struct test *t)
{
	BEFORE(go(second_go, t));
	reach(t, 1);
	await(t, 2);
}

/* Without an edge whatever t->edge is: one goroutine after the other, on the same stack. */
static NOINLINE void first_stack(struct test *t)
{
	if (!t->edge)
		t->x++;
	reach(t, 1);
}

static NOINLINE void second_stack(struct test *t)
{
	await(t, 1);
	t->x++;
}

/* ---- channels ---- */

static NOINLINE void first_send(struct test *t)
{
	BEFORE(chan_send(t->c, 1));
}

static NOINLINE void second_send(struct test *t)
{
	(void)chan_recv(t->c);
	letitwait();
	t->x++;
}

/* To a receiver that already waits. */
static NOINLINE void first_handover(struct test *t)
{
	letitwait();
	BEFORE(chan_send(t->c, 1));
}

static NOINLINE void second_handover(struct test *t)
{
	(void)chan_recv(t->c);
	letitwait();
	t->x++;
}

static NOINLINE void first_buffered(struct test *t)
{
	BEFORE(chan_send(t->c, 1));
}

static NOINLINE void second_buffered(struct test *t)
{
	letitwait();
	(void)chan_recv(t->c);
	letitwait();
	t->x++;
}

/* A receive comes before the end of the send, but not when there is room (the twin). */
static NOINLINE void first_receive(struct test *t)
{
	t->x++;
	(void)chan_recv(t->c);
}

static NOINLINE void second_receive(struct test *t)
{
	chan_send(t->c, 1);
	letitwait();
	t->x++;
}

/* The same, with a receiver that already waits when the element comes. */
static NOINLINE void first_waiting(struct test *t)
{
	t->x++;
	(void)chan_recv(t->c);
}

static NOINLINE void second_waiting(struct test *t)
{
	letitwait();
	chan_send(t->c, 1);
	t->x++;
}

/* Receive number 1, send number 2: an edge at capacity 1, none at 2. */
static NOINLINE void first_capacity(struct test *t)
{
	letitwait();
	t->x++;
	(void)chan_recv(t->c);
	reach(t, 1);
}

static NOINLINE void second_capacity(struct test *t)
{
	chan_send(t->c, 1);
	chan_send(t->c, 2);
	await(t, 1);
	t->x++;
}

/* A sender that waits, as the channel is full: the edge is its element's, not the one's before. */
static NOINLINE void first_full(struct test *t)
{
	chan_send(t->c, 1);
	t->x++;
	chan_send(t->c, 2);
}

static NOINLINE void second_full(struct test *t)
{
	letitwait();
	(void)chan_recv(t->c);
	if (t->edge)
		(void)chan_recv(t->c);
	letitwait();
	t->x++;
}

static NOINLINE void first_large(struct test *t)
{
	char v[24] = "text";
	gort_chan_send(t->large, v);
	BEFORE(gort_chan_send(t->large, v));
}

static NOINLINE void second_large(struct test *t)
{
	char v[24];
	gort_chan_recv(t->large, v);
	gort_chan_recv(t->large, v);
	letitwait();
	t->x++;
}

static NOINLINE void first_close(struct test *t)
{
	BEFORE(chan_close(t->c));
}

static NOINLINE void second_close(struct test *t)
{
	(void)chan_recv(t->c);
	letitwait();
	t->x++;
}

static NOINLINE void first_select(struct test *t)
{
	chan(long) never = NULL;
	letitwait();
	if (t->edge)
		t->x++;
	select
	{
		case_send(t->c, 1)
		{
		}
		case_recv(never, v)
		{
			(void)v;
		}
	}
	if (!t->edge)
		t->x++;
}

static NOINLINE void second_select(struct test *t)
{
	chan(long) never = NULL;
	select
	{
		case_recv(t->c, v)
		{
			(void)v;
		}
		case_recv(never, v)
		{
			(void)v;
		}
		case_after(10 * sec)
		{
		}
	}
	letitwait();
	t->x++;
}

/* ---- sync ---- */

static void underlock(struct test *t, int which)
{
	mutex *m = &t->m[t->edge ? 0 : which];
	mutex_lock(m);
	t->x++;
	letitwait();
	mutex_unlock(m);
}

static NOINLINE void first_mutex(struct test *t)
{
	underlock(t, 0);
	if (!t->edge)
		t->x++;
}

static NOINLINE void second_mutex(struct test *t)
{
	underlock(t, 1);
	if (!t->edge)
		t->x++;
}

static NOINLINE void first_trylock(struct test *t)
{
	mutex_lock(&t->m[0]);
	t->x++;
	mutex_unlock(&t->m[0]);
	reach(t, 1);
}

static NOINLINE void second_trylock(struct test *t)
{
	await(t, 1);
	if (!mutex_trylock(&t->m[t->edge ? 0 : 1]))
		return;
	t->x++;
	mutex_unlock(&t->m[t->edge ? 0 : 1]);
}

/* Readers have no edge among each other: the twin writes under a read lock. */
static NOINLINE void first_rwmutex(struct test *t)
{
	if (t->edge)
		rwmutex_lock(&t->rw);
	else
		rwmutex_rlock(&t->rw);
	t->x++;
	if (t->edge)
		rwmutex_unlock(&t->rw);
	else
		rwmutex_runlock(&t->rw);
	reach(t, 1);
}

static NOINLINE void second_rwmutex(struct test *t)
{
	await(t, 1);
	rwmutex_rlock(&t->rw);
	(void)look(t);
	rwmutex_runlock(&t->rw);
	rwmutex_lock(&t->rw);
	t->x++;
	rwmutex_unlock(&t->rw);
}

static NOINLINE void first_cond(struct test *t)
{
	await(t, 1);
	if (t->edge)
		t->x++;
	while (__atomic_load_n(&t->step, __ATOMIC_RELAXED) < 2) {
		cond_signal(&t->cond);
		gort_sleep(1 * ms);
	}
	if (!t->edge)
		t->x++;
}

static NOINLINE void second_cond(struct test *t)
{
	mutex_lock(&t->m[0]);
	reach(t, 1);
	cond_wait(&t->cond, &t->m[0]);
	mutex_unlock(&t->m[0]);
	reach(t, 2);
	letitwait();
	t->x++;
}

static void action(void *arg)
{
	struct test *t = arg;
	t->x++;
	letitwait();
}

static NOINLINE void first_once(struct test *t)
{
	once_do(&t->once, action, t);
	if (!t->edge)
		t->x++;
}

static NOINLINE void second_once(struct test *t)
{
	if (t->edge)
		once_do(&t->once, action, t);
	letitwait();
	letitwait();
	if (look(t) == 0 || !t->edge)
		t->x++;
}

static NOINLINE void first_waitgroup(struct test *t)
{
	BEFORE(wg_done(&t->wg));
}

static NOINLINE void second_waitgroup(struct test *t)
{
	wg_wait(&t->wg);
	letitwait();
	t->x++;
}

/* One permit, or in the twin two, which both have at once. */
static NOINLINE void first_semaphore(struct test *t)
{
	sem_acquire(&t->sem, 1);
	t->x++;
	reach(t, 1);
	if (!t->edge)
		await(t, 2);
	sem_release(&t->sem, 1);
}

static NOINLINE void second_semaphore(struct test *t)
{
	await(t, 1);
	sem_acquire(&t->sem, 1);
	t->x++;
	reach(t, 2);
	sem_release(&t->sem, 1);
}

static NOINLINE void first_pool(struct test *t)
{
	static long other; /* a P keeps one for itself */
	pool_put(&t->pool, &other);
	BEFORE(pool_put(&t->pool, &t->x));
	reach(t, 1);
}

static NOINLINE void second_pool(struct test *t)
{
	await(t, 1);
	for (long *x; (x = pool_get(&t->pool));)
		if (x == &t->x)
			++*x;
}

static NOINLINE void first_map(struct test *t)
{
	BEFORE(gort_sync_map_store(&t->map, "key", &t->x));
	reach(t, 1);
}

static NOINLINE void second_map(struct test *t)
{
	void *x;
	await(t, 1);
	if (gort_sync_map_load(&t->map, "key", &x))
		++*(long *)x;
}

/* ---- time, context ---- */

static NOINLINE void second_timer(struct test *t)
{
	await(t, t->edge ? 0 : 1);
	t->x++;
	reach(t, 2);
}

static NOINLINE void first_timer(struct test *t)
{
	BEFORE(t->timer = time_after_func(1 * ms, second_timer, t));
	reach(t, 1);
	await(t, 2);
}

static NOINLINE void first_context(struct test *t)
{
	BEFORE(gort_cancel_now(t->cancel));
	reach(t, 1);
}

static NOINLINE void second_context(struct test *t)
{
	await(t, 1);
	if (gort_ctx_err(t->ctx))
		t->x++;
}

/* ---- descriptors and locks of libc ---- */

static NOINLINE void first_conn(struct test *t)
{
	BEFORE(gort_conn_write(t->w, "", 1));
}

static NOINLINE void second_conn(struct test *t)
{
	char b;
	gort_conn_read(t->r, &b, 1);
	letitwait();
	t->x++;
}

static NOINLINE void first_pipe(struct test *t)
{
	BEFORE((void)!write(t->fd[1], "", 1));
}

static NOINLINE void second_pipe(struct test *t)
{
	char b;
	(void)!read(t->fd[0], &b, 1);
	letitwait();
	t->x++;
}

static void underpthread(struct test *t, int which)
{
	pthread_mutex_t *m = &t->pm[t->edge ? 0 : which];
	pthread_mutex_lock(m);
	t->x++;
	pthread_mutex_unlock(m);
}

static NOINLINE void first_pthread(struct test *t)
{
	underpthread(t, 0);
	if (!t->edge)
		t->x++;
	reach(t, 1);
}

static NOINLINE void second_pthread(struct test *t)
{
	await(t, 1);
	underpthread(t, 1);
	if (!t->edge)
		t->x++;
}

/* ---- what libgort reads and writes for its caller ---- */

/* Of a map, one goroutine after the other; in the twin without the lock. */
static NOINLINE void first_keys(struct test *t)
{
	long key = 1;
	LOCKED(t, gort_map_delete(t->keys, &key));
	reach(t, 1);
}

static NOINLINE void second_keys(struct test *t)
{
	long key = 2;
	await(t, 1);
	LOCKED(t, (void)gort_map_get(t->keys, &key));
}

static NOINLINE void first_elements(struct test *t)
{
	LOCKED(t, t->s.ptr[0] = 1);
	reach(t, 1);
}

/* It has no room: the elements are copied. */
static NOINLINE void second_elements(struct test *t)
{
	await(t, 1);
	LOCKED(t, append(&t->s, 2));
}

static NOINLINE void first_copied(struct test *t)
{
	LOCKED(t, t->s.ptr[0] = 1);
	reach(t, 1);
}

static NOINLINE void second_copied(struct test *t)
{
	await(t, 1);
	LOCKED(t, (void)copy(t->s, t->s));
}

/* ---- atomic operations ---- */

static NOINLINE void first_atomic(struct test *t)
{
	BEFORE(__atomic_store_n(&t->flag, 1, __ATOMIC_RELEASE));
}

static NOINLINE void second_atomic(struct test *t)
{
	while (!__atomic_load_n(&t->flag, __ATOMIC_ACQUIRE))
		gort_sleep(100 * us);
	letitwait();
	t->x++;
}

/* ---- the collector ---- */

/* By the runtime's goroutine, for the first of several objects. */
static NOINLINE void second_finalizer(void *p)
{
	struct test *t = *(struct test **)p;
	if (!__atomic_exchange_n(&t->step, 1, __ATOMIC_RELAXED))
		t->x++;
}

static NOINLINE void second_cleanup(void *arg)
{
	second_finalizer(&arg);
}

static NOINLINE void dropfinalizers(struct test *t)
{
	for (int i = 0; i < 8; i++) {
		struct test **p = gort_new(struct test *);
		*p = t;
		gort_set_finalizer(p, second_finalizer);
	}
}

static NOINLINE void dropcleanups(struct test *t)
{
	for (int i = 0; i < 8; i++)
		gort_add_cleanup(gort_new(struct test *), second_cleanup, t);
}

static void collect(struct test *t)
{
	while (!__atomic_load_n(&t->step, __ATOMIC_RELAXED)) {
		gort_gc();
		gort_sleep(1 * ms);
	}
}

static NOINLINE void first_finalizer(struct test *t)
{
	BEFORE(dropfinalizers(t));
	collect(t);
}

static NOINLINE void first_cleanup(struct test *t)
{
	BEFORE(dropcleanups(t));
	collect(t);
}

/* ---- objects where others were ---- */

#define NSLOTS 1024

static uintptr_t slots[NSLOTS]; /* inverted, but the last of the twin */

static NOINLINE void first_reused(struct test *t)
{
	for (size_t i = 0; i < NSLOTS; i++) {
		long *p = gort_new_array(long, 12);
		p[0] = 1;
		__atomic_store_n(&slots[i], ~(uintptr_t)p, __ATOMIC_RELAXED);
		if (!t->edge && i == NSLOTS - 1)
			__atomic_store_n(&slots[i], (uintptr_t)p, __ATOMIC_RELAXED);
	}
	reach(t, 1);
}

static bool wasslot(const long *p)
{
	for (size_t i = 0; i < NSLOTS; i++)
		if (__atomic_load_n(&slots[i], __ATOMIC_RELAXED) == ~(uintptr_t)p)
			return true;
	return false;
}

/* What lies about on stacks keeps some, so most are enough. */
static NOINLINE void second_reused(struct test *t)
{
	size_t reused = 0;
	await(t, 1);
	if (!t->edge) {
		++*(long *)__atomic_load_n(&slots[NSLOTS - 1], __ATOMIC_RELAXED);
		return;
	}
	gort_gc();
	for (size_t i = 0; i < NSLOTS; i++) {
		long *p = gort_new_array(long, 12);
		p[0] = 2;
		reused += wasslot(p);
	}
	if (reused < NSLOTS / 2)
		panic("%zu of %d slots were used again", reused, NSLOTS);
}

/* Starting the goroutines that make the calls would be an edge, too. */
static void nothing(void *p)
{
	(void)p;
}

static void startcalls(void)
{
	gort_set_finalizer(gort_new(long), nothing);
	gort_add_cleanup(gort_new(long), nothing, NULL);
}

/* ---- the cases ---- */

#define LONGCASE(name, cap, twincap)                             \
	{                                                        \
#name, first_##name, second_##name, cap, twincap \
	}
#define SIMPLE(name)                                     \
	{                                                \
#name, first_##name, second_##name, 0, 0 \
	}

static const struct testcase {
	const char *name;
	void (*first)(struct test *), (*second)(struct test *);
	int cap, twincap; /* of test.c */
} cases[] = {
	{"go", first_go, NULL, 0, 0},
	SIMPLE(stack),
	SIMPLE(send),
	LONGCASE(handover, 2, 2),
	LONGCASE(buffered, 2, 2),
	LONGCASE(receive, 0, 1),
	LONGCASE(waiting, 0, 2),
	LONGCASE(capacity, 1, 2),
	LONGCASE(full, 1, 1),
	SIMPLE(large),
	SIMPLE(close),
	SIMPLE(select),
	SIMPLE(mutex),
	SIMPLE(trylock),
	SIMPLE(rwmutex),
	SIMPLE(cond),
	SIMPLE(once),
	SIMPLE(waitgroup),
	SIMPLE(semaphore),
	SIMPLE(pool),
	SIMPLE(map),
	{"timer", first_timer, NULL, 0, 0},
	{"finalizer", first_finalizer, NULL, 0, 0},
	{"cleanup", first_cleanup, NULL, 0, 0},
	SIMPLE(reused),
	SIMPLE(context),
	SIMPLE(conn),
	SIMPLE(pipe),
	SIMPLE(pthread),
	SIMPLE(keys),
	SIMPLE(elements),
	SIMPLE(copied),
	SIMPLE(atomic),
};
#define NCASES (sizeof(cases) / sizeof(cases[0]))

static struct test tests[NCASES];

static void setup(struct test *t, const struct testcase *c, bool edge)
{
	t->edge = edge;
	t->c = make_chan(long, edge ? c->cap : c->twincap);
	t->large = gort_chan_make(24, 1);
	t->sem.free = edge ? 1 : 2;
	t->keys = gort_map_make(&gort_key_i64, sizeof(long), sizeof(long), false, 0);
	t->s = make_slice(longs, 1, 1);
	t->ctx = gort_ctx_with_cancel(gort_ctx_background(), &t->cancel);
	pthread_mutex_init(&t->pm[0], NULL);
	pthread_mutex_init(&t->pm[1], NULL);
	wg_add(&t->wg, 1);
	if (gort_pipe(&t->r, &t->w) || pipe(t->fd))
		panic("no pipes");
}

static void one(struct test *t, void (*f)(struct test *))
{
	f(t);
	__atomic_add_fetch(&t->ended, 1, __ATOMIC_RELAXED);
}

static void run(const struct testcase *c, struct test *t, bool edge)
{
	int n = c->second ? 2 : 1;
	setup(t, c, edge);
	go(one, t, c->first);
	if (c->second)
		go(one, t, c->second);
	while (__atomic_load_n(&t->ended, __ATOMIC_RELAXED) < n)
		gort_sleep(1 * ms);
}

static void endless(void)
{
	for (;;)
		__asm__ volatile("");
}

int gort_main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "loop") == 0) {
		go(endless);
		gort_sleep(1 * ms);
		return 0;
	}
	startcalls();
	for (size_t i = 0; i < NCASES; i++) {
		if (strcmp(what, "names") == 0)
			puts(cases[i].name);
		else
			run(&cases[i], &tests[i], strcmp(what, "clean") == 0);
	}
	return 0;
}
