/* SPDX-License-Identifier: BSD-2-Clause */
/* sync_test.c - mutexes, condition variables and once behave as Go's. */
#include "child.h"
#include "suite.h"

#include <stdatomic.h>

/* fn must end with exit 0 on 1, 2 and 8 Ps: alone, as many as this machine has at least, more. */
static void everywhere(mainfn *fn)
{
	for (int procs = 1; procs <= 8; procs = procs == 2 ? 8 : procs + 1) {
		struct child *c = run_child(fn, procs);
		ck_assert_msg(c->code == 0, "%d Ps: exit %d: %s", procs, c->code, c->text);
	}
}

/* fn must end as a deadlock whose dump shows main waiting for reason. */
static void expect_deadlock(mainfn *fn, const char *reason)
{
	char line[64];
	snprintf(line, sizeof(line), "\ngoroutine 1 [%s]:\n", reason);
	expect_fatal(fn, "fatal error: all goroutines are asleep - deadlock!");
	ck_assert_msg(strstr(run_child(fn, 1)->text, line), "no%s", line);
}

static unsigned nextrandom(unsigned *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* How many goroutines wait for m: the upper bits of its word, see mutex.c. */
static unsigned waiters(mutex *m)
{
	return (uint32_t)__atomic_load_n(&m->opaque[0], __ATOMIC_ACQUIRE) >> 5;
}

static void await_waiters(mutex *m, unsigned n)
{
	while (waiters(m) != n)
		gort_gosched();
}

/* ---- mutex ---- */

struct shared {
	mutex m;
	long n; /* guarded by m */
	bool inside;
};

static void exclude(struct shared *s, int rounds, waitgroup *wg)
{
	unsigned seed = (unsigned)gort_goid();
	for (int i = 0; i < rounds; i++) {
		unsigned r = nextrandom(&seed);
		if (r % 8 != 0 || !mutex_trylock(&s->m))
			mutex_lock(&s->m);
		REQUIRE(!s->inside);
		s->inside = true;
		s->n++;
		if (r % 16 == 1)
			gort_gosched();
		if (r % 4096 == 2)
			gort_sleep(1);
		s->inside = false;
		mutex_unlock(&s->m);
		if (r % 64 == 3)
			gort_gosched();
	}
	wg_done(wg);
}

static int exclusion(int argc, char **argv)
{
	(void)argc, (void)argv;
	static struct shared s;
	waitgroup wg = {0};
	wg_add(&wg, 20);
	for (int i = 0; i < 20; i++)
		go(exclude, &s, 5000, &wg);
	wg_wait(&wg);
	REQUIRE(s.n == 100000 && !s.inside && (s.m.opaque[0] & ~(uint64_t)GORT_MUTEX_SHARED) == 0 &&
		s.m.opaque[1] == 0);
	return 0;
}

struct counted {
	mutex m;
	int refs;
};

static void leave(struct counted *c, waitgroup *wg)
{
	mutex_lock(&c->m);
	bool last = --c->refs == 0;
	mutex_unlock(&c->m);
	if (last) {
		memset(c, 0xff, sizeof(*c)); /* without a sanitizer: an inconsistent state */
		free(c);
	}
	wg_done(wg);
}

/* Whoever locked it last frees it at once: no earlier unlock may touch it any more. */
static int freed_by_the_last(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	for (int round = 0; round < 3000; round++) {
		struct counted *c = calloc(1, sizeof(*c));
		c->refs = 4;
		wg_add(&wg, 4);
		mutex_lock(&c->m);
		for (int i = 0; i < 4; i++)
			go(leave, c, &wg);
		if (round % 2)
			await_waiters(&c->m, 4);
		mutex_unlock(&c->m);
		wg_wait(&wg);
	}
	return 0;
}

#define MANY 2000

static struct {
	mutex m;
	int expect, seen;
} many[MANY];

static void lock_one(long i, waitgroup *wg)
{
	mutex_lock(&many[i].m);
	many[i].seen++;
	mutex_unlock(&many[i].m);
	wg_done(wg);
}

/* Waiters of many addresses at once share the roots of sema.c: each gets its own mutex. */
static int many_addresses(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	unsigned seed = 7;
	for (long i = 0; i < MANY; i++)
		mutex_lock(&many[i].m);
	for (int n = 0; n < 3 * MANY; n++) {
		long i = nextrandom(&seed) % MANY;
		many[i].expect++;
		wg_add(&wg, 1);
		go(lock_one, i, &wg);
	}
	for (long i = 0; i < MANY; i++)
		await_waiters(&many[i].m, (unsigned)many[i].expect);
	for (long k = 0, i = 0; k < MANY; k++, i = (i + 1999 * 7) % MANY) {
		REQUIRE(many[i].seen == 0);
		mutex_unlock(&many[i].m);
	}
	wg_wait(&wg);
	for (long i = 0; i < MANY; i++)
		REQUIRE(many[i].seen == many[i].expect);
	_exit(0); /* the leak checker of ASan reads the memory map once for each of 6000 stacks */
}

static void lock_and_tell(mutex *m, _Atomic bool *got)
{
	mutex_lock(m);
	atomic_store(got, true);
	mutex_unlock(m);
}

/* A holder that locks again right after each unlock cannot keep a waiter out for ever. */
static int starvation(int argc, char **argv)
{
	(void)argc, (void)argv;
	static mutex m;
	static _Atomic bool got;
	int holds = 0;
	mutex_lock(&m);
	go(lock_and_tell, &m, &got);
	await_waiters(&m, 1);
	for (; !atomic_load(&got); holds++) {
		REQUIRE(holds < 10000);
		gort_sleep(
			100 * us); /* it is held for 100 us at least, so 1 ms is some ten holds */
		mutex_unlock(&m);
		mutex_lock(&m);
	}
	mutex_unlock(&m);
	return 0;
}

static void take_turn(mutex *m, int me, int *turn)
{
	mutex_lock(m);
	REQUIRE(*turn == me);
	++*turn;
	mutex_unlock(m);
}

/* Waiters are woken in the order in which they came, when nobody competes. */
static int mutex_order(int argc, char **argv)
{
	(void)argc, (void)argv;
	static mutex m;
	static int turn;
	mutex_lock(&m);
	for (int i = 0; i < 16; i++) {
		go(take_turn, &m, i, &turn);
		await_waiters(&m, (unsigned)i + 1);
		gort_sleep(ms); /* counted, and now queued too */
	}
	mutex_unlock(&m);
	for (int i = 0; i < 1000 && turn < 16; i++)
		gort_sleep(ms);
	REQUIRE(turn == 16);
	return 0;
}

static void unlock_it(mutex *m)
{
	mutex_unlock(m);
}

static int trying(int argc, char **argv)
{
	(void)argc, (void)argv;
	static mutex m;
	REQUIRE(mutex_trylock(&m) && !mutex_trylock(&m));
	mutex_unlock(&m);
	REQUIRE(mutex_trylock(&m));
	go(unlock_it, &m); /* another goroutine may unlock it */
	mutex_lock(&m);
	REQUIRE(!mutex_trylock(&m));
	mutex_unlock(&m);
	return 0;
}

/*
 * Each mutex is contended for the first time while its owner may be in a restartable unlock: no
 * waiter may get lost then, which would be a deadlock, and no two may be inside.
 */
#define CELLS   4000
#define SHARERS 3

static struct cell {
	mutex m;
	int n; /* guarded by m */
} cells[CELLS];

static void visit(unsigned seed, waitgroup *wg)
{
	for (int i = 0; i < CELLS; i++) {
		struct cell *c = &cells[i];
		mutex_lock(&c->m);
		int n = c->n;
		for (unsigned k = nextrandom(&seed) % 64 ? 10 : 20000; k > 0; k--)
			__asm__ volatile("");
		c->n = n + 1;
		mutex_unlock(&c->m);
	}
	wg_done(wg);
}

static int sharing(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int round = 0; round < 100; round++) {
		waitgroup wg = {0};
		memset(cells, 0, sizeof(cells));
		wg_add(&wg, SHARERS);
		for (unsigned i = 0; i < SHARERS; i++)
			go(visit, round * SHARERS + i, &wg);
		wg_wait(&wg);
		for (int i = 0; i < CELLS; i++)
			REQUIRE(cells[i].n == SHARERS &&
				(cells[i].m.opaque[0] & ~(uint64_t)GORT_MUTEX_SHARED) == 0);
	}
	return 0;
}

