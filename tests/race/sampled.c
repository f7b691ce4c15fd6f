/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sampled.c - a program that nothing is compiled into, for gort-race --sample: says "started", two
 * threads go on until SIGTERM, and main then says "done".
 *
 * sampled race: both change a counter; locked: under a mutex; atomic: one adds and one looks, by
 * atomic operations; apart: each its own; readers: both only read.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

static volatile sig_atomic_t over;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static const char *form;
extern volatile long counter, own[2][64];
volatile long counter, own[2][64];

NOINLINE static void change(void)
{
	counter = counter + 1;
}

NOINLINE static void change_too(void)
{
	counter = counter - 1;
}

static void locked(void)
{
	pthread_mutex_lock(&mu);
	change();
	pthread_mutex_unlock(&mu);
}

static void add(void)
{
	__atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST);
}

static void look(void)
{
	__atomic_load_n(&counter, __ATOMIC_SEQ_CST);
}

static void first(void)
{
	own[0][0]++;
}

static void second(void)
{
	own[1][0]++;
}

static const struct {
	const char *name;
	void (*fn[2])(void);
} forms[] = {{"race", {change, change_too}}, {"locked", {locked, locked}}, {"atomic", {add, look}},
	{"apart", {first, second}}, {"readers", {look, look}}};

static void *work(void *arg)
{
	void (*fn)(void) = NULL;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		if (!strcmp(forms[i].name, form))
			fn = forms[i].fn[*(int *)arg];
	}
	while (!over)
		fn();
	return NULL;
}

static void stop(int sig)
{
	over = sig;
}

int main(int argc, char **argv)
{
	static int id[2] = {0, 1};
	pthread_t t[2];
	form = argc > 1 ? argv[1] : "race";
	signal(SIGTERM, stop);
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, work, &id[i]);
	puts("started");
	fflush(stdout);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	puts("done");
	return 7;
}
