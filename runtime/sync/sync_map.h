/* SPDX-License-Identifier: BSD-2-Clause */
/* sync_map.h - what the collector must know of maps. */
#ifndef GORT_SYNC_SYNC_MAP_H
#define GORT_SYNC_SYNC_MAP_H

#include <stdint.h>

/* In a stop: calls fn for each piece of memory that holds tables of maps. */
void mapsroots(void (*fn)(uintptr_t lo, uintptr_t hi));

#endif