START_TEST(test_sharing)
{
	everywhere(sharing);
}
END_TEST

START_TEST(test_exclusion)
{
	everywhere(exclusion);
	everywhere(freed_by_the_last);
	everywhere(many_addresses);
}
END_TEST

START_TEST(test_starvation)
{
	everywhere(starvation);
	expect_code(mutex_order, 0);
}
END_TEST

START_TEST(test_trylock)
{
	everywhere(trying);
}
END_TEST

/* ---- rwmutex ---- */

static void read_together(rwmutex *rw, waitgroup *in, waitgroup *out)
{
	rwmutex_rlock(rw);
	wg_done(in);
	wg_wait(in); /* returns only if all are inside at once */
	rwmutex_runlock(rw);
	wg_done(out);
}

static int many_readers(int argc, char **argv)
{
	(void)argc, (void)argv;
	static rwmutex rw;
	waitgroup in = {0}, out = {0};
	wg_add(&in, 100);
	wg_add(&out, 100);
	rwmutex_lock(&rw); /* so that most of them wait first */
	for (int i = 0; i < 100; i++)
		go(read_together, &rw, &in, &out);
	gort_gosched();
	rwmutex_unlock(&rw);
	wg_wait(&out);
	REQUIRE(rwmutex_trylock(&rw) && !rwmutex_tryrlock(&rw) && !rwmutex_trylock(&rw));
	rwmutex_unlock(&rw);
	REQUIRE(rwmutex_tryrlock(&rw) && rwmutex_tryrlock(&rw) && !rwmutex_trylock(&rw));
	rwmutex_runlock(&rw);
	rwmutex_runlock(&rw);
	return 0;
}

