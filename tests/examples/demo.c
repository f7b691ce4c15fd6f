/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demo.c - the demo service on libgort: a small key-value store and job server over TCP.
 *
 *	demo [PORT]
 *
 * It prints "listening on 127.0.0.1:PORT" (0, the default, picks a free port) and runs until
 * SIGTERM or SIGINT.
 *
 * One request a line, one answer a line, in order; requests may be sent ahead of the answers:
 *
 *	SET key value	OK, or ERR full		GET key		VALUE value, or NONE
 *	JOB n		DONE checksum		ECHO text	ECHO text
 *	STATS		STATS ticks jobs keys	anything else	ERR unknown request
 *
 * It is made the way a Go service is: a goroutine per connection; the table belongs to the
 * goroutine "store", which is asked over a channel, so there is no lock; jobs go through a buffered
 * channel to a pool of workers; a ticker keeps the time. Each goroutine has a name, for gort ps and
 * gort stacks.
 *
 * Requests lie on the asking goroutine's stack: it waits for the answer, and stacks never move.
 */
#include <gort/go.h>
#include <gort/net.h>
#include <signal.h>
#include <stdarg.h>

enum {
	WORKERS = 4,
	JOBS = 64,
	LINE = 1024, /* longest request, and more than any answer */
	WORD = 64,
	KEYS = 1 << 16,
	BUCKETS = 1 << 12,
};

/* ---- the store: one goroutine owns the table ---- */

struct entry {
	struct entry *next;
	char key[WORD];
	char value[WORD];
};

struct ask {
	bool set;
	char key[WORD];
	char value[WORD]; /* SET: the new one; GET: the answer */
	bool ok;
	chan(int) done;
};

struct job;

struct service {
	chan(struct ask *) asks;
	chan(struct job *) jobs;
	gort_listener listener;
	_Atomic long ticks, jobs_done, keys;
};

static struct entry *table[BUCKETS];

