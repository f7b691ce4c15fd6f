/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goread.h - reads goroutines of a Go process into a snapshot: all of them once (gosnap.c), or
 * those that changed, again and again (view.c).
 */
#ifndef GORT_PROBES_GOREAD_H
#define GORT_PROBES_GOREAD_H

#include "gounwind.h"

struct goreader;

/*
 * NULL when out of memory. The reader is for this snapshot: what it unwound refers to it. what:
 * PROBE_STACKS, PROBE_ARGS, PROBE_LABELS, PROBE_SYMBOLS.
 */
struct goreader *goreader_open(struct gotarget *g, struct gsnap *out, unsigned what);
void goreader_close(struct goreader *rd);

/*
 * Reads the goroutines at these addresses of g structures. slots says which entry of out->gs each
 * one replaces, an ended one with GSTATUS_DEAD; without slots the live ones are added.
 */
void goreader_read(struct goreader *rd, const uint64_t *addrs, const uint32_t *slots, size_t n);

/* Then those that run, as gorunning.h says. */
void goreader_running(struct goreader *rd);

/* Gives entry number `slot` of out->gs the stack of this copy. */
void goreader_stack(struct goreader *rd, uint32_t slot, const struct gostack *s);

/*
 * Addresses of all g's from number `from` on, to be freed; their number is 0 when there are no
 * more or they cannot be read. NULL when out of memory.
 */
uint64_t *goread_allgs(const struct gotarget *g, size_t from, size_t *n);

#endif