struct order {
	rwmutex rw;
	_Atomic int n;
	int writer, reader;
	waitgroup wg;
};

static void write_one(struct order *o)
{
	rwmutex_lock(&o->rw);
	o->writer = atomic_fetch_add(&o->n, 1);
	rwmutex_unlock(&o->rw);
	wg_done(&o->wg);
}

static void read_one(struct order *o)
{
	rwmutex_rlock(&o->rw);
	o->reader = atomic_fetch_add(&o->n, 1);
	rwmutex_runlock(&o->rw);
	wg_done(&o->wg);
}

/* A reader that comes after a waiting writer goes after it. */
static int writer_first(int argc, char **argv)
{
	(void)argc, (void)argv;
	static struct order o;
	wg_add(&o.wg, 2);
	rwmutex_rlock(&o.rw);
	go(write_one, &o);
	while (rwmutex_tryrlock(&o.rw)) {
		rwmutex_runlock(&o.rw);
		gort_gosched();
	}
	go(read_one, &o);
	for (int i = 0; i < 100; i++)
		gort_gosched();
	REQUIRE(atomic_load(&o.n) == 0);
	rwmutex_runlock(&o.rw);
	wg_wait(&o.wg);
	REQUIRE(o.writer == 0 && o.reader == 1);
	return 0;
}

struct hammered {
	rwmutex rw;
	_Atomic int active; /* readers, plus 10000 for each writer */
	waitgroup wg;
};

static void hammer_reader(struct hammered *h, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		rwmutex_rlock(&h->rw);
		int n = atomic_fetch_add(&h->active, 1);
		REQUIRE(n >= 0 && n < 10000);
		if (i % 8 == 0)
			gort_gosched();
		atomic_fetch_sub(&h->active, 1);
		rwmutex_runlock(&h->rw);
	}
	wg_done(&h->wg);
}

static void hammer_writer(struct hammered *h, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		rwmutex_lock(&h->rw);
		REQUIRE(atomic_fetch_add(&h->active, 10000) == 0);
		if (i % 8 == 0)
			gort_gosched();
		REQUIRE(atomic_fetch_sub(&h->active, 10000) == 10000);
		rwmutex_unlock(&h->rw);
	}
	wg_done(&h->wg);
}

