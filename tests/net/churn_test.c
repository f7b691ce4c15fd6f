/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * churn_test.c - many connections, and connections that end in every way at any moment, against a
 * model: what a reader gets is always a prefix of what the other end sent, all of it when nothing
 * was cut off, and each call ends with an error only if somebody gave it reason to.
 */
#include "netprog.h"

#include <dirent.h>
#include <sys/resource.h>

/* ---- ten thousand at once ---- */

enum { MANY = 10000, OTHER_FILES = 100 };

static int many;
static _Atomic int opened;

static void one_of_many(int id, waitgroup *wg, chan(int) all_open)
{
	defer(wg_done, wg);
	gort_conn c = dial();
	int out[16], in[16];
	if (++opened == many)
		chan_close(all_open);
	(void)chan_recv(all_open);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 16; i++)
			out[i] = id * 31 + round * 7 + i;
		CLAIM(gort_conn_write(c, out, sizeof out) == sizeof out);
		read_full(c, (char *)in, sizeof in);
		CLAIM(!memcmp(in, out, sizeof in));
	}
	CLAIM(gort_conn_close(c) == 0);
}

/* Both ends in this process, a goroutine each, all open at the same time. */
static int ten_thousand(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	chan(int) all_open = make_chan(int, 0);
	go(echo_server, listen_any());
	for (int i = 0; i < many; i++) {
		wg_add(&wg, 1);
		go(one_of_many, i, &wg, all_open);
	}
	wg_wait(&wg);
	CLAIM(opened == many);
	return 0;
}

/* As many as the limit of open files allows, where it cannot be raised: at least half of them. */
START_TEST(test_ten_thousand)
{
	struct rlimit limit, wanted;
	getrlimit(RLIMIT_NOFILE, &limit);
	wanted.rlim_cur = 2 * MANY + OTHER_FILES;
	wanted.rlim_max = limit.rlim_max > wanted.rlim_cur ? limit.rlim_max : wanted.rlim_cur;
	if (setrlimit(RLIMIT_NOFILE, &wanted)) {
		wanted.rlim_cur = wanted.rlim_max = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &wanted);
	}
	many = ((int)wanted.rlim_cur - OTHER_FILES) / 2;
	if (many < MANY / 2) {
		fprintf(stderr, "SKIP: %d open files are too few\n", (int)wanted.rlim_cur);
		exit(77);
	}
	setenv("GORT_STACK", "64k", 1);
	run(ten_thousand, _i ? "4" : "1");
}
END_TEST

/* ---- churn ---- */

enum { WORKERS = 24, PAIRS = 40, MOST = 40000 };

/* What happens to a pair while it is in use. */
enum deed { NOTHING, CLOSE_END, EXPIRE_READ, EXPIRE_BOTH, MOVE_DEADLINE, CUT_READ, DEEDS };

struct pair;

struct end {
	gort_conn c;
	struct pair *pair;
	struct end *other;
	uint32_t plan;          /* bytes it means to send */
	_Atomic uint32_t sent;  /* by whole writes */
	_Atomic uint32_t begun; /* the same, and the write that was cut off */
	_Atomic uint32_t heard;
	_Atomic bool closed, expired, cut; /* set before the deed is done */
	bool whole;                        /* it has sent all, and heard of no error */
};

struct pair {
	struct end end[2];
	uint32_t seed;
	waitgroup wg;
};

static _Atomic int64_t prefixes, wholes;

