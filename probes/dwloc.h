/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dwloc.h - where a variable of a function is at a pc, by its DWARF location, and its bytes there.
 */
#ifndef GORT_PROBES_DWLOC_H
#define GORT_PROBES_DWLOC_H

#include <elfutils/libdw.h>
#include "tmem.h"

#define DWLOC_REGS 17

/* A machine frame that stands: its pc, and what is known of its registers by DWARF number. */
struct dwframe {
	uint64_t pc; /* a return address when callsite */
	bool callsite;
	uint64_t cfa; /* 0: not known */
	uint64_t regs[DWLOC_REGS];
	uint32_t known; /* bit i: regs[i] is */
};

#define DWLOC_MAX 4096 /* bytes that are fetched of one variable; the rest is left out */

struct dwvalue {
	uint8_t bytes[DWLOC_MAX];
	size_t n;        /* of them */
	const char *why; /* the variable is not to be had: why, else NULL */
};

/*
 * Fetches the first `size` bytes of the variable whose DIE has a location or a constant. addr: of
 * the instruction in the DWARF, func: of the function that owns the frame.
 */
void dwloc_fetch(const struct tmem *mem, Dwarf_Die *var, Dwarf_Die *func, Dwarf_Addr addr,
	const struct dwframe *f, size_t size, struct dwvalue *out);

#endif
