/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress.h - what the models of the stress suite share. A model is a function of a random number
 * generator that runs one concurrent program, returns when all its goroutines are done with its
 * memory, and fails the run when something came out that must not.
 */
#ifndef GORT_TESTS_RUNTIME_STRESS_H
#define GORT_TESTS_RUNTIME_STRESS_H

#include <gort/go.h>
#include <stdatomic.h>
#include <time.h>

#define CHECK(cond, ...)                          \
	do {                                      \
		if (__builtin_expect(!(cond), 0)) \
			stress_fail(__VA_ARGS__); \
	} while (0)

/* Prints the text and the seed of the run and ends it as a panic does: GOTRACEBACK applies. */
_Noreturn void stress_fail(const char *fmt, ...) __attribute__((cold, format(printf, 1, 2)));

static inline int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000 + t.tv_nsec;
}

/* 24 random bits. */
static inline unsigned next(unsigned *rnd)
{
	*rnd = *rnd * 1664525 + 1013904223;
	return *rnd >> 8;
}

static inline bool oneof(unsigned *rnd, unsigned n)
{
	return next(rnd) % n == 0;
}

static inline void burn(unsigned n)
{
	for (volatile unsigned i = 0; i < n; i++)
		;
}

/* stress_sched.c: goroutines, sleeps, blocking calls */
void model_burst(unsigned *rnd);
void model_tree(unsigned *rnd);
void model_sleeps(unsigned *rnd);
void model_blocking(unsigned *rnd);
void model_quits(unsigned *rnd);

/* stress_chan.c: channels and select */
void model_pipeline(unsigned *rnd);
void model_pingpong(unsigned *rnd);
void model_manymany(unsigned *rnd);
void model_cross(unsigned *rnd);
void model_mesh(unsigned *rnd);
void model_closing(unsigned *rnd);
void model_timeouts(unsigned *rnd);

/* stress_sync.c: locks */
void model_bank(unsigned *rnd);
void model_monitor(unsigned *rnd);
void model_barrier(unsigned *rnd);
void model_once(unsigned *rnd);
void model_groups(unsigned *rnd);
void model_lastfrees(unsigned *rnd);

/* stress_random.c: random programs of all of these */
void model_random(unsigned *rnd);

/* stress_audit.c: fails the run when a queue of the scheduler contradicts itself */
void stress_audit(void);

#endif
