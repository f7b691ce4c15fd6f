/* SPDX-License-Identifier: BSD-2-Clause */
/* sema.h - semaphores by address, on which mutexes are built (Go's sema.go). See sema.c. */
#ifndef GORT_SYNC_SEMA_H
#define GORT_SYNC_SEMA_H

#include "sched/runtime2.h"

/*
 * Takes one unit of *addr, or blocks until semrelease hands one over; lifo: queued before all
 * others of this address. The word belongs to sema.c alone: its owner only zeroes it.
 */
void semacquire(uint32_t *addr, bool lifo, waitReason reason);

/*
 * The same for a lock, since `begin` by nanotime: the time counts as waiting for locks. Returns
 * nanotime at the end.
 */
int64_t semacquirelock(uint32_t *addr, bool lifo, waitReason reason, int64_t begin);

/*
 * Hands one unit to the first waiter of addr, or keeps it in *addr for the next to come. yield: the
 * waiter runs at once in the caller's place. When there is, or will be, a waiter for each unit,
 * nothing at addr is touched after the last of them may have returned.
 */
void semrelease(uint32_t *addr, bool yield);

#endif
