/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gostackmap.h - the live pointers of a copied stack, by the compiler's stack maps, as Go's own
 * collector finds them (scanstack, mgcstack.go).
 */
#ifndef GORT_PROBES_GOSTACKMAP_H
#define GORT_PROBES_GOSTACKMAP_H

#include "gocopy.h"
#include "gomark.h"

struct stackobj {
	uint64_t addr, size;
	const uint8_t *mask; /* NULL: every word */
	uint64_t nmask;      /* words that the mask covers */
};

struct gostackmap {
	const struct gotarget *g;
	struct pcmap frames; /* what is known of a pc */
	uint64_t *words;     /* found, not yet followed */
	size_t nwords, wordcap;
	struct stackobj *objs;
	size_t nobjs, objcap;
	uint64_t nguessed; /* stacks of which every word was taken */
	bool oom;
};

void gostackmap_init(struct gostackmap *s, const struct gotarget *g);
void gostackmap_free(struct gostackmap *s);

/*
 * Marks what the goroutine holds on its stack and through its g. moved: its copy is of no one
 * moment, so every word of the program's own calls may be a pointer.
 */
void gostackmap_mark(struct gostackmap *s, struct gomark *m, const struct gocopy *c, bool moved);

/*
 * The live pointers in the frame of function `name`, which is one of the innermost few: up to max
 * into out; how many. For what only a frame holds, as the receiver of sync.(*Cond).Wait.
 */
size_t gostackmap_frame(
	struct gostackmap *s, const struct gocopy *c, const char *name, uint64_t *out, size_t max);

#endif
