/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gocopy.h - every goroutine of a Go process, or of one on libgort, with the used part of its
 * stack, copied in one sweep: what a marker needs, unsymbolized. Two sweeps tell which goroutines
 * stood still in between.
 */
#ifndef GORT_PROBES_GOCOPY_H
#define GORT_PROBES_GOCOPY_H

#include "gotarget.h"

/* Pointers of a g, other than to its stack, through which its goroutine keeps things alive. */
enum { GOREF_LABELS, GOREF_PARAM, GOREF_CTXT, GOREF_COROARG, GOREF_BUBBLE, GOREF_TIMER, GO_NREFS };

/* Of libgort: the words of what is at first its arguments and then its sudog; and its labels. */
enum { GORT_NREFS = 9 };

/* Kinds of waits that only another goroutine can end. */
enum gowait {
	GOWAIT_OTHER,   /* none of these: timer, network, running, runnable ... */
	GOWAIT_CHAN,    /* channels, one or (select) several */
	GOWAIT_LOCK,    /* a semaphore: Mutex, RWMutex, WaitGroup */
	GOWAIT_COND,    /* a sync.Cond */
	GOWAIT_FOREVER, /* nil channel, select without cases */
};

struct gortread;

struct gocopy {
	uint64_t addr, goid, sp, pc, lo, hi;
	uint64_t waiting;          /* g.waiting; of libgort the object */
	uint64_t defers, panics;   /* g._defer, g._panic */
	uint64_t cases, ncases;    /* of libgort: of a select that waits */
	uint64_t refs[GORT_NREFS]; /* of Go GO_NREFS */
	uint64_t base;             /* where the copied part of the stack begins; ends at hi */
	const uint8_t *stack;      /* NULL when there is none, or it cannot be read */
	size_t len;
	uint32_t status;      /* enum gsnap_status */
	uint8_t reason, kind; /* kind: enum gowait */
	bool syscall;
	uint32_t cold; /* of libgort: bytes at the end of the copy that are struct gcold */
};

struct gocopies {
	struct gocopy *v; /* those that exist */
	size_t n;
	uint64_t *allgs; /* all structures, of ended goroutines too */
	size_t nallgs;
	size_t lost; /* of these, those that could not be read */
	uint8_t *arena;
	size_t nstacks; /* bytes of arena */
};

int gocopies_read(const struct gotarget *g, struct gocopies *out);
void gocopies_free(struct gocopies *c);
/* Those of v, whose base and len are set. */
int gocopies_read_stacks(const struct tmem *mem, struct gocopies *out);
/* The same of a program on libgort. (gortcopy.c) */
int gortcopies_read(const struct gortread *r, struct gocopies *out);
/* What its struct gcold refers to, at most GORT_NCOLD words; how many. */
enum { GORT_NCOLD = 9 };
size_t gortcopy_cold(const struct gortread *r, const struct gocopy *c, uint64_t *out);
/* Case i of the select that c waits in: its channel, and whether it is a timeout. */
bool gortcopy_case(
	const struct gortread *r, const struct gocopy *c, uint64_t i, uint64_t *chan, bool *timed);

/* Whether b is the same goroutine, and where it was when a was copied. */
bool gocopy_stood_still(const struct gocopy *a, const struct gocopy *b);

#endif
