/* SPDX-License-Identifier: BSD-2-Clause */
/* mbarrier.h - what the collector sees of the write barrier. */
#ifndef GORT_MEM_MBARRIER_H
#define GORT_MEM_MBARRIER_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gort/gc.h"

struct wbblock;

/* gort_writebarrier. WB_CHECK: always, with GORT_DEBUG=gcbarriercheck=1; mgccheck.c */
enum { WB_LOG = 1, WB_CHECK = 2 };

/*
 * Whether libgort must log what it overwrites in memory that the collector scans: old values only,
 * since what a goroutine holds is marked in the end. In libgort no thread is stopped, so it does
 * not matter whether a store or its log comes first.
 */
static inline bool wbenabled(void)
{
	return __builtin_expect(*(volatile const uint32_t *)&gort_writebarrier & WB_LOG, 0);
}

/* Where gort_pending lies from the thread pointer on, in all threads. Since gcinit. */
extern intptr_t pendingoffset;

/* Logs old if that is to be. */
static inline void wblog(const void *old)
{
	if (wbenabled())
		gort_wblog(old);
}

/*
 * Turns the barrier on or off. The world is stopped: no thread is inside a no-stop section.
 */
void wbenable(bool on);

/*
 * Calls shade for each entry of a full block of the log; false when there was none. Any thread,
 * while the program runs. What it calls must not store through the barrier.
 */
bool wbdrain(void (*shade)(uintptr_t old));
/*
 * The same for all there is, blocks of Ps included; returns how many entries there were. The world
 * is stopped. Entries may be of an earlier cycle, and anything that looked like a pointer.
 */
size_t wbflush(void (*shade)(uintptr_t old));

/*
 * The name of a loaded module that was not made by gort-cc and is not of libc; NULL when there is
 * none. Valid until it is unloaded. gcmode.c
 */
const char *unstamped(void);
/* Whether goroutines may run while others mark, as far as GORT_GCMODE and this build say. */
bool gcconcurrent(void);
/* Whether gort-cc has made the module; whether it need not, since it stores no pointers of ours. */
bool stamped(const struct dl_phdr_info *info);
bool needsnostamp(const struct dl_phdr_info *info);

#endif
