/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress_random.c - random programs. Actors stand in layers; between two layers are channels of
 * random element sizes and capacities. Sources make messages, forwarders pass on what they receive,
 * sinks only receive, each by plain operations and by selects of every form. In between they do
 * noise: sleeps, timeouts, blocking calls, bursts of goroutines, and critical sections of shared
 * mutexes, rwmutexes, semaphores, and actions done once. Whichever sender of a layer ends last
 * closes its channels.
 *
 * It cannot deadlock: an actor with several open channels receives from all of them at once, sinks
 * need nobody, and so layer by layer everything drains. Noise waits only for noise.
 *
 * What must hold: each channel delivers what was sent to it, by number and by sum; a receiver sees
 * the messages of one sender through one channel in their order; no byte of an element changes;
 * the receive that finds the end zeroes its element; sections exclude each other.
 */
#include "stress.h"

#define MAXCHANS  6
#define MAXACTORS 8
#define MAXLAYERS 4
#define MAXELEM   1000
#define MAXSENDS  4 /* of one select */
#define MAXCASES  (MAXCHANS + MAXSENDS + 2)
#define PENDING   8 /* what a forwarder holds at most */

/* ---- noise ---- */

#define NLOCKS 4
#define NFIRST 8

struct section {
	mutex m;
	rwmutex rw;
	long a, b; /* equal outside of a section */
	long ra, rb;
	_Atomic long want, rwant;
};

struct noise {
	struct section section[NLOCKS];
	struct {
		once o;
		_Atomic int calls;
	} first[NFIRST];
	mutex m; /* a semaphore: as many inside as there are permits */
	cond c;
	int permits, inside;
};

static void yield_or_sleep(unsigned *rnd)
{
	unsigned r = next(rnd) % 16;
	if (r == 0)
		gort_sleep(next(rnd) % 50 * us);
	else if (r < 8)
		gort_gosched();
}

static void noise_mutex(struct noise *x, unsigned *rnd)
{
	struct section *s = &x->section[next(rnd) % NLOCKS];
	if (!oneof(rnd, 4) || !mutex_trylock(&s->m))
		mutex_lock(&s->m);
	CHECK(s->a == s->b, "random: two in one section: %ld, %ld", s->a, s->b);
	s->a++;
	yield_or_sleep(rnd);
	s->b++;
	mutex_unlock(&s->m);
	atomic_fetch_add(&s->want, 1);
}

static void noise_rwmutex(struct noise *x, unsigned *rnd)
{
	struct section *s = &x->section[next(rnd) % NLOCKS];
	if (oneof(rnd, 4)) {
		rwmutex_lock(&s->rw);
		CHECK(s->ra == s->rb, "random: two writers: %ld, %ld", s->ra, s->rb);
		s->ra++;
		yield_or_sleep(rnd);
		s->rb++;
		rwmutex_unlock(&s->rw);
		atomic_fetch_add(&s->rwant, 1);
		return;
	}
	if (!oneof(rnd, 4) || !rwmutex_tryrlock(&s->rw))
		rwmutex_rlock(&s->rw);
	long before = s->ra;
	CHECK(before == s->rb, "random: a writer beside a reader: %ld, %ld", before, s->rb);
	yield_or_sleep(rnd);
	CHECK(before == s->ra, "random: a writer beside a reader: %ld, %ld", before, s->ra);
	rwmutex_runlock(&s->rw);
}

static void noise_semaphore(struct noise *x, unsigned *rnd)
{
	mutex_lock(&x->m);
	while (x->inside == x->permits)
		cond_wait(&x->c, &x->m);
	x->inside++;
	mutex_unlock(&x->m);
	yield_or_sleep(rnd);
	mutex_lock(&x->m);
	CHECK(x->inside > 0 && x->inside <= x->permits, "random: %d of %d permits", x->inside,
		x->permits);
	x->inside--;
	cond_signal(&x->c);
	mutex_unlock(&x->m);
}

static void count_call(void *calls)
{
	gort_gosched();
	atomic_fetch_add((_Atomic int *)calls, 1);
}

static void noise_once(struct noise *x, unsigned *rnd)
{
	unsigned i = next(rnd) % NFIRST;
	once_do(&x->first[i].o, count_call, &x->first[i].calls);
	CHECK(atomic_load(&x->first[i].calls) == 1, "random: once: %d calls", x->first[i].calls);
}

static void child(_Atomic long *n, waitgroup *wg, unsigned work)
{
	burn(work);
	atomic_fetch_add(n, 1);
	wg_done(wg);
}

