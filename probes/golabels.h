/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * golabels.h - pprof labels of Go goroutines. Goroutines inherit them, so that thousands share one
 * set: each set is read once for a snapshot.
 */
#ifndef GORT_PROBES_GOLABELS_H
#define GORT_PROBES_GOLABELS_H

#include "gotarget.h"

struct golabels;

/* NULL when out of memory. What it reads belongs to the snapshot. */
struct golabels *golabels_open(const struct gotarget *g, struct gsnap *out);
void golabels_close(struct golabels *l);

/* Fills the labels of gp from g.labels; leaves it alone when they make no sense. */
void golabels_read(struct golabels *l, uint64_t at, struct gsnap_g *gp);

/*
 * The same of what is there now, for a reader that lasts: a set that is gone may have been replaced
 * at its address. Equal sets have one text, and one number, which is returned; 0: no labels.
 */
uint32_t golabels_now(struct golabels *l, uint64_t at, const char **labels, uint32_t *nlabels);

#endif
