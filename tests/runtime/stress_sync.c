/* SPDX-License-Identifier: BSD-2-Clause */
/* stress_sync.c - models of locks: exclusion, conservation, wake-ups, memory given back. */
#include "stress.h"

/* Something that takes a while, or not; often a switch while a lock is held. */
static void dawdle(unsigned *rnd)
{
	unsigned r = next(rnd) % 32;
	if (r == 0)
		gort_sleep(next(rnd) % 50 * us);
	else if (r < 6)
		gort_gosched();
	else if (r < 12)
		burn(next(rnd) % 500);
}

/* ---- a bank: transfers between accounts, while auditors count all the money ---- */

#define ACCOUNTS 6

struct bank {
	struct {
		mutex m;
		long money;
		bool busy;
	} account[ACCOUNTS];
	rwmutex closing; /* a transfer read-locks it, an audit locks it */
	_Atomic int transfers;
	waitgroup wg;
};

static void enter(struct bank *b, int i, unsigned *rnd)
{
	if (!oneof(rnd, 4) || !mutex_trylock(&b->account[i].m))
		mutex_lock(&b->account[i].m);
	CHECK(!b->account[i].busy, "bank: two goroutines at account %d", i);
	b->account[i].busy = true;
}

static void leave(struct bank *b, int i)
{
	b->account[i].busy = false;
	mutex_unlock(&b->account[i].m);
}

static void transfer(struct bank *b, unsigned *rnd)
{
	int low = (int)(next(rnd) % (ACCOUNTS - 1));
	int high = low + 1 + (int)(next(rnd) % (unsigned)(ACCOUNTS - 1 - low));
	long sum = (long)(next(rnd) % 100) - 50;
	if (!oneof(rnd, 4) || !rwmutex_tryrlock(&b->closing))
		rwmutex_rlock(&b->closing);
	atomic_fetch_add(&b->transfers, 1);
	enter(b, low, rnd);
	dawdle(rnd);
	enter(b, high, rnd);
	b->account[low].money -= sum;
	dawdle(rnd);
	b->account[high].money += sum;
	leave(b, high);
	leave(b, low);
	atomic_fetch_sub(&b->transfers, 1);
	rwmutex_runlock(&b->closing);
}

static void audit(struct bank *b, unsigned *rnd)
{
	long sum = 0;
	if (!oneof(rnd, 4) || !rwmutex_trylock(&b->closing))
		rwmutex_lock(&b->closing);
	CHECK(b->transfers == 0, "bank: %d transfers during an audit", b->transfers);
	dawdle(rnd);
	for (int i = 0; i < ACCOUNTS; i++)
		sum += b->account[i].money;
	CHECK(sum == 0 && b->transfers == 0, "bank: %ld made up, %d transfers", sum, b->transfers);
	rwmutex_unlock(&b->closing);
}

static void clerk(struct bank *b, unsigned rnd, long n)
{
	while (n-- > 0)
		if (oneof(&rnd, 12))
			audit(b, &rnd);
		else
			transfer(b, &rnd);
	wg_done(&b->wg);
}

void model_bank(unsigned *rnd)
{
	struct bank b = {.transfers = 0};
	long clerks = 1 + next(rnd) % 12;
	wg_add(&b.wg, clerks);
	for (long i = 0; i < clerks; i++)
		go(clerk, &b, next(rnd), (long)(next(rnd) % 60));
	wg_wait(&b.wg);
	audit(&b, rnd);
}

/* ---- a bounded buffer by a mutex and two condition variables: one lost signal stops it ---- */

#define SLOTS   8
#define WRITERS 4

struct monitor {
	mutex m;
	cond nonempty, nonfull;
	struct {
		int writer;
		long seq;
	} slot[SLOTS];
	int head, count, size;
	bool closed;
	_Atomic long got;
	waitgroup writers, readers;
};