/* Now and then more than a ring holds. */
static void noise_burst(unsigned *rnd)
{
	long count = oneof(rnd, 30) ? 300 + next(rnd) % 500 : next(rnd) % 20;
	unsigned work = oneof(rnd, 3) ? next(rnd) % 1000 : 0;
	_Atomic long n = 0;
	waitgroup wg = {0};
	wg_add(&wg, count);
	for (long i = 0; i < count; i++)
		go(child, &n, &wg, work);
	wg_wait(&wg);
	CHECK(n == count, "random: %ld of %ld children", n, count);
}

static void noise_timer(unsigned *rnd)
{
	gort_duration d = next(rnd) % 100 * us;
	int64_t start = now();
	if (oneof(rnd, 2))
		gort_sleep(d);
	else
		select
		{
			case_after(d)
			{
			}
			case_after(d + 10 * ms)
			{
				CHECK(now() - start >= d + 10 * ms, "random: a timeout is early");
			}
		}
	CHECK(now() - start >= d, "random: %ld ns early", (long)(d - (now() - start)));
}

static void noise_blocking(unsigned *rnd)
{
	struct timespec t = {0, next(rnd) % 50 * 1000l};
	gort_blocking_begin();
	nanosleep(&t, NULL);
	gort_blocking_end();
}

static __attribute__((noinline)) int noise_deep(int depth)
{
	volatile char stack[512];
	stack[0] = (char)depth;
	if (depth == 0)
		gort_gosched();
	return depth == 0 ? 0 : noise_deep(depth - 1) + stack[0] - (char)depth + 1;
}

static void make_noise(struct noise *x, unsigned *rnd)
{
	switch (next(rnd) % 40) {
	case 0 ... 3:
		noise_mutex(x, rnd);
		break;
	case 4 ... 7:
		noise_rwmutex(x, rnd);
		break;
	case 8 ... 10:
		noise_semaphore(x, rnd);
		break;
	case 11:
		noise_once(x, rnd);
		break;
	case 12:
		noise_burst(rnd);
		break;
	case 13 ... 14:
		noise_timer(rnd);
		break;
	case 15:
		noise_blocking(rnd);
		break;
	case 16:
		CHECK(noise_deep(40) == 40, "random: a stack has changed");
		break;
	case 17:
		gort_set_name(oneof(rnd, 2) ? "noise" : NULL);
		break;
	case 18 ... 20:
		gort_gosched();
		break;
	case 21 ... 22:
		burn(next(rnd) % 2000);
		break;
	default:
		break;
	}
}

static void check_noise(struct noise *x)
{
	for (int i = 0; i < NLOCKS; i++) {
		struct section *s = &x->section[i];
		CHECK(s->a == s->want && s->b == s->want, "random: %ld, %ld of %ld sections", s->a,
			s->b, s->want);
		CHECK(s->ra == s->rwant && s->rb == s->rwant, "random: %ld, %ld of %ld writes",
			s->ra, s->rb, s->rwant);
	}
	CHECK(x->inside == 0, "random: %d hold permits", x->inside);
}

/* ---- messages: sender, number, and a pattern of both, as far as the size allows ---- */

struct message {
	char bytes[MAXELEM] __attribute__((aligned(16)));
};

static uint32_t header_size(uint32_t size)
{
	return size >= 8 ? 8 : size >= 4 ? 4 : 0;
}

static char pattern(uint32_t sender, uint32_t seq, uint32_t i)
{
	return (char)(sender * 89 + seq * 131 + i * 7);
}

static void message_make(struct message *v, uint32_t size, uint32_t sender, uint32_t seq)
{
	uint64_t wide = (uint64_t)sender << 32 | seq;
	uint32_t narrow = sender << 24 | seq, n = header_size(size);
	memcpy(v->bytes, n == 8 ? (void *)&wide : (void *)&narrow, n);
	for (uint32_t i = n; i < size; i++)
		v->bytes[i] = n ? pattern(sender, seq, i) : (char)seq;
}

/* Sender and number; false when the element is too small to hold them. */
static bool message_read(const struct message *v, uint32_t size, uint32_t *sender, uint32_t *seq)
{
	uint32_t n = header_size(size);
	uint64_t wide = 0;
	memcpy(&wide, v->bytes, n);
	if (n == 0)
		return false;
	*sender = (uint32_t)(n == 8 ? wide >> 32 : wide >> 24);
	*seq = (uint32_t)(n == 8 ? wide : wide & 0xffffff);
	for (uint32_t i = n; i < size; i++)
		CHECK(v->bytes[i] == pattern(*sender, *seq, i),
			"random: byte %u of %u of message %u of %u", i, size, *seq, *sender);
	return true;
}

