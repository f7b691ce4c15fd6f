/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goker.h - the 63 blocking bugs of GoKer (Yuan et al.: GoBench, CGO 2021) as C programs, each with
 * a mended twin.
 *
 * Written from what the bugs are, with none of their code: what is not part of the deadlock is left
 * out, and where the original is lucky or random a barrier decides, so that each always happens.
 * One function is both twins: where `mended` is asked lies the bug.
 */
#ifndef GORT_TESTS_GOKER_H
#define GORT_TESTS_GOKER_H

#include <gort/go.h>

struct pattern {
	const char *name; /* of the project, and the number of its issue */
	void (*run)(void);
	unsigned leaks; /* goroutines that stay; of a mended one none does */
};

extern const struct pattern channel_patterns[], context_patterns[], mixed_patterns[],
	lock_patterns[], order_patterns[]; /* each ends with a NULL name */

extern bool mended;

/* In a mended twin: waits until the test has looked; everybody in it is alive then. */
void look_here(void);

/* A wait group of n that all n come to. */
static inline void meet(waitgroup *all)
{
	wg_done(all);
	wg_wait(all);
}

/* Returns once a writer waits for rw, of which the caller is a reader. */
static inline void await_writer(rwmutex *rw)
{
	while (rwmutex_tryrlock(rw)) {
		rwmutex_runlock(rw);
		gort_gosched();
	}
}

#endif
