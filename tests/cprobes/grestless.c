/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grestless.c [-n N] [-busy M] [-restless exec|fork|exit] - a program on libgort that never stands
 * still, for ../probes/restless.py, as ../probes/gotarget is one in Go: N goroutines are parked, M
 * create and end others and allocate at full speed; after a moment it executes itself, runs
 * itself as a child, both again and again, or exits.
 */
#include <gort/go.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SELF "/proc/self/exe"

struct options {
	int n, busy;
	const char *restless;
};

struct link {
	struct link *next;
	int value;
};

extern char **environ;

static chan(int) nobody;
static mutex held;

static void receives(void)
{
	(void)chan_recv(nobody);
}

static void sleeps(void)
{
	gort_sleep(3600 * sec);
}

static void locks(void)
{
	mutex_lock(&held);
}

static void adds(chan(int) result, struct link *list)
{
	int total = 0;
	for (; list; list = list->next)
		total += list->value;
	chan_send(result, total);
}

static void churns(int seed)
{
	chan(int) result = make_chan(int, seed % 2);
	mutex *mine = gort_new(mutex);
	for (;; seed++) {
		struct link *list = NULL;
		for (int i = 0; i < seed % 50; i++) {
			struct link *l = gort_new(struct link);
			*l = (struct link){list, i};
			list = l;
		}
		mutex_lock(mine);
		go(adds, result, list);
		(void)chan_recv(result);
		mutex_unlock(mine);
	}
}

static void run_child(void)
{
	const char *argv[] = {SELF, "-n", "10", "-restless", "exit", NULL};
	pid_t child;
	if (posix_spawn(&child, SELF, NULL, NULL, (char *const *)argv, environ))
		return;
	gort_blocking_begin();
	waitpid(child, NULL, 0);
	gort_blocking_end();
}

static void be_restless(const char *how, char **argv)
{
	for (;;) {
		gort_sleep((20 + rand() % 200) * ms);
		if (!strcmp(how, "exec"))
			execv(SELF, argv);
		else if (!strcmp(how, "fork"))
			run_child();
		else
			exit(0);
	}
}

static struct options options_of(int argc, char **argv)
{
	struct options o = {0};
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "-n"))
			o.n = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "-busy"))
			o.busy = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "-restless"))
			o.restless = argv[i + 1];
	}
	return o;
}

int gort_main(int argc, char **argv)
{
	struct options o = options_of(argc, argv);
	nobody = make_chan(int, 0);
	mutex_lock(&held);
	for (int i = 0; i < o.n; i += 3) {
		go(receives);
		go(sleeps);
		go(locks);
	}
	for (int i = 0; i < o.busy; i++)
		go(churns, i);
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	if (o.restless)
		be_restless(o.restless, argv);
	(void)chan_recv(nobody);
	return 0;
}
