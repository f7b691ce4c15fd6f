/* SPDX-License-Identifier: BSD-2-Clause */
/* sync_map.h - what the collector must know of maps. */
#ifndef GORT_SYNC_SYNC_MAP_H
#define GORT_SYNC_SYNC_MAP_H

#include <stdint.h>

#include "gort/abi.h"

/* In a stop: calls fn for each piece of memory that holds tables of maps. */
void mapsroots(void (*fn)(uintptr_t lo, uintptr_t hi));
/* The same, for readers outside. */
extern const struct gort_abi_roots mapslist;

#endif
