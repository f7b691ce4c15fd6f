/* SPDX-License-Identifier: BSD-2-Clause */
/* waitgraph.h - who waits for what, put in order; and the circles in it. */
#ifndef GORT_CLI_WAITGRAPH_H
#define GORT_CLI_WAITGRAPH_H

#include <stdbool.h>
#include "gort/snap.h"

/* Waits for one object that are alike: same way of waiting at the same place. */
struct waitrow {
	uint32_t first, n; /* of order */
};

/* Objects that are alike: same kind and state, with the same rows. */
struct waitgroup {
	uint32_t obj;     /* one of them */
	uint32_t n;       /* how many */
	uint32_t waiters; /* of all of them */
	uint32_t row, nrows;
};

struct waitgraph {
	uint32_t *order; /* numbers of waits, rows of one object together */
	struct waitrow *rows;
	uint32_t nrows;
	struct waitgroup *groups; /* most waiters first */
	uint32_t ngroups;
};

/* Who holds an object, or seems to: the first of *n. There is one if it is sure. */
const struct gsnap_hold *holds_of(const struct gsnap *s, uint32_t obj, uint32_t *n);

/* 0 or -ENOMEM; freed with waitgraph_free also then. */
int waitgraph_build(const struct gsnap *s, struct waitgraph *wg);
void waitgraph_free(struct waitgraph *wg);

#define CIRCLE_MAX 16

/* Goroutine g[i] waits for the lock obj[i], which g[i + 1] seems to hold; the last one: g[0]. */
struct circle {
	uint32_t n, g[CIRCLE_MAX], obj[CIRCLE_MAX];
	bool sure; /* they all hold them: a deadlock */
};

/* Finds up to max circles, each goroutine in one of them at most. How many. */
uint32_t waitgraph_circles(const struct gsnap *s, struct circle *out, uint32_t max);

#endif
