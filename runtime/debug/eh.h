/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eh.h - the call frame information of one module: which rule recovers which register at a pc.
 */
#ifndef GORT_DEBUG_EH_H
#define GORT_DEBUG_EH_H

#include "bytes.h"

/* DWARF register numbers of x86-64; 16 is the return address column. */
enum { DW_RAX, DW_RDX, DW_RCX, DW_RBX, DW_RSI, DW_RDI, DW_RBP, DW_RSP, DW_RIP = 16 };
enum { NREGS = 17 };

struct regs {
	uint64_t r[NREGS];
};

/*
 * Sections of a module in memory (or a copy of them) and the addresses they were linked to run at.
 */
struct eh_image {
	struct bytes hdr; /* empty: frame is searched from its start */
	struct bytes frame;
	uint64_t hdr_addr, frame_addr;
};

enum eh_rule_kind {
	EH_SAME,      /* the caller's value is still in the register */
	EH_UNDEFINED, /* lost; for the return address: outermost frame */
	EH_OFFSET,    /* saved at CFA + value */
	EH_VAL_OFFSET,
	EH_REGISTER,
	EH_EXPR, /* saved at the address an expression gives; value = its offset in .eh_frame */
	EH_VAL_EXPR
};

struct eh_rule {
	uint8_t kind;
	uint16_t len; /* of the expression */
	int32_t value;
};

struct eh_row {
	struct eh_rule reg[NREGS];
	struct eh_rule cfa; /* EH_REGISTER: cfa_reg + value; EH_VAL_EXPR */
	uint8_t cfa_reg;
	uint8_t ra;  /* column of the return address */
	bool signal; /* frame of a signal handler's trampoline: its caller's pc is exact */
};

/* Reads one word of the stack being unwound; false when the address is out of bounds. */
struct eh_mem {
	bool (*read)(const struct eh_mem *mem, uint64_t addr, uint64_t *out);
};

/* Row for pc: 0, -ENOENT when no FDE covers pc, -EINVAL when the bytes make no sense. */
int eh_find_row(const struct eh_image *im, uint64_t pc, struct eh_row *row);
/* Replaces *regs by the caller's: 0, -ENODATA at the outermost frame, -EFAULT, -EINVAL. */
int eh_step(const struct eh_image *im, const struct eh_row *row, const struct eh_mem *mem,
	struct regs *regs);

#endif