static void deposit(struct monitor *x, int me, long seq, unsigned *rnd)
{
	mutex_lock(&x->m);
	while (x->count == x->size)
		cond_wait(&x->nonfull, &x->m);
	int at = (x->head + x->count++) % x->size;
	x->slot[at].writer = me;
	x->slot[at].seq = seq;
	if (oneof(rnd, 4))
		cond_broadcast(&x->nonempty);
	else if (oneof(rnd, 2))
		cond_signal(&x->nonempty);
	else
		at = -1;
	mutex_unlock(&x->m);
	if (at < 0)
		cond_signal(&x->nonempty); /* without the mutex, as is allowed */
}

static void writer(struct monitor *x, int me, unsigned rnd, long n)
{
	for (long seq = 1; seq <= n; seq++) {
		deposit(x, me, seq, &rnd);
		dawdle(&rnd);
	}
	wg_done(&x->writers);
}

/* False at the end. last: what this reader has seen of each writer. */
static bool withdraw(struct monitor *x, long *last)
{
	mutex_lock(&x->m);
	while (x->count == 0 && !x->closed)
		cond_wait(&x->nonempty, &x->m);
	bool more = x->count > 0;
	if (more) {
		int w = x->slot[x->head].writer;
		long seq = x->slot[x->head].seq;
		CHECK(seq > last[w], "monitor: %ld of writer %d after %ld", seq, w, last[w]);
		last[w] = seq;
		x->head = (x->head + 1) % x->size;
		x->count--;
		cond_signal(&x->nonfull);
	}
	mutex_unlock(&x->m);
	return more;
}

static void reader(struct monitor *x, unsigned rnd)
{
	long last[WRITERS] = {0};
	while (withdraw(x, last)) {
		atomic_fetch_add(&x->got, 1);
		dawdle(&rnd);
	}
	wg_done(&x->readers);
}

void model_monitor(unsigned *rnd)
{
	struct monitor x = {.size = 1 + (int)(next(rnd) % SLOTS)};
	long want = 0, writers = 1 + next(rnd) % WRITERS, readers = 1 + next(rnd) % 4;
	wg_add(&x.writers, writers);
	wg_add(&x.readers, readers);
	for (int i = 0; i < writers; i++) {
		long n = next(rnd) % 200;
		want += n;
		go(writer, &x, i, next(rnd), n);
	}
	for (long i = 0; i < readers; i++)
		go(reader, &x, next(rnd));
	wg_wait(&x.writers);
	mutex_lock(&x.m);
	x.closed = true;
	cond_broadcast(&x.nonempty);
	mutex_unlock(&x.m);
	wg_wait(&x.readers);
	CHECK(x.got == want, "monitor: %ld of %ld", x.got, want);
}

/* ---- a barrier: nobody is in a later round while another is in an earlier one ---- */

struct barrier {
	mutex m;
	cond turn;
	int parties, arrived;
	long round;
	_Atomic long inround[2]; /* by parity: how many are between two barriers */
	waitgroup wg;
};

static void meet(struct barrier *b)
{
	mutex_lock(&b->m);
	long round = b->round;
	if (++b->arrived == b->parties) {
		b->arrived = 0;
		b->round++;
		cond_broadcast(&b->turn);
	} else {
		while (b->round == round)
			cond_wait(&b->turn, &b->m);
	}
	mutex_unlock(&b->m);
}

static void party(struct barrier *b, long rounds, unsigned rnd)
{
	for (long r = 0; r < rounds; r++) {
		atomic_fetch_add(&b->inround[r % 2], 1);
		CHECK(atomic_load(&b->inround[(r + 1) % 2]) == 0, "barrier: two rounds at once");
		dawdle(&rnd);
		meet(b);
		atomic_fetch_sub(&b->inround[r % 2], 1);
		meet(b);
	}
	wg_done(&b->wg);
}

void model_barrier(unsigned *rnd)
{
	struct barrier b = {.parties = 1 + (int)(next(rnd) % 10)};
	long rounds = next(rnd) % 30;
	wg_add(&b.wg, b.parties);
	for (int i = 0; i < b.parties; i++)
		go(party, &b, rounds, next(rnd));
	wg_wait(&b.wg);
	CHECK(b.round == 2 * rounds, "barrier: %ld of %ld rounds", b.round, 2 * rounds);
}

