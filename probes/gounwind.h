/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gounwind.h - stacks of goroutines from copies of their memory, as the runtime's own unwinder
 * (traceback.go) walks them: pc-value tables give each frame's size, no frame pointers needed.
 */
#ifndef GORT_PROBES_GOUNWIND_H
#define GORT_PROBES_GOUNWIND_H

#include "goargs.h"

/* Machine frames kept of one stack: so many innermost ones, and as many outermost ones. */
#define GO_MAX_FRAMES 4096

struct gorow;

/* One stack: what the last call of gounwind_stack found, leaf first. */
struct goframes {
	uint32_t n, inner;
	uint64_t elided; /* source-level calls between the first `inner` frames and the others */
	bool whole;      /* the outermost function was reached */
	bool cut;        /* it goes on beyond the copy */
	uint32_t locs[GO_MAX_FRAMES];
	const struct gorow *rows[GO_MAX_FRAMES];
	uint64_t sp[GO_MAX_FRAMES];
};

/* Symbolizes pcs into one snapshot, each distinct pc once. */
struct gounwind {
	const struct gotarget *g;
	struct gsnap *out;
	struct pcmap rows, chains;
	bool symbols; /* generic functions by their full names, as profiles have them */
	struct goframes frames;
};

struct gostack {
	uint64_t pc, sp;
	const uint8_t *mem; /* copy of [sp, sp + len) */
	size_t len;
	bool syscall; /* pc and sp are those saved by entersyscall */
	bool trap;    /* pc is where the code was interrupted, not where a call returns to */
};

void gounwind_init(struct gounwind *u, const struct gotarget *g, struct gsnap *out);
void gounwind_free(struct gounwind *u);

/* Walks a stack; u->frames says what there is, in locations of the snapshot. */
void gounwind_stack(struct gounwind *u, const struct gostack *s);

/* Appends callers, by return addresses, to the stack that was walked last, up to the outermost. */
void gounwind_append(struct gounwind *u, const uint64_t *pcs, size_t n);

/*
 * The words of the arguments of the stack that was walked last, as gsnap_g.words wants them, in
 * memory of the snapshot; NULL when out of memory.
 */
const uint8_t *gounwind_words(struct gounwind *u, const struct gostack *s);

/*
 * Locations of a list of pcs that the runtime recorded (runtime.Callers), leaf first, into locs
 * (room for n). An inlined call has a pc of its own in such a list, which may also be missing.
 */
size_t gounwind_callers(struct gounwind *u, const uint64_t *pcs, size_t n, uint32_t *locs);

/* Name of the innermost function at a pc, as runtime.FuncForPC finds it; NULL for none. */
const char *gounwind_func(const struct gotarget *g, uint64_t pc);

/* Location of a go statement, as `created by` prints it; GSNAP_NONE when gopc is in no function. */
uint32_t gounwind_created(struct gounwind *u, uint64_t gopc);

#endif
