/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gprof.c: a program on libgort whose profiles are read from outside: allocates from several places
 * and depths, some objects to stay, makes goroutines wait for each other, says "ready" and waits
 * for the name of a directory, into which it writes its own profiles. For gprof.py.
 */
#include <stdio.h>
#include <gort/debug.h>
#include <gort/go.h>

#define APART __attribute__((noinline))

struct kept {
	struct kept *next;
	char text[1000];
};

static struct kept *volatile list;
static void *volatile last;

static APART void keeper(int n)
{
	for (int i = 0; i < n; i++) {
		struct kept *k = gort_new(struct kept);
		k->next = list;
		list = k;
	}
	__asm__ volatile("");
}

static APART void dropper(int n)
{
	for (int i = 0; i < n; i++)
		last = gort_new(struct kept);
	last = NULL;
	__asm__ volatile("");
}

static APART void large(int n)
{
	for (int i = 0; i < n; i++)
		last = gort_new_array(char, 100000);
	__asm__ volatile("");
}

/* What libgort allocates counts for its caller. */
static APART void mapper(int n)
{
	map(int, int) m = make_map(int, int);
	for (int i = 0; i < n; i++)
		map_at(m, i) = i;
	last = (void *)m;
	__asm__ volatile("");
}

static APART void deep(int n)
{
	if (n % 20 == 0)
		keeper(1);
	if (n)
		deep(n - 1);
	__asm__ volatile("");
}

static void busy(gort_waitgroup *wg)
{
	dropper(2000);
	deep(200);
	gort_wg_done(wg);
}

/* ---- who waits ---- */

static mutex mu;
static rwmutex rw;

static APART void locker(waitgroup *wg)
{
	mutex_lock(&mu);
	mutex_unlock(&mu);
	rwmutex_lock(&rw);
	rwmutex_unlock(&rw);
	wg_done(wg);
	__asm__ volatile("");
}

static APART int recvdeep(chan(int) c, int n)
{
	int v = n ? recvdeep(c, n - 1) : chan_recv(c);
	__asm__ volatile("");
	return v;
}

static APART void receiver(waitgroup *wg, chan(int) c)
{
	for (int v = 0; (v = recvdeep(c, v % 4 * 20));)
		;
	wg_done(wg);
	__asm__ volatile("");
}

/* The lockers wait, since this sleeps with the locks; and so does who receives. */
static APART void contend(void)
{
	static waitgroup wg;
	chan(int) c = make_chan(int, 0);
	mutex_lock(&mu);
	rwmutex_rlock(&rw);
	wg_add(&wg, 9);
	for (int i = 0; i < 8; i++)
		go(locker, &wg);
	go(receiver, &wg, c);
	gort_sleep(20 * ms);
	mutex_unlock(&mu);
	for (int i = 100; i >= 0; i--)
		chan_send(c, i);
	rwmutex_runlock(&rw);
	wg_wait(&wg);
	__asm__ volatile("");
}

static int write_all(const char *where)
{
	static const struct {
		const char *name;
		int (*write)(const char *path);
	} all[] = {{"heap", gort_heap_profile}, {"alloc", gort_allocs_profile},
		{"block", gort_block_profile}, {"mutex", gort_mutex_profile}};
	char path[4096];
	int err = 0;
	for (size_t i = 0; i < sizeof all / sizeof *all && !err; i++) {
		snprintf(path, sizeof path, "%s/%s.pb.gz", where, all[i].name);
		err = all[i].write(path);
	}
	return err;
}

int gort_main(int argc, char **argv)
{
	char where[4000];
	static gort_waitgroup wg;
	(void)argc, (void)argv;
	keeper(500);
	large(30);
	gort_gc();
	gort_wg_add(&wg, 4);
	for (int i = 0; i < 4; i++)
		go(busy, &wg);
	gort_wg_wait(&wg);
	contend();
	mapper(1000);
	gort_gc();
	dropper(100); /* known to the profile only after the next collection */
	puts("ready");
	fflush(stdout);
	if (scanf("%3999s", where) != 1 || write_all(where))
		return 1;
	puts("done");
	fflush(stdout);
	return scanf("%3999s", where) == 1;
}
