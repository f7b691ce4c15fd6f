/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cunwind.h - unwinds C stacks of another process from a copy of their memory, by the call frame
 * information of the mapped files. The target keeps running: nothing is attached, nothing stopped.
 */
#ifndef GORT_PROBES_CUNWIND_H
#define GORT_PROBES_CUNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "modules.h"

struct cunwind;

/* Over modules that the caller owns and closes afterwards. NULL when out of memory. */
struct cunwind *cunwind_new(struct modules *ms);
void cunwind_free(struct cunwind *u);

/* Registers by DWARF number; the rest is caller-saved and of no use to an unwinder. */
enum { CREG_RBX = 3, CREG_RBP = 6, CREG_RSP = 7, CREG_R12 = 12, CREG_RA = 16, CREG_COUNT = 17 };

struct cregs {
	uint64_t r[CREG_COUNT]; /* r[CREG_RA] is the pc */
	uint32_t known;         /* bit i: r[i] is what the program had there, for who cares */
};

/* One stack: what was copied of it, and how to get more. */
struct cstack {
	uint64_t lo, hi;     /* addresses outside [lo, hi) are refused */
	uint64_t base;       /* address of copy[0] */
	const uint8_t *copy; /* may be NULL */
	size_t len;
	/* Reads exactly len bytes of the target; may be NULL. */
	bool (*read)(void *ctx, uint64_t addr, void *buf, size_t len);
	void *ctx;
	/* Called for each frame with its registers and its CFA; may be NULL. */
	void (*frame)(void *ctx, const struct cregs *regs, bool callsite, uint64_t cfa);
	void *frame_ctx;
};

enum cunwind_end {
	CUNWIND_OUTERMOST, /* the CFI says that there is no caller, or the return address is 0 */
	CUNWIND_LOST,      /* no way on: no CFI and no frame pointer, or inconsistent memory */
	CUNWIND_FULL       /* max frames */
};

struct cframe {
	uint64_t pc;
	bool callsite; /* pc is a return address: the call is at pc - 1 */
};

/*
 * Fills out leaf first and sets *n. `callsite` says whether the starting pc is a return address, as
 * the pc saved by a switch is. regs is clobbered.
 */
enum cunwind_end cunwind_stack(struct cunwind *u, struct cregs *regs, bool callsite,
	const struct cstack *stack, struct cframe *out, size_t max, size_t *n);

#endif
