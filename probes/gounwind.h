/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gounwind.h - stacks of goroutines from copies of their memory, as the runtime's own unwinder
 * (traceback.go) walks them: pc-value tables give each frame's size, no frame pointers needed.
 */
#ifndef GORT_PROBES_GOUNWIND_H
#define GORT_PROBES_GOUNWIND_H

#include "gotarget.h"

#define GO_MAX_FRAMES 4096

/* Symbolizes pcs into one snapshot, each distinct pc once. */
struct gounwind {
	const struct gotarget *g;
	struct gsnap *out;
	struct pcmap rows;
};

struct gostack {
	uint64_t pc, sp;
	const uint8_t *mem; /* copy of [sp, sp + len) */
	size_t len;
	bool syscall; /* pc and sp are those saved by entersyscall */
};

void gounwind_init(struct gounwind *u, const struct gotarget *g, struct gsnap *out);
void gounwind_free(struct gounwind *u);

/*
 * Locations of the snapshot, leaf first, into locs (room for GO_MAX_FRAMES). *whole: the outermost
 * function was reached. Returns their number.
 */
size_t gounwind_stack(struct gounwind *u, const struct gostack *s, uint32_t *locs, bool *whole);

/* Location of a go statement, as `created by` prints it; GSNAP_NONE when gopc is in no function. */
uint32_t gounwind_created(struct gounwind *u, uint64_t gopc);

#endif
