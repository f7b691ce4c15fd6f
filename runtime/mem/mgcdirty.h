/* SPDX-License-Identifier: BSD-2-Clause */
/* mgcdirty.h - mode kernel: which pages of the heap have been written to since marking began. */
#ifndef GORT_MEM_MGCDIRTY_H
#define GORT_MEM_MGCDIRTY_H

#include <stdbool.h>

/* Whether this kernel (6.7 on) can tell. At the start, and again in a child of fork. */
bool dirtyinit(void);
/*
 * From now on it does. Before the stop that begins marking: what is written until then is looked at
 * by the markers anyway. False: it cannot any more (somebody has closed all descriptors).
 */
bool dirtybegin(void);
/*
 * By a marker that has found nothing else: marks from a piece of the pages that were written to.
 * False when there is no such piece: few are written to, or always many.
 */
bool dirtyjob(void);
bool dirtyleft(void);
/* In the final pause: from all of them. False: some may have been missed. */
bool dirtyall(void);

#endif
