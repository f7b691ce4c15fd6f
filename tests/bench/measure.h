/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * measure.h - finds a benchmark by its id, times it and prints the result; C and C++, without
 * libgort, so that the peers measure as bench_core does. go/main.go is the same in Go. The contract
 * with scripts/bench: README.md.
 */
#ifndef GORT_TESTS_MEASURE_H
#define GORT_TESTS_MEASURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLES 5

/* One of run and once is set. */
struct bench {
	const char *id;
	/* n operations, timed as a whole; called many times. */
	void (*run)(long n);
	/* Not timed, once before the first run; may be 0. */
	void (*setup)(void);
	/* Measures by itself, called once, and reports. */
	void (*once)(void);
	/* Never fewer operations than that: for a run whose set-up would weigh too much. */
	long least;
};

static inline long env_number(const char *name, long otherwise)
{
	const char *text = getenv(name);
	long n = text ? atol(text) : 0;
	return n > 0 ? n : otherwise;
}

/* CLOCK_MONOTONIC in nanoseconds. */
static inline int64_t nanotime(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* n, or less by the factor GORT_BENCH_SCALE: the size of what a row does once. At least 1. */
static inline long scaled(long n)
{
	long less = n / env_number("GORT_BENCH_SCALE", 1);
	return less > 0 ? less : 1;
}

/* Prints a result in the form that scripts/bench reads. */
static inline void report(const char *id, double value)
{
	printf("%s %.2f\n", id, value);
	fflush(stdout);
}

static inline int64_t bench_timed(const struct bench *b, long n)
{
	int64_t start = nanotime();
	b->run(n);
	return nanotime() - start;
}

/* How many operations take at least `least` ns: guesses from fewer, never 100 times as many. */
static inline long bench_calibrate(const struct bench *b, int64_t least)
{
	for (long n = b->least > 1 ? b->least : 1;;) {
		int64_t took = bench_timed(b, n);
		if (took >= least || n >= 1l << 40)
			return n;
		double guess = 1.2 * (double)n * (double)least / (double)(took > 0 ? took : 1);
		if (guess > 100.0 * (double)n)
			guess = 100.0 * (double)n;
		n = guess > (double)n + 1 ? (long)guess : n + 1;
	}
}

static inline int bench_by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static inline void bench_measure(const struct bench *b)
{
	double ns_per_op[SAMPLES];
	if (b->setup)
		b->setup();
	long n = bench_calibrate(b, env_number("GORT_BENCH_MS", 100) * 1000000 / SAMPLES);
	for (int i = 0; i < SAMPLES; i++)
		ns_per_op[i] = (double)bench_timed(b, n) / (double)n;
	qsort(ns_per_op, SAMPLES, sizeof(*ns_per_op), bench_by_size);
	report(b->id, ns_per_op[SAMPLES / 2]);
}

/*
 * What main does, for tables that end with an entry without id: without an argument it lists the
 * ids, else it measures the one that is named.
 */
static inline int bench_main(int argc, char **argv, const struct bench *const *tables, int count)
{
	for (int i = 0; i < count; i++) {
		for (const struct bench *b = tables[i]; b->id; b++) {
			if (argc < 2) {
				puts(b->id);
			} else if (strcmp(argv[1], b->id) == 0) {
				b->once ? b->once() : bench_measure(b);
				return 0;
			}
		}
	}
	if (argc > 1)
		fprintf(stderr, "%s: no benchmark is called %s\n", argv[0], argv[1]);
	return argc > 1 ? 2 : 0;
}

#endif