/* What stays set in word i of an unlocked one. */
static uint64_t shared_bits(int i)
{
	return i == 0 ? GORT_MUTEX_SHARED : i == 3 ? GORT_RWMUTEX_SHARED : 0;
}

static int hammer(int argc, char **argv)
{
	(void)argc, (void)argv;
	static struct hammered h;
	wg_add(&h.wg, 22);
	for (int i = 0; i < 22; i++)
		if (i % 11 == 0)
			go(hammer_writer, &h, 2000);
		else
			go(hammer_reader, &h, 2000);
	wg_wait(&h.wg);
	for (int i = 0; i < 4; i++)
		REQUIRE((h.rw.opaque[i] & ~shared_bits(i)) == 0);
	return 0;
}

/*
 * As `sharing` does it for mutexes: a second goroutine comes to each lock for the first time while
 * its only reader may be in a restartable unlock. A reader or a writer that got lost then would be
 * a deadlock, a fault, or two inside.
 */
static struct page {
	rwmutex rw;
	int n; /* guarded by rw */
} pages[CELLS];

static _Atomic int written;

static void dwell(unsigned *seed)
{
	for (unsigned k = nextrandom(seed) % 64 ? 10 : 20000; k > 0; k--)
		__asm__ volatile("");
}

static void look(struct page *pg, unsigned *seed)
{
	if (nextrandom(seed) % 4 || !rwmutex_tryrlock(&pg->rw))
		rwmutex_rlock(&pg->rw);
	int n = pg->n;
	dwell(seed);
	REQUIRE(*(volatile int *)&pg->n == n);
	rwmutex_runlock(&pg->rw);
}

static void write_page(struct page *pg, unsigned *seed)
{
	if (nextrandom(seed) % 4 || !rwmutex_trylock(&pg->rw))
		rwmutex_lock(&pg->rw);
	int n = pg->n;
	dwell(seed);
	pg->n = n + 1;
	rwmutex_unlock(&pg->rw);
	atomic_fetch_add(&written, 1);
}

static void leaf(unsigned seed, waitgroup *wg)
{
	for (int i = 0; i < CELLS; i++)
		if (nextrandom(&seed) % 8)
			look(&pages[i], &seed);
		else
			write_page(&pages[i], &seed);
	wg_done(wg);
}

static int reading_together(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int round = 0; round < 200; round++) {
		waitgroup wg = {0};
		int sum = 0;
		memset(pages, 0, sizeof(pages));
		atomic_store(&written, 0);
		wg_add(&wg, SHARERS);
		for (unsigned i = 0; i < SHARERS; i++)
			go(leaf, round * SHARERS + i, &wg);
		wg_wait(&wg);
		for (int i = 0; i < CELLS; i++) {
			for (int k = 0; k < 4; k++)
				REQUIRE((pages[i].rw.opaque[k] & ~shared_bits(k)) == 0);
			sum += pages[i].n;
		}
		REQUIRE(sum == atomic_load(&written));
	}
	return 0;
}

START_TEST(test_rwmutex)
{
	everywhere(reading_together);
	everywhere(many_readers);
	everywhere(writer_first);
	everywhere(hammer);
}
END_TEST

/* ---- cond ---- */

struct waitroom {
	mutex m;
	cond c;
	int came, woken; /* guarded by m */
	int turn[32];
};

static void wait_once(struct waitroom *w)
{
	mutex_lock(&w->m);
	int me = w->came++;
	cond_wait(&w->c, &w->m);
	w->turn[me] = w->woken++;
	mutex_unlock(&w->m);
}

/* Until n goroutines have called wait (came), or have returned from it (woken). */
static void await_count(struct waitroom *w, const int *count, int n)
{
	for (bool there = false; !there; gort_gosched()) {
		mutex_lock(&w->m);
		there = *count == n;
		mutex_unlock(&w->m);
	}
}

