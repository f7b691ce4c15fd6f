/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leakcheck.h - which goroutines of a snapshot should not be there: leakcheck/'s public header.
 *
 * Pure rules, no I/O: compiled into libgort (the gate at the end of a program) and into gort. The
 * rule is goleak's (go.uber.org/goleak): any goroutine other than the caller that no filter names.
 */
#ifndef GORT_LEAKCHECK_H
#define GORT_LEAKCHECK_H

#include <stddef.h>
#include <stdint.h>
#include "gort/snap.h"

struct leak_filter {
	const char *const *ignore_top;     /* NULL-terminated function names, or NULL */
	const char *const *ignore_any;     /* in any frame */
	const char *const *ignore_creator; /* of the go statement */
	uint64_t self;                     /* id of the calling goroutine, 0 for none */
	const uint64_t *current;           /* ids that were there before (IgnoreCurrent), sorted */
	size_t ncurrent;
	/*
	 * The test that asks, or NULL. Goroutines of others, which their label LEAK_TEST tells, are
	 * not its; nor, with among_others, those without: others run at the same time.
	 */
	const char *test;
	bool among_others;
	/*
	 * There is one look and no other, as at a program that has ended: who could run at once is
	 * not named. Between two looks such a goroutine ends, or blocks.
	 */
	bool only_look;
};

/* Label with the full name of a test ("TestA/one"), of its goroutine and those that it starts. */
#define LEAK_TEST "test"

/* Writes the indexes of leaked goroutines into out (room for s->ngs); returns how many. */
size_t leakcheck_find(const struct gsnap *s, const struct leak_filter *f, uint32_t *out);

/*
 * Formats goleak's message for n leaked goroutines into buf as snprintf does (returns the length it
 * would have had). Equal stacks are reported once with their count.
 */
size_t leakcheck_format(
	const struct gsnap *s, const uint32_t *leaked, size_t n, char *buf, size_t size);

/*
 * The test that a goroutine is of, into buf as snprintf does; 0 when that is not known. Goroutines
 * of libgort's tests have it as a label; one of a Go test when a test function started it, or is
 * one of its calls.
 */
size_t leakcheck_test(const struct gsnap *s, const struct gsnap_g *gp, char *buf, size_t size);

/* goleak's retry schedule: microseconds to wait before look `attempt` (0..19), -1 = give up. */
int64_t leakcheck_backoff_us(int attempt);

#endif
