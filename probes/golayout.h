/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * golayout.h - where the members of Go's runtime structures lie, per version (linux/amd64).
 *
 * Measured from the DWARF of programs built by each toolchain. Names are Go's: g_goid is g.goid of
 * runtime2.go. A stripped program says nothing of this, so the rows are data, and what is read by
 * them is validated before it is believed (golocate.c).
 */
#ifndef GORT_PROBES_GOLAYOUT_H
#define GORT_PROBES_GOLAYOUT_H

#include <stdbool.h>
#include <stdint.h>

struct golayout {
	int minor; /* of 1.minor */
	uint16_t g_syscallsp, g_syscallpc, g_atomicstatus, g_goid, g_waitsince, g_waitreason;
	uint16_t g_lockedm, g_parentgoid, g_gopc, g_startpc, g_waiting, g_size;
	uint16_t m_procid, m_curg, m_spinning, m_alllink;
	uint16_t p_m, p_schedtick, p_runqhead, p_runqtail, p_runnext;
	uint16_t s_nmidle, s_mnext, s_maxmcount, s_npidle, s_nmspinning, s_runqsize, s_timetorun;
	uint16_t ms_enablegc, ms_numgc, ms_numforcedgc, ms_pausetotal, ms_lastgcunix;
	uint16_t sudog_c;
	uint16_t md_gofunc;
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
