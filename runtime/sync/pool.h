/* SPDX-License-Identifier: BSD-2-Clause */
/* pool.h - what the collector does to pools at each cycle (Go's sync/pool.go poolCleanup). */
#ifndef GORT_SYNC_POOL_H
#define GORT_SYNC_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "gort/abi.h"

/*
 * The first half, while the world is stopped: what has been idle since the last call is taken out
 * of all pools, everything else is marked as idle. Does not allocate.
 */
void poolCleanup(void);
/* Whether poolDrop has anything to do. */
bool pooldead(void);
/* In a stop: calls fn for each piece of memory that holds objects of pools. */
void poolroots(void (*fn)(uintptr_t lo, uintptr_t hi));
/* The same, for readers outside. */
extern const struct gort_abi_pools poolslist;

/* The second half, by a goroutine later: calls the pools' drop for what was taken out. */
void poolDrop(void);

#endif
