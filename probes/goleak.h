/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goleak.h - proves from outside which goroutines of a Go process, or of one on libgort, can never
 * go on.
 */
#ifndef GORT_PROBES_GOLEAK_H
#define GORT_PROBES_GOLEAK_H

#include "freeze.h"
#include "gowait.h"

/* What is known of a goroutine of the second copy. */
enum golook_state {
	GOLOOK_BLOCKED,
	GOLOOK_ROOT,
	GOLOOK_WOKEN,
	GOLOOK_UNSURE, /* woken, as far as what it waits for can be told from others */
	GOLOOK_LIKELY, /* blocked, on what lies on a stack that nothing leads to (libgort) */
};

struct golook;
struct goleaker;

/* What differs between the two kinds of processes. */
struct golook_ops {
	int (*goroutines)(struct goleaker *l, struct gocopies *out);
	int (*heap)(struct goleaker *l); /* the first step of copying it */
	/* All roots but goroutines, and what those that are blocked wait for. */
	int (*roots)(struct golook *p, const struct thread_regs *regs, size_t n);
	/* What a goroutine holds; moved: its copy is of no one moment. */
	void (*mark)(struct golook *p, const struct gocopy *c, bool moved);
	/* After all that was told is marked: true when that has led to more. */
	bool (*more)(struct golook *p);
	/* What the marker calls the thing at an address that a goroutine waits for; 0: none. */
	uint64_t (*name)(void *look, uint64_t addr);
	/* Whether blocked goroutine i may be woken. */
	enum golive (*live)(struct golook *p, size_t i);
	/* Why the process is not understood well enough; NULL: it is. */
	const char *(*distrust)(const struct golook *p);
	/* The name of a type that the runtime notes; false: it has none. */
	bool (*type_name)(const struct goleaker *l, uint64_t type, char *buf, size_t size);
};

/* One look, with all that was copied and marked. */
struct golook {
	struct goleaker *l;
	struct gocopies before, now;
	struct gomark mark;
	struct gowaits waits;
	uint8_t *state;            /* of now, enum golook_state */
	bool *moved;               /* of before: it ran while the heap was copied */
	bool unsure;               /* whoever is woken now may be so only by one that is unsure */
	uint64_t nquiet, nguessed; /* stacks of goroutines at rest; of them not told by maps */
	struct gortstacks *stacks; /* of libgort: those of blocked goroutines (gortleak.c) */
	int error;
	const char *why; /* of -EPROTO, when more is known; else NULL */
};

struct goleaker {
	const struct golook_ops *ops;
	const struct target *t;
	const struct gotarget *g; /* NULL: on libgort */
	const struct gortread *r; /* then */
	struct goheap heap;       /* its buffer is used for all passes */
	struct gostackmap stacks;
	bool freeze;      /* the process stands still while it is copied; set for cores */
	uint64_t sp;      /* the stack pointer of the only thread there is, 0 when not known */
	uint64_t redzone; /* bytes below a stack pointer that are in use */
	bool holders;     /* keep what leads to each object (goheld.c) */
	int64_t held_ns;  /* for how long it stood, in the last look */
};

void goleaker_init(struct goleaker *l, const struct gotarget *g);
/* gortleak.c; t: NULL for an image of a process without threads. */
void gortleaker_init(struct goleaker *l, const struct gortread *r, const struct target *t);
void goleaker_free(struct goleaker *l);

/* What may make no sense in any process, since it was read while it changed. */
enum { GOLOOK_TORN = 4 };

/*
 * The copy that tells of goroutines that stood still all the time, and whether one of them did:
 * what it has is known to the last word. (Of those of libgort's own that hold nothing: false.)
 */
const struct gocopy *golook_resting(const struct golook *p, size_t *n);
bool golook_rests(const struct golook *p, const struct gocopy *c);

/* Why a look at a process on libgort is not to be believed; NULL: it is. (gorttorn.c) */
const char *gorttorn(const struct golook *p);

/* What led to the stack of a goroutine of libgort that waits, as gomark_holder; 0: nothing. */
uint64_t gortleak_from(const struct golook *p, const struct gocopy *c);

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
/* Marks what those goroutines hold that nothing reached. */
void golook_mark_leaked(struct golook *p);

/*
 * What keeps a goroutine of a look reachable, nearest first: at most max steps; how many. 0: it is
 * not blocked, or not known. (goheld.c)
 */
size_t goheld_chain(const struct golook *p, uint64_t goid, struct probe_hold *out, size_t max);

/* Goroutines that run on a thread have nothing below its stack pointer. */
void goleak_cut_running(struct gocopies *gs, uint64_t sp);

/* Keeps in a what b has too: the same goroutine, at the same place, waiting for the same object. */
void goleaks_intersect(struct probe_leaks *a, const struct probe_leaks *b);

#endif
