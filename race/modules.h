/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * modules.h - the program and its libraries, as they lie in memory. The loader's lists are not
 * used: their lock may be held by a thread that waits for a report. /proc/self/maps is read
 * instead. All of this under report.lock.
 */
#ifndef GORT_RACE_MODULES_H
#define GORT_RACE_MODULES_H

#include <stdint.h>

struct module {
	uint64_t lo, hi, bias; /* bias: what to subtract from a pc */
	char path[232];
};

/* Reads them anew. */
void modules_read(void);

/* The one that addr lies in, of those read last; or NULL. */
const struct module *modules_find(uint64_t addr);

#endif
