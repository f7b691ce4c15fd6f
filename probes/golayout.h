/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * golayout.h - where the members of Go's runtime structures lie, per version (linux/amd64).
 *
 * Taken from the DWARF of programs built by each toolchain (scripts/golayout). Names are Go's:
 * g_goid is g.goid of runtime2.go. A stripped program says nothing of this, so the rows are data,
 * and what is read by them is validated before it is believed (golocate.c). A member that a
 * version does not have is 0.
 */
#ifndef GORT_PROBES_GOLAYOUT_H
#define GORT_PROBES_GOLAYOUT_H

#include <stdbool.h>
#include <stdint.h>
#include "golayoutdef.h"

struct golayout {
	int minor; /* of 1.minor */
#define GO_MEMBER(name, where) uint32_t name;
	GO_MEMBERS(GO_MEMBER)
#undef GO_MEMBER
};

/* The same in every supported version. */
enum {
	G_STACKLO = 0,
	G_STACKHI = 8,
	G_M = 0x30,
	G_SCHEDSP = 0x38,
	G_SCHEDPC = 0x40,
	M_G0 = 0,
	P_ID = 0,
	P_STATUS = 4,
	SCHED_GOIDGEN = 0,
	GCC_GCPERCENT = 0,
	GCC_MEMORYLIMIT = 0x8,
	GCC_HEAPMINIMUM = 0x10,
	GCC_RUNWAY = 0x18,
	GCC_PERCENTGOAL = 0x48,
	GCC_SWEEPDISTMIN = 0x50,
	GCC_TRIGGERED = 0x58,
	GCC_HEAPLIVE = 0x68,
	GCC_HEAPMARKED = 0x98,
	GCC_HEAPINUSE = 0x110,
	GCC_HEAPRELEASED = 0x118,
	GCC_HEAPFREE = 0x120,
	GCC_TOTALALLOC = 0x128,
	GCC_TOTALFREE = 0x130,
	GCC_MAPPEDREADY = 0x138,
	GCC_SIZE = 0x140,
	MD_FTAB = 0x80,
	MD_MINPC = 0xa0,
	MD_MAXPC = 0xa8,
	MD_TEXT = 0xb0,
	MD_ETEXT = 0xb8,
	MD_NOPTRDATA = 0xc0, /* start and end of each section */
	MD_SIZE = 0x180,     /* what is read of a moduledata */
	G_SCAN = 0x1000,     /* _Gscan, a bit of the status */
	G_MAXSIZE = 512
};

/*
 * The row of a version. For a minor newer than the newest row that row, with *guess set: it must
 * then prove itself. NULL for versions before the oldest.
 */
const struct golayout *golayout_for(int minor, int patch, bool *guess);
int golayout_oldest(void);
int golayout_newest(void);

#endif