static uint32_t rnd(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static char byte_at(const struct end *e, uint32_t at)
{
	return (char)((e - e->pair->end) * 101 + at * 7 + at / 251);
}

/* Whether an error of a call on e has a reason. Data for an end that reads no more resets both. */
static bool expected(struct end *e, ssize_t err)
{
	bool broken = e->other->closed || e->other->cut || e->cut;
	switch (err) {
	case -EBADF:
		return e->closed;
	case -ETIMEDOUT:
		return e->expired;
	case -EPIPE:
	case -ECONNRESET:
		return broken || e->closed;
	default:
		return false;
	}
}

static void claim_expected(struct end *e, ssize_t err)
{
	if (expected(e, err))
		return;
	fprintf(stderr, "unexpected %zd: closed %d %d, expired %d %d, cut %d %d\n", err, e->closed,
		e->other->closed, e->expired, e->other->expired, e->cut, e->other->cut);
	exit(1);
}

static void sender(struct end *e)
{
	defer(wg_done, &e->pair->wg);
	uint32_t seed = e->pair->seed ^ e->plan;
	char buf[1000];
	while (e->sent < e->plan) {
		uint32_t n = rnd(&seed) % sizeof buf + 1, at = e->sent;
		if (n > e->plan - at)
			n = e->plan - at;
		for (uint32_t i = 0; i < n; i++)
			buf[i] = byte_at(e, at + i);
		e->begun = at + n;
		ssize_t r = gort_conn_write(e->c, buf, n);
		if (r != (ssize_t)n) {
			claim_expected(e, r);
			break;
		}
		e->sent = at + n;
	}
	e->whole = e->sent == e->plan;
	int err = gort_conn_close_write(e->c);
	CLAIM(err == 0 || err == -ENOTCONN || (err == -EBADF && e->closed));
}

/* Past its deadline, a reader goes on without one. */
static void receiver(struct end *e)
{
	defer(wg_done, &e->pair->wg);
	uint32_t seed = e->pair->seed + e->plan;
	char buf[1500];
	for (;;) {
		ssize_t n = gort_conn_read(e->c, buf, rnd(&seed) % sizeof buf + 1);
		for (ssize_t i = 0; i < n; i++, e->heard++)
			CLAIM(buf[i] == byte_at(e->other, e->heard));
		CLAIM(e->heard <= e->other->begun);
		if (n > 0)
			continue;
		if (n == 0)
			return;
		claim_expected(e, n);
		if (n != -ETIMEDOUT)
			return;
		int err = gort_conn_set_read_deadline(e->c, 0);
		CLAIM(err == 0 || (err == -EBADF && e->closed));
	}
}

static void do_deed(struct pair *p, uint32_t *seed, enum deed deed)
{
	struct end *e = &p->end[rnd(seed) % 2];
	int err = 0;
	switch (deed) {
	case CLOSE_END:
		e->closed = true;
		err = gort_conn_close(e->c);
		break;
	case EXPIRE_READ:
		e->expired = true;
		err = gort_conn_set_read_deadline(
			e->c, rnd(seed) % 2 ? 1 : now() + rnd(seed) % 1000);
		break;
	case EXPIRE_BOTH:
		e->expired = true;
		err = gort_conn_set_deadline(e->c, now() + rnd(seed) % 100000);
		break;
	case MOVE_DEADLINE: /* far enough away not to pass */
		for (int i = 0; i < 5; i++)
			gort_conn_set_deadline(e->c, now() + (100 + rnd(seed) % 100) * sec);
		break;
	case CUT_READ:
		e->cut = true;
		err = gort_conn_close_read(e->c);
		break;
	default:
		break;
	}
	CLAIM(err == 0 || err == -ENOTCONN || (err == -EBADF && e->closed));
}

static void meddler(struct pair *p)
{
	defer(wg_done, &p->wg);
	uint32_t seed = p->seed * 77 + 5, deeds = rnd(&seed) % 4;
	for (uint32_t i = 0; i < deeds; i++) {
		switch (rnd(&seed) % 3) {
		case 0:
			gort_sleep(rnd(&seed) % 300 * us);
			break;
		case 1:
			gort_gosched();
			break;
		default:
			break;
		}
		do_deed(p, &seed, rnd(&seed) % DEEDS);
	}
}

static void check_end(struct end *e)
{
	bool undisturbed = e->whole && !e->closed && !e->cut && !e->other->closed && !e->other->cut;
	if (undisturbed)
		CLAIM(e->other->heard == e->plan);
	if (undisturbed)
		wholes++;
	else
		prefixes++;
	int err = gort_conn_close(e->c);
	CLAIM(err == (e->closed ? -EBADF : 0));
}

static void one_pair(gort_listener l, const char *network, const char *at, uint32_t seed)
{
	struct pair p = {.seed = seed};
	uint32_t s = seed;
	CLAIM(gort_net_dial(network, at, &p.end[0].c) == 0);
	CLAIM(gort_net_accept(l, &p.end[1].c) == 0);
	for (int i = 0; i < 2; i++) {
		p.end[i].pair = &p;
		p.end[i].other = &p.end[1 - i];
		p.end[i].plan = rnd(&s) % MOST;
	}
	wg_add(&p.wg, 5);
	for (int i = 0; i < 2; i++) {
		go(sender, &p.end[i]);
		go(receiver, &p.end[i]);
	}
	go(meddler, &p);
	wg_wait(&p.wg);
	check_end(&p.end[0]);
	check_end(&p.end[1]);
}

/* A listener of its own, so that what it accepts is what it has dialled. */
static void worker(uint32_t seed, waitgroup *wg)
{
	defer(wg_done, wg);
	char at[64] = "127.0.0.1:0";
	const char *network = seed % 3 ? "tcp" : "unix";
	gort_listener l;
	if (seed % 3 == 0)
		snprintf(at, sizeof at, "@gort-churn-%d-%u", (int)getpid(), seed);
	CLAIM(gort_net_listen(network, at, &l) == 0);
	CLAIM(gort_listener_addr(l, at, sizeof at) == 0);
	for (uint32_t i = 0; i < PAIRS; i++)
		one_pair(l, network, at, seed * 1000 + i);
	CLAIM(gort_listener_close(l) == 0);
}

static int open_files(void)
{
	int n = 0;
	DIR *d = opendir("/proc/self/fd");
	CLAIM(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int churn(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	uint32_t seed = (uint32_t)(getenv("GORT_SEED") ? atoi(getenv("GORT_SEED")) : 1);
	gort_listener_close(listen_any()); /* from here on the poller is open */
	int before = open_files();
	for (uint32_t i = 0; i < WORKERS; i++) {
		wg_add(&wg, 1);
		go(worker, seed * WORKERS + i, &wg);
	}
	wg_wait(&wg);
	CLAIM(wholes > 0 && prefixes > 0);
	CLAIM(open_files() == before);
	return 0;
}

START_TEST(test_churn)
{
	static const char *const procs[] = {"1", "2", "8"};
	run(churn, procs[_i]);
}
END_TEST

/* ---- memory ---- */

static long resident_pages(void)
{
	long size, pages;
	FILE *f = fopen("/proc/self/statm", "r");
	CLAIM(f && fscanf(f, "%ld %ld", &size, &pages) == 2);
	fclose(f);
	return pages;
}

/* Connections one after the other leave nothing behind. */
static int reused(int argc, char **argv)
{
	(void)argc, (void)argv;
	char b;
	long early = 0;
	go(echo_server, listen_any());
	for (int i = 0; i < 24000; i++) {
		gort_conn c = dial();
		CLAIM(gort_conn_set_deadline(c, now() + 10 * sec) == 0);
		CLAIM(gort_conn_write(c, "m", 1) == 1);
		CLAIM(gort_conn_read(c, &b, 1) == 1);
		CLAIM(gort_conn_close(c) == 0);
		if (i == 1000)
			early = resident_pages();
	}
	/* Stacks ready for whoever comes next make a megabyte of difference, however many come. */
	CLAIM(resident_pages() < early + 1024);
	return 0;
}

PROGRAM(reused)

static Suite *test_suite(void)
{
	Suite *suite = suite_create("churn");
	TCase *all = tcase_create("many"), *random = tcase_create("churn");
	TCase *memory = tcase_create("memory");
	suite_add_tcase(suite, all);
	suite_add_tcase(suite, random);
	suite_add_tcase(suite, memory);
	tcase_set_timeout(all, 100);
	tcase_set_timeout(random, 100);
	tcase_set_timeout(memory, 100);
	tcase_add_loop_exit_test(all, test_ten_thousand, 0, 0, 2);
	tcase_add_loop_exit_test(random, test_churn, 0, 0, 3);
	tcase_add_loop_exit_test(memory, test_reused, 0, 0, 2);
	return suite;
}

#include "check_main.h"
