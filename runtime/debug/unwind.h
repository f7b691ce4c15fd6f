/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unwind.h - walks the frames of a stack of this process, in any context, also in a signal handler.
 */
#ifndef GORT_DEBUG_UNWIND_H
#define GORT_DEBUG_UNWIND_H

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>
#include "eh.h"

struct unwinder {
	struct eh_mem mem; /* first: the reader finds the unwinder by it */
	struct regs regs;
	uintptr_t lo, hi;  /* the stack; words outside are read through the kernel */
	bool callsite;     /* regs.rip is a return address */
	bool valid;        /* regs describe a frame */
	bool complete;     /* the outermost frame was reached */
	uint32_t switches; /* times the stack pointer went down: signal stacks */
};

/*
 * Starts at the frame that regs describe: u->regs.r[DW_RIP] is its pc. [lo, hi) bounds the stack
 * and must be readable; lo == hi when it is not known, which is slower.
 */
void unwind_init(
	struct unwinder *u, const struct regs *regs, uintptr_t lo, uintptr_t hi, bool callsite);
/* Goes to the caller; false at the end, with u->complete telling whether nothing is missing. */
bool unwind_next(struct unwinder *u);

/* Registers of a context that a signal interrupted. */
void regs_of_ucontext(const ucontext_t *uc, struct regs *regs);

/* Registers here: the frame is that of the calling function. */
#define regs_here(regs)                                                                           \
	__asm__ volatile("movq %%rbx, 24(%0)\n\tmovq %%rbp, 48(%0)\n\tmovq %%rsp, 56(%0)\n\t"     \
			 "movq %%r12, 96(%0)\n\tmovq %%r13, 104(%0)\n\tmovq %%r14, 112(%0)\n\t"   \
			 "movq %%r15, 120(%0)\n\tleaq 0(%%rip), %%rax\n\tmovq %%rax, 128(%0)\n\t" \
			 :                                                                        \
			 : "r"(regs)                                                              \
			 : "rax", "memory")

/* The same; what its caller has in registers is on the stack from regs->r[DW_RSP] on. */
#define regs_saved(regs)                 \
	do {                             \
		__builtin_unwind_init(); \
		regs_here(regs);         \
	} while (0)

#endif