static uint64_t message_sum(const struct message *v, uint32_t size)
{
	uint64_t x = 0;
	memcpy(&x, v->bytes, size < 8 ? size : 8);
	return x;
}

/* ---- the program ---- */

/* A channel and its books. */
struct edge {
	struct gort_chan *c;
	uint32_t size;
	_Atomic uint64_t sent, sentsum, got, gotsum;
};

struct layer {
	struct edge edge[MAXCHANS];
	unsigned n;
	_Atomic int senders; /* not yet done */
};

struct program {
	struct layer layer[MAXLAYERS];
	unsigned nlayers;
	struct noise noise;
	waitgroup wg;
};

struct actor {
	struct program *p;
	struct layer *in, *out; /* NULL: a source, a sink */
	unsigned rnd;
	uint32_t id;                        /* among the senders to out */
	long pending;                       /* messages to send */
	unsigned open;                      /* edges of in, a bit each */
	uint32_t seq[MAXCHANS];             /* number of the last message, by edge of out */
	uint32_t last[MAXCHANS][MAXACTORS]; /* number last seen, by edge of in and sender */
};

/* One select, and what each of its cases is about. */
struct step {
	struct gort_case cases[MAXCASES];
	unsigned edge[MAXCASES];
	unsigned n;
	struct message received, send[MAXSENDS];
};

static void add_case(
	struct step *s, enum gort_case_kind kind, struct gort_chan *c, void *v, unsigned edge)
{
	s->cases[s->n] = (struct gort_case){.c = c, .v = v, .kind = (uint8_t)kind};
	s->edge[s->n++] = edge;
}

static void add_receives(struct actor *a, struct step *s)
{
	for (unsigned i = 0; i < a->in->n; i++)
		if (a->open & 1u << i)
			add_case(s, GORT_CASE_RECV, a->in->edge[i].c, &s->received, i);
}

/* A channel may come up twice: its messages are the same then, and one of them at most is sent. */
static void add_sends(struct actor *a, struct step *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned e = next(&a->rnd) % a->out->n;
		message_make(&s->send[i], a->out->edge[e].size, a->id, a->seq[e] + 1);
		add_case(s, GORT_CASE_SEND, a->out->edge[e].c, &s->send[i], e);
	}
}

static void sent(struct actor *a, unsigned e, const struct message *v)
{
	struct edge *x = &a->out->edge[e];
	atomic_fetch_add(&x->sent, 1);
	atomic_fetch_add(&x->sentsum, message_sum(v, x->size));
	a->seq[e]++;
	a->pending--;
}

static void received(struct actor *a, unsigned e, const struct message *v, bool ok)
{
	struct edge *x = &a->in->edge[e];
	uint32_t sender, seq;
	if (!ok) {
		a->open &= ~(1u << e);
		for (uint32_t i = 0; i < x->size; i++)
			CHECK(v->bytes[i] == 0, "random: byte %u after the end", i);
		return;
	}
	atomic_fetch_add(&x->got, 1);
	atomic_fetch_add(&x->gotsum, message_sum(v, x->size));
	if (a->out)
		a->pending++;
	if (!message_read(v, x->size, &sender, &seq))
		return;
	CHECK(sender < MAXACTORS, "random: sender %u", sender);
	CHECK(seq > a->last[e][sender], "random: message %u of %u after %u", seq, sender,
		a->last[e][sender]);
	a->last[e][sender] = seq;
}

/* One select over what a may do now: all receives, some sends, sometimes a timeout or a nil. */
static void select_step(struct actor *a, bool receive, bool send)
{
	struct step s;
	s.n = 0;
	memset(&s.received, 0x5a, sizeof(s.received));
	if (receive)
		add_receives(a, &s);
	if (send)
		add_sends(a, &s, 1 + next(&a->rnd) % MAXSENDS);
	if (oneof(&a->rnd, 8))
		add_case(&s, GORT_CASE_RECV, NULL, NULL, 0);
	if (oneof(&a->rnd, 8)) {
		add_case(&s, GORT_CASE_AFTER, NULL, NULL, 0);
		s.cases[s.n - 1].after = next(&a->rnd) % 100 * us;
	}
	bool block = !oneof(&a->rnd, 6);
	gort_isize i = gort_select(s.cases, s.n, block);
	CHECK(i < s.n && (i >= 0 || !block), "random: select chose %ld of %u", (long)i, s.n);
	if (i < 0)
		gort_gosched();
	else if (s.cases[i].kind == GORT_CASE_SEND)
		sent(a, s.edge[i], s.cases[i].v);
	else if (s.cases[i].kind == GORT_CASE_RECV)
		received(a, s.edge[i], &s.received, s.cases[i].ok);
}