static int signal_order(int argc, char **argv)
{
	(void)argc, (void)argv;
	static struct waitroom w;
	cond_signal(&w.c); /* nobody waits: lost, as it must be */
	cond_broadcast(&w.c);
	for (int i = 0; i < 32; i++) {
		go(wait_once, &w);
		await_count(&w, &w.came, i + 1);
	}
	for (int i = 0; i < 32; i++) {
		REQUIRE(w.woken == i);
		cond_signal(&w.c);
		await_count(&w, &w.woken, i + 1);
	}
	for (int i = 0; i < 32; i++)
		REQUIRE(w.turn[i] == i);
	return 0;
}

static int broadcast(int argc, char **argv)
{
	(void)argc, (void)argv;
	static struct waitroom w;
	for (int round = 0; round < 50; round++) {
		w.came = w.woken = 0;
		for (int i = 0; i < 32; i++)
			go(wait_once, &w);
		await_count(&w, &w.came, 32);
		REQUIRE(w.woken == 0);
		cond_broadcast(&w.c);
		await_count(&w, &w.woken, 32);
	}
	return 0;
}

struct box {
	mutex m;
	cond filled, emptied;
	int full;
	long sum;
	waitgroup wg;
};

static void put_all(struct box *b, int rounds)
{
	for (int i = 1; i <= rounds; i++) {
		mutex_lock(&b->m);
		while (b->full)
			cond_wait(&b->emptied, &b->m);
		b->full = i;
		if (i % 2)
			cond_signal(&b->filled);
		mutex_unlock(&b->m);
		if (i % 2 == 0)
			cond_signal(&b->filled); /* without the mutex, as is allowed */
	}
	wg_done(&b->wg);
}

static void take_all(struct box *b, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		mutex_lock(&b->m);
		while (!b->full)
			cond_wait(&b->filled, &b->m);
		b->sum += b->full;
		b->full = 0;
		cond_signal(&b->emptied);
		mutex_unlock(&b->m);
	}
	wg_done(&b->wg);
}

/* One lost wake-up, and this ends as a deadlock. */
static int no_lost_wakeup(int argc, char **argv)
{
	(void)argc, (void)argv;
	static struct box b;
	wg_add(&b.wg, 8);
	for (int i = 0; i < 4; i++) {
		go(put_all, &b, 5000);
		go(take_all, &b, 5000);
	}
	wg_wait(&b.wg);
	REQUIRE(b.sum == 4 * 5000l * 5001 / 2 && !b.full);
	return 0;
}

static bool starving(mutex *m)
{
	return __atomic_load_n(&m->opaque[0], __ATOMIC_ACQUIRE) & 4;
}

static void signal_when_ready(struct waitroom *w)
{
	for (mutex_lock(&w->m); !w->came; mutex_lock(&w->m)) {
		mutex_unlock(&w->m);
		gort_gosched();
	}
	cond_signal(&w->c);
	mutex_unlock(&w->m);
}

/*
 * A starving mutex makes wait yield to the next owner before it has queued up: on 1 P that one
 * signals first, every time.
 */
static int signal_before_queue(int argc, char **argv)
{
	(void)argc, (void)argv;
	static struct waitroom w;
	mutex_lock(&w.m);
	go(signal_when_ready, &w);
	for (gort_sleep(2 * ms); !starving(&w.m); gort_sleep(2 * ms)) {
		mutex_unlock(&w.m);
		mutex_lock(&w.m);
	}
	w.came = 1;
	cond_wait(&w.c, &w.m);
	mutex_unlock(&w.m);
	return 0;
}

START_TEST(test_cond)
{
	everywhere(signal_before_queue);
	everywhere(signal_order);
	everywhere(broadcast);
	everywhere(no_lost_wakeup);
}
END_TEST

/* ---- once ---- */

struct action {
	once o;
	int n;
	waitgroup wg;
};

static void act(void *arg)
{
	struct action *a = arg;
	for (int i = 0; i < 10; i++)
		gort_gosched();
	a->n++;
}

static void act_and_exit(void *arg)
{
	act(arg);
	gort_goexit();
}

static void do_it(struct action *a)
{
	once_do(&a->o, act, a);
	REQUIRE(a->n == 1);
	wg_done(&a->wg);
}

static void do_and_exit(struct action *a)
{
	defer(wg_done, &a->wg);
	once_do(&a->o, act_and_exit, a);
	REQUIRE(false);
}