static struct entry **find(const char *key)
{
	unsigned hash = 5381;
	for (const char *c = key; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	struct entry **at = &table[hash % BUCKETS];
	while (*at && strcmp((*at)->key, key) != 0)
		at = &(*at)->next;
	return at;
}

static bool store_set(struct service *s, const char *key, const char *value)
{
	struct entry **at = find(key);
	if (!*at) {
		if (s->keys == KEYS || !(*at = calloc(1, sizeof **at)))
			return false;
		memcpy((*at)->key, key, WORD);
		s->keys++;
	}
	memcpy((*at)->value, value, WORD);
	return true;
}

static bool store_get(const char *key, char *value)
{
	struct entry *e = *find(key);
	if (e)
		memcpy(value, e->value, WORD);
	return e;
}

static void store(struct service *s)
{
	gort_set_name("store");
	chan_range (a, s->asks) {
		a->ok = a->set ? store_set(s, a->key, a->value) : store_get(a->key, a->value);
		chan_send(a->done, 1);
	}
}

/* ---- workers ---- */

struct job {
	unsigned long n, checksum;
	chan(int) done;
};

static unsigned long checksum(unsigned long n)
{
	unsigned long h = n;
	for (unsigned long i = 0; i < 100 + n % 1000; i++)
		h = (h ^ h >> 29) * 0x9e3779b97f4a7c15u + i;
	return h;
}

static void worker(struct service *s, int id)
{
	char name[32];
	snprintf(name, sizeof name, "worker-%d", id);
	gort_set_name(name);
	chan_range (j, s->jobs) {
		j->checksum = checksum(j->n);
		s->jobs_done++;
		chan_send(j->done, 1);
	}
}

/* ---- connections ---- */

struct session {
	struct service *s;
	gort_conn conn;
	chan(int) done; /* one answer is under way at most */
	char in[4 * LINE], out[4 * LINE];
	size_t inlen, outlen;
};

__attribute__((format(printf, 2, 3))) static void answer(struct session *c, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(c->out + c->outlen, sizeof c->out - c->outlen, format, args);
	va_end(args);
	if (n > 0)
		c->outlen += (size_t)n;
}

static bool flush(struct session *c)
{
	ssize_t n = gort_conn_write(c->conn, c->out, c->outlen);
	c->outlen = 0;
	return n >= 0;
}

static void do_set(struct session *c, const char *args)
{
	struct ask a = {.set = true, .done = c->done};
	if (sscanf(args, "%63s %63s", a.key, a.value) != 2)
		return answer(c, "ERR usage: SET key value\n");
	chan_send(c->s->asks, &a);
	chan_recv(c->done);
	answer(c, a.ok ? "OK\n" : "ERR full\n");
}

static void do_get(struct session *c, const char *args)
{
	struct ask a = {.done = c->done};
	if (sscanf(args, "%63s", a.key) != 1)
		return answer(c, "ERR usage: GET key\n");
	chan_send(c->s->asks, &a);
	chan_recv(c->done);
	if (a.ok)
		answer(c, "VALUE %s\n", a.value);
	else
		answer(c, "NONE\n");
}

static void do_job(struct session *c, const char *args)
{
	struct job j = {.done = c->done};
	if (sscanf(args, "%lu", &j.n) != 1)
		return answer(c, "ERR usage: JOB n\n");
	chan_send(c->s->jobs, &j);
	chan_recv(c->done);
	answer(c, "DONE %lx\n", j.checksum);
}

static void do_line(struct session *c, const char *line)
{
	if (!strncmp(line, "SET ", 4))
		do_set(c, line + 4);
	else if (!strncmp(line, "GET ", 4))
		do_get(c, line + 4);
	else if (!strncmp(line, "JOB ", 4))
		do_job(c, line + 4);
	else if (!strncmp(line, "ECHO ", 5))
		answer(c, "ECHO %s\n", line + 5);
	else if (!strcmp(line, "STATS"))
		answer(c, "STATS %ld %ld %ld\n", c->s->ticks, c->s->jobs_done, c->s->keys);
	else
		answer(c, "ERR unknown request\n");
}

/* Answers all complete lines of the input; false when the connection should end. */
static bool do_input(struct session *c)
{
	char *at = c->in, *end;
	while ((end = memchr(at, '\n', (size_t)(c->in + c->inlen - at)))) {
		*end = '\0';
		if (end > at && end[-1] == '\r')
			end[-1] = '\0';
		if (end - at >= LINE)
			return false;
		if (c->outlen + LINE + 16 > sizeof c->out && !flush(c))
			return false;
		do_line(c, at);
		at = end + 1;
	}
	c->inlen -= (size_t)(at - c->in);
	memmove(c->in, at, c->inlen);
	return flush(c) && c->inlen < LINE;
}

static void serve(struct service *s, gort_conn conn, long id)
{
	char name[32];
	snprintf(name, sizeof name, "conn-%ld", id);
	gort_set_name(name);
	defer(gort_conn_close, conn);
	struct session *c = gort_new(struct session);
	*c = (struct session){.s = s, .conn = conn, .done = make_chan(int, 1)};
	for (;;) {
		ssize_t n = gort_conn_read(conn, c->in + c->inlen, sizeof c->in - c->inlen);
		if (n <= 0)
			return;
		c->inlen += (size_t)n;
		if (!do_input(c))
			return;
	}
}

/* ---- the service ---- */

static void listener(struct service *s, chan(int) stopped)
{
	gort_set_name("listener");
	gort_conn conn;
	int err;
	for (long id = 1; (err = gort_net_accept(s->listener, &conn)) == 0; id++)
		go(serve, s, conn, id);
	chan_send(stopped, err);
}

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = sig;
}

/* Ten ticks a second; ends the service when a signal came. */
static void ticker(struct service *s)
{
	gort_set_name("ticker");
	while (!stop) {
		gort_sleep(100 * ms);
		s->ticks++;
	}
	gort_listener_close(s->listener);
}

static int start_listening(struct service *s, const char *port)
{
	char addr[64];
	snprintf(addr, sizeof addr, "127.0.0.1:%s", port);
	int err = gort_net_listen("tcp", addr, &s->listener);
	if (err) {
		fprintf(stderr, "demo: cannot listen on %s: %s\n", addr, strerror(-err));
		return 1;
	}
	gort_listener_addr(s->listener, addr, sizeof addr);
	printf("listening on %s\n", addr);
	fflush(stdout);
	return 0;
}

int gort_main(int argc, char **argv)
{
	static struct service s;
	chan(int) stopped = make_chan(int, 0);
	gort_set_name("main");
	sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);
	sigaction(SIGINT, &(struct sigaction){.sa_handler = on_signal}, NULL);
	if (start_listening(&s, argc > 1 ? argv[1] : "0"))
		return 1;
	s.asks = make_chan(struct ask *, 0);
	s.jobs = make_chan(struct job *, JOBS);
	go(store, &s);
	for (int i = 1; i <= WORKERS; i++)
		go(worker, &s, i);
	go(ticker, &s);
	go(listener, &s, stopped);
	int err = chan_recv(stopped);
	printf("served %ld jobs, %ld keys\n", s.jobs_done, s.keys);
	if (stop)
		return 0;
	fprintf(stderr, "demo: accept: %s\n", strerror(-err));
	return 1;
}
