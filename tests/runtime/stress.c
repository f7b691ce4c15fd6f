/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress.c - random concurrent models on libgort, each of which knows what must come out.
 *
 * stress [SECONDS [SEED [DRIVERS [MODEL]]]]: several drivers at once run one model after the
 * other, chosen at random, or only the one named MODEL. Exit 0 when every model came out right;
 * else a message, and exit 2. A lost wake-up shows as a deadlock, when all goroutines sleep, or as
 * a model that has not ended after LIMIT seconds: then every goroutine is dumped.
 */
#include "stress.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/time.h>

#define LIMIT      120 /* seconds a model may take: it needs milliseconds on an idle machine */
#define MAXDRIVERS 256

static const struct {
	const char *name;
	void (*run)(unsigned *rnd);
	unsigned weight;
} model[] = {
	{"pipeline", model_pipeline, 2},
	{"pingpong", model_pingpong, 1},
	{"manymany", model_manymany, 2},
	{"cross", model_cross, 2},
	{"mesh", model_mesh, 2},
	{"closing", model_closing, 2},
	{"timeouts", model_timeouts, 1},
	{"burst", model_burst, 2},
	{"tree", model_tree, 1},
	{"sleeps", model_sleeps, 1},
	{"blocking", model_blocking, 1},
	{"quits", model_quits, 1},
	{"bank", model_bank, 2},
	{"monitor", model_monitor, 2},
	{"barrier", model_barrier, 1},
	{"once", model_once, 1},
	{"groups", model_groups, 1},
	{"lastfrees", model_lastfrees, 1},
	{"random", model_random, 8},
};
#define NMODELS (sizeof(model) / sizeof(*model))

static _Atomic long runs[NMODELS];
static int64_t deadline;
static unsigned seed;
static int only = -1;

/* What each driver does since when; 0: nothing. Read by the watchdog. */
static struct {
	_Atomic int64_t since;
	_Atomic unsigned model;
} doing[MAXDRIVERS];

_Noreturn void stress_fail(const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	gort_panicf("stress: seed %u: %s", seed, text);
}

static void watchdog(int sig)
{
	(void)sig;
	for (int i = 0; i < MAXDRIVERS; i++) {
		int64_t since = atomic_load(&doing[i].since);
		if (since == 0 || now() - since < LIMIT * sec)
			continue;
		dprintf(2, "stress: seed %u: driver %d stands still in %s\n", seed, i,
			model[atomic_load(&doing[i].model)].name);
		raise(SIGQUIT); /* the runtime's dump of all goroutines, exit 2 */
	}
}

static void start_watchdog(void)
{
	struct sigaction sa = {.sa_handler = watchdog, .sa_flags = SA_ONSTACK | SA_RESTART};
	struct itimerval each = {{5, 0}, {5, 0}};
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &each, NULL);
}

static unsigned choose(unsigned *rnd)
{
	unsigned total = 0, m = 0;
	for (size_t i = 0; i < NMODELS; i++)
		total += model[i].weight;
	unsigned r = next(rnd) % total;
	for (; r >= model[m].weight; m++)
		r -= model[m].weight;
	return m;
}

static void driver(int me, unsigned rnd, waitgroup *wg)
{
	while (now() < deadline) {
		unsigned m = only >= 0 ? (unsigned)only : choose(&rnd);
		atomic_store(&doing[me].model, m);
		atomic_store(&doing[me].since, now());
		model[m].run(&rnd);
		atomic_fetch_add(&runs[m], 1);
		if (oneof(&rnd, 8))
			stress_audit();
	}
	atomic_store(&doing[me].since, 0);
	wg_done(wg);
}

static int find_model(const char *name)
{
	for (size_t i = 0; i < NMODELS; i++)
		if (strcmp(model[i].name, name) == 0)
			return (int)i;
	fprintf(stderr, "stress: no model '%s'; there are:", name);
	for (size_t i = 0; i < NMODELS; i++)
		fprintf(stderr, " %s", model[i].name);
	fprintf(stderr, "\n");
	exit(2);
}

int gort_main(int argc, char **argv)
{
	int seconds = argc > 1 ? atoi(argv[1]) : 2;
	int drivers = argc > 3 ? atoi(argv[3]) : 16;
	waitgroup wg = {0};
	seed = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : (unsigned)now();
	only = argc > 4 ? find_model(argv[4]) : -1;
	if (drivers < 1 || drivers > MAXDRIVERS)
		drivers = MAXDRIVERS;
	start_watchdog();
	deadline = now() + seconds * sec;
	wg_add(&wg, drivers);
	for (int i = 0; i < drivers; i++)
		go(driver, i, seed + (unsigned)i * 7919u, &wg);
	wg_wait(&wg);
	printf("seed %u:", seed);
	for (size_t i = 0; i < NMODELS; i++)
		printf(" %s %ld", model[i].name, runs[i]);
	printf("\n");
	return 0;
}
