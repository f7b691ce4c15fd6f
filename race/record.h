/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.h - words with more live accesses than two slots hold: a list of tags with their stacks.
 */
#ifndef GORT_RACE_RECORD_H
#define GORT_RACE_RECORD_H

#include "access.h"

/*
 * Records a in the inflated form of its cell, inflating it first if need be, and back into two
 * slots when everything fits again. recheck: the tag may be there already, but races must still be
 * sought.
 */
void record_access(const struct access *a, bool recheck);

/* The cell forgets everything (its memory was freed). */
void cell_forget(struct cell *c);

/* Records in use, for tests. */
uint32_t records_live(void);

#endif
