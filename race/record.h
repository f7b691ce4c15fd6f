/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.h - words with more live accesses than two slots hold: a list of tags with their stacks.
 */
#ifndef GORT_RACE_RECORD_H
#define GORT_RACE_RECORD_H

#include "access.h"

struct record {
	uint32_t n;
	uint32_t cap;
	uint16_t class;
	uint16_t nwrites; /* of RECORD_MANY: so many first ones are no reads, all others are */
	uint32_t link;    /* version while in use, next free one otherwise */
	_Atomic uint64_t tag[];
	/* uint32_t ctx[cap] */
};

/* With so many entries a read is added without a look at the other reads. */
#define RECORD_MANY 32

extern char *record_base;

static inline struct record *record_at(uint32_t index)
{
	return (struct record *)(record_base + ((uint64_t)index << 6));
}

/*
 * Without the lock: w, just read from c, names a record that has the tag, and w has not changed
 * since (record.c's invariant 1). Of many entries only the last are looked at.
 */
static inline bool record_hit(const struct cell *c, uint64_t w, uint64_t tag)
{
	if ((w & TAG_HELD_BY) != TAG_INFLATED || !(w >> 32))
		return false;
	const struct record *r = record_at(w >> 32);
	uint32_t n = *(const volatile uint32_t *)&r->n;
	for (uint32_t i = n > RECORD_MANY ? n - RECORD_MANY : 0; i < n; i++) {
		uint64_t x = load_acq(&r->tag[i]);
		if (tag_same(x, tag) && tag_covers(x, tag) && !(tag & ~x & TAG_MASK))
			return load_acq(&c->w) == w;
	}
	return false;
}

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
