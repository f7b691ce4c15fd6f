/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gocopy.h - every goroutine of a Go process with the used part of its stack, copied in one sweep:
 * what a marker needs, unsymbolized. Two sweeps tell which goroutines stood still in between.
 */
#ifndef GORT_PROBES_GOCOPY_H
#define GORT_PROBES_GOCOPY_H

#include "gotarget.h"

/* Pointers of a g, other than to its stack, through which its goroutine keeps things alive. */
enum { GOREF_LABELS, GOREF_PARAM, GOREF_CTXT, GOREF_COROARG, GOREF_BUBBLE, GOREF_TIMER, GO_NREFS };

struct gocopy {
	uint64_t addr, goid, sp, pc, lo, hi;
	uint64_t waiting, defers, panics; /* g.waiting, g._defer, g._panic */
	uint64_t refs[GO_NREFS];
	uint64_t base;        /* where the copied part of the stack begins; ends at hi */
	const uint8_t *stack; /* NULL when there is none, or it cannot be read */
	size_t len;
	uint32_t status; /* enum gsnap_status */
	uint8_t reason;
	bool syscall;
};

struct gocopies {
	struct gocopy *v; /* those that exist */
	size_t n;
	uint64_t *allgs; /* all structures, of ended goroutines too */
	size_t nallgs;
	uint8_t *arena;
	size_t nstacks; /* bytes of arena */
};

int gocopies_read(const struct gotarget *g, struct gocopies *out);
void gocopies_free(struct gocopies *c);

/* Whether b is the same goroutine, and where it was when a was copied. */
bool gocopy_stood_still(const struct gocopy *a, const struct gocopy *b);

#endif