static int only_once(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int round = 0; round < 200; round++) {
		struct action a = {0};
		wg_add(&a.wg, 20);
		for (int i = 0; i < 20; i++)
			go(do_it, &a);
		wg_wait(&a.wg);
	}
	struct action a = {0};
	wg_add(&a.wg, 1);
	go(do_and_exit, &a);
	wg_wait(&a.wg);
	once_do(&a.o, act, &a);
	REQUIRE(a.n == 1);
	return 0;
}

START_TEST(test_once)
{
	everywhere(only_once);
}
END_TEST

/* ---- fatal errors and deadlocks ---- */

static int unlock_unlocked(int argc, char **argv)
{
	(void)argv;
	mutex m = {0};
	if (argc > 0)
		mutex_unlock(&m);
	return 0;
}

static int unlock_twice(int argc, char **argv)
{
	(void)argc, (void)argv;
	mutex m = {0};
	mutex_lock(&m);
	mutex_unlock(&m);
	mutex_unlock(&m);
	return 0;
}

static int runlock_unlocked(int argc, char **argv)
{
	(void)argc, (void)argv;
	rwmutex rw = {0};
	rwmutex_runlock(&rw);
	return 0;
}

static int runlock_for_writer(int argc, char **argv)
{
	(void)argc, (void)argv;
	rwmutex rw = {0};
	rwmutex_lock(&rw);
	rwmutex_runlock(&rw);
	return 0;
}

static int wunlock_unlocked(int argc, char **argv)
{
	(void)argc, (void)argv;
	rwmutex rw = {0};
	rwmutex_unlock(&rw);
	return 0;
}

static int wunlock_for_reader(int argc, char **argv)
{
	(void)argc, (void)argv;
	rwmutex rw = {0};
	rwmutex_rlock(&rw);
	rwmutex_unlock(&rw);
	return 0;
}

static int lock_twice(int argc, char **argv)
{
	(void)argc, (void)argv;
	mutex m = {0};
	mutex_lock(&m);
	mutex_lock(&m);
	return 0;
}

static int read_under_writer(int argc, char **argv)
{
	(void)argc, (void)argv;
	rwmutex rw = {0};
	rwmutex_lock(&rw);
	rwmutex_rlock(&rw);
	return 0;
}

static int write_under_reader(int argc, char **argv)
{
	(void)argc, (void)argv;
	rwmutex rw = {0};
	rwmutex_rlock(&rw);
	rwmutex_lock(&rw);
	return 0;
}

static int wait_for_nobody(int argc, char **argv)
{
	(void)argc, (void)argv;
	mutex m = {0};
	cond c = {0};
	mutex_lock(&m);
	cond_wait(&c, &m);
	return 0;
}

START_TEST(test_fatal)
{
	expect_fatal(unlock_unlocked, "fatal error: sync: unlock of unlocked mutex");
	expect_fatal(unlock_twice, "fatal error: sync: unlock of unlocked mutex");
	expect_fatal(runlock_unlocked, "fatal error: sync: RUnlock of unlocked RWMutex");
	expect_fatal(runlock_for_writer, "fatal error: sync: RUnlock of unlocked RWMutex");
	expect_fatal(wunlock_unlocked, "fatal error: sync: Unlock of unlocked RWMutex");
	expect_fatal(wunlock_for_reader, "fatal error: sync: Unlock of unlocked RWMutex");
}
END_TEST

START_TEST(test_deadlock)
{
	expect_deadlock(lock_twice, "sync.Mutex.Lock");
	expect_deadlock(read_under_writer, "sync.RWMutex.RLock");
	expect_deadlock(write_under_reader, "sync.RWMutex.Lock");
	expect_deadlock(wait_for_nobody, "sync.Cond.Wait");
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"sync", .seconds = 180,
		.units = {
			{"exclusion", test_exclusion},
			{"sharing", test_sharing},
			{"starvation", test_starvation},
			{"trylock", test_trylock},
			{"rwmutex", test_rwmutex},
			{"cond", test_cond},
			{"once", test_once},
			{"fatal", test_fatal},
			{"deadlock", test_deadlock},
		}});
}

#include "check_main.h"