static void plain_send(struct actor *a)
{
	struct message v;
	unsigned e = next(&a->rnd) % a->out->n;
	message_make(&v, a->out->edge[e].size, a->id, a->seq[e] + 1);
	gort_chan_send(a->out->edge[e].c, &v);
	sent(a, e, &v);
}

static void plain_receive(struct actor *a)
{
	struct message v;
	unsigned e = (unsigned)__builtin_ctz(a->open);
	memset(&v, 0x5a, sizeof(v));
	bool ok = gort_chan_recv(a->in->edge[e].c, &v);
	received(a, e, &v, ok);
}

static void act(struct actor *a)
{
	bool send = a->pending > 0, receive = a->open && a->pending < PENDING;
	if (send && receive && oneof(&a->rnd, 2))
		select_step(a, true, true);
	else if (send && (!receive || oneof(&a->rnd, 2)))
		oneof(&a->rnd, 2) ? plain_send(a) : select_step(a, false, true);
	else if (__builtin_popcount(a->open) == 1 && oneof(&a->rnd, 2))
		plain_receive(a);
	else
		select_step(a, true, false);
}

static void run_actor(struct actor *a)
{
	while (a->open || a->pending > 0) {
		make_noise(&a->p->noise, &a->rnd);
		act(a);
	}
	if (a->out && atomic_fetch_sub(&a->out->senders, 1) == 1)
		for (unsigned i = 0; i < a->out->n; i++)
			gort_chan_close(a->out->edge[i].c);
	waitgroup *wg = &a->p->wg;
	wg_done(wg);
}

/* ---- making one ---- */

static void make_layer(struct layer *l, unsigned *rnd)
{
	static const uint32_t sizes[] = {
		0, 1, 2, 3, 4, 4, 5, 8, 8, 8, 9, 12, 16, 24, 40, 100, 256, MAXELEM};
	static const gort_isize caps[] = {0, 0, 0, 1, 1, 2, 3, 7, 64};
	l->n = 1 + next(rnd) % MAXCHANS;
	for (unsigned i = 0; i < l->n; i++) {
		struct edge *e = &l->edge[i];
		gort_isize cap = caps[next(rnd) % (sizeof(caps) / sizeof(*caps))];
		e->size = sizes[next(rnd) % (sizeof(sizes) / sizeof(*sizes))];
		e->c = gort_chan_make(e->size, e->size > 64 && cap > 7 ? 7 : cap);
	}
}

/* Actor i of n: of the channels of in at least each nth, so that none is without a receiver. */
static unsigned subscribe(struct layer *in, unsigned i, unsigned n, unsigned *rnd)
{
	unsigned open = 0;
	for (unsigned e = 0; e < in->n; e++)
		if (e % n == i || oneof(rnd, 4))
			open |= 1u << e;
	return open;
}

static void start_actors(struct program *p, struct layer *in, struct layer *out, unsigned *rnd)
{
	unsigned n = 1 + next(rnd) % MAXACTORS;
	wg_add(&p->wg, n);
	if (out)
		out->senders = (int)n;
	for (unsigned i = 0; i < n; i++) {
		struct actor *a = gort_new(struct actor);
		a->p = p;
		a->in = in;
		a->out = out;
		a->rnd = next(rnd);
		a->id = i;
		if (in)
			a->open = subscribe(in, i, n, rnd);
		else
			a->pending = next(rnd) % (oneof(rnd, 10) ? 400 : 50);
		go(run_actor, a);
	}
}

static void check_program(struct program *p)
{
	for (unsigned l = 0; l < p->nlayers; l++)
		for (unsigned i = 0; i < p->layer[l].n; i++) {
			struct edge *e = &p->layer[l].edge[i];
			CHECK(e->sent == e->got && e->sentsum == e->gotsum,
				"random: %lu messages sent, %lu received, sums %lu, %lu, size %u",
				e->sent, e->got, e->sentsum, e->gotsum, e->size);
			CHECK(gort_chan_len(e->c) == 0, "random: a channel is not empty");
		}
	check_noise(&p->noise);
}

void model_random(unsigned *rnd)
{
	struct program *p = gort_new(struct program);
	p->nlayers = 1 + next(rnd) % MAXLAYERS;
	p->noise.permits = 1 + (int)(next(rnd) % 4);
	for (unsigned l = 0; l < p->nlayers; l++)
		make_layer(&p->layer[l], rnd);
	for (unsigned l = 0; l <= p->nlayers; l++)
		start_actors(
			p, l ? &p->layer[l - 1] : NULL, l < p->nlayers ? &p->layer[l] : NULL, rnd);
	wg_wait(&p->wg);
	check_program(p);
}