/* ---- once: exactly one call, and everybody returns after it has ended ---- */

#define NONCE 16

struct action {
	once o;
	unsigned rnd;
	int calls;
};

struct onceset {
	struct action each[NONCE];
	waitgroup wg;
};

static void first(void *arg)
{
	struct action *one = arg;
	dawdle(&one->rnd);
	one->calls++;
}

static void call_all(struct onceset *x, unsigned start)
{
	for (unsigned i = 0; i < NONCE; i++) {
		unsigned k = (start + i) % NONCE;
		once_do(&x->each[k].o, first, &x->each[k]);
		CHECK(x->each[k].calls == 1, "once: %d calls", x->each[k].calls);
	}
	wg_done(&x->wg);
}

void model_once(unsigned *rnd)
{
	struct onceset x = {.wg = {{0}}};
	long n = 1 + next(rnd) % 20;
	for (unsigned i = 0; i < NONCE; i++)
		x.each[i].rnd = next(rnd);
	wg_add(&x.wg, n);
	for (long i = 0; i < n; i++)
		go(call_all, &x, next(rnd));
	wg_wait(&x.wg);
}

/* ---- wait groups, used again and again, with several goroutines that wait for each ---- */

struct groups {
	waitgroup work, waited, all;
	_Atomic long done;
	long n;
};

static void work(struct groups *x, unsigned rnd)
{
	dawdle(&rnd);
	atomic_fetch_add(&x->done, 1);
	wg_done(&x->work);
}

static void waiter(struct groups *x)
{
	wg_wait(&x->work);
	CHECK(atomic_load(&x->done) == x->n, "groups: woken after %ld of %ld", x->done, x->n);
	wg_done(&x->waited);
}

void model_groups(unsigned *rnd)
{
	struct groups x = {.n = 0};
	for (long rounds = 1 + next(rnd) % 20; rounds > 0; rounds--) {
		long waiters = next(rnd) % 5;
		x.n = next(rnd) % 20;
		x.done = 0;
		wg_add(&x.work, x.n);
		wg_add(&x.waited, waiters);
		for (long i = 0; i < waiters; i++)
			go(waiter, &x);
		for (long i = 0; i < x.n; i++)
			go(work, &x, next(rnd));
		wg_wait(&x.work);
		CHECK(atomic_load(&x.done) == x.n, "groups: %ld of %ld", x.done, x.n);
		wg_wait(&x.waited);
	}
}

/* ---- whoever locks last frees: nobody who was there before may still touch the object ---- */

struct counted {
	mutex m;
	rwmutex rw;
	cond c;
	int refs;
};

static void unref(struct counted *x, unsigned rnd, waitgroup *wg)
{
	if (oneof(&rnd, 2)) {
		rwmutex_rlock(&x->rw);
		dawdle(&rnd);
		rwmutex_runlock(&x->rw);
	}
	mutex_lock(&x->m);
	if (oneof(&rnd, 2))
		cond_signal(&x->c);
	dawdle(&rnd);
	bool last = --x->refs == 0;
	mutex_unlock(&x->m);
	if (last) {
		memset(x, 0xff, sizeof(*x)); /* without a sanitizer: an inconsistent state */
		free(x);
	}
	wg_done(wg);
}

void model_lastfrees(unsigned *rnd)
{
	waitgroup wg = {0};
	for (unsigned objects = 1 + next(rnd) % 20; objects > 0; objects--) {
		struct counted *x = calloc(1, sizeof(*x));
		x->refs = 1 + (int)(next(rnd) % 6);
		wg_add(&wg, x->refs);
		for (int i = x->refs; i > 0; i--)
			go(unref, x, next(rnd), &wg);
		if (oneof(rnd, 4))
			wg_wait(&wg);
	}
	wg_wait(&wg);
}
