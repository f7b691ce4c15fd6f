/* SPDX-License-Identifier: BSD-2-Clause */
/* goleak.h - proves from outside which goroutines of a Go process can never go on. */
#ifndef GORT_PROBES_GOLEAK_H
#define GORT_PROBES_GOLEAK_H

#include "gowait.h"

/* What is known of a goroutine of the second copy. */
enum golook_state { GOLOOK_BLOCKED, GOLOOK_ROOT, GOLOOK_WOKEN, GOLOOK_UNSURE };

/* One look, with all that was copied and marked. */
struct golook {
	struct goleaker *l;
	struct gocopies before, now;
	struct gomark mark;
	struct gowaits waits;
	uint8_t *state;            /* of now, enum golook_state */
	bool *moved;               /* of before: it ran while the heap was copied */
	uint64_t nquiet, nguessed; /* stacks of goroutines at rest; of them not told by maps */
	int error;
};

struct goleaker {
	const struct gotarget *g;
	struct goheap heap; /* its buffer is used for all passes */
	struct gostackmap stacks;
	bool freeze;     /* the process stands still while it is copied; set for cores */
	uint64_t sp;     /* the stack pointer of the only thread there is, 0 when not known */
	bool holders;    /* keep what leads to each object (goheld.c) */
	int64_t held_ns; /* for how long it stood, in the last look */
};

void goleaker_init(struct goleaker *l, const struct gotarget *g);
void goleaker_free(struct goleaker *l);

/*
 * One look at the whole process: *out lists, by goid, the goroutines that nothing reached. When it
 * runs on, what moves while it is copied can be missed, so that only what several looks agree on is
 * proved; frozen, one is a proof. 0; a negative errno; -EPROTO with *why when the process is not
 * understood well enough, or does not stand still.
 */
int goleaker_pass(struct goleaker *l, struct probe_leaks *out, const char **why);

/* The same, with everything that was found out kept until golook_free. */
int golook_at(struct golook *p, struct goleaker *l, const char **why);
void golook_free(struct golook *p);

/*
 * What keeps a goroutine of a look reachable, nearest first: at most max steps; how many. 0: it is
 * not blocked, or not known. (goheld.c)
 */
size_t goheld_chain(const struct golook *p, uint64_t goid, struct probe_hold *out, size_t max);

/* Keeps in a what b has too: the same goroutine, at the same place, waiting for the same object. */
void goleaks_intersect(struct probe_leaks *a, const struct probe_leaks *b);

#endif
