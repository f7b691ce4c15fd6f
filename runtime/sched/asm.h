/* SPDX-License-Identifier: BSD-2-Clause */
/* asm.h - what asm_amd64.S offers, and the layout of the frame it leaves on a parked stack. */
#ifndef GORT_SCHED_ASM_H
#define GORT_SCHED_ASM_H

#include "sched/runtime2.h"

/* Offsets from g.sched.sp of a goroutine that is switched out. */
#define SWITCH_FRAME_R15  0
#define SWITCH_FRAME_R14  8
#define SWITCH_FRAME_R13  16
#define SWITCH_FRAME_R12  24
#define SWITCH_FRAME_RBX  32
#define SWITCH_FRAME_RBP  40
#define SWITCH_FRAME_PC   48
#define SWITCH_FRAME_SIZE 56

/*
 * The switches, inline in frames of their callers. As calls they would leave one return address too
 * many with the CPU's predictor each time, and every later return of the resumed chain would be
 * mispredicted. Of the frame only rbp and pc are written: the compiler takes the other registers
 * for overwritten and has saved what it needs of them. The runtime is built without red zones,
 * which the pushes would overwrite.
 */
#define SWITCH_SAVE                 \
	"leaq 1f(%%rip), %%rcx\n\t" \
	"pushq %%rcx\n\t"           \
	"pushq %%rbp\n\t"           \
	"subq $40, %%rsp\n\t"       \
	"movq %%rsp, %%rax\n\t"
#define SWITCH_CLOBBERS                                                                           \
	"rax", "rcx", "rdx", "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", \
		"xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",  \
		"xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc", "memory"

/* Leaves this stack for that of to; returns when somebody switches to from. */
static inline __attribute__((always_inline)) void goswitch(struct gobuf *from, struct gobuf *to)
{
	__asm__ volatile(SWITCH_SAVE "movq (%%rsi), %%rsp\n\t"
				     "movq $0, (%%rsi)\n\t"
				     "movq %%rax, (%%rdi)\n\t"
				     "addq $40, %%rsp\n\t"
				     "popq %%rbp\n\t"
				     "popq %%rcx\n\t"
				     "jmp *%%rcx\n"
				     "1:"
			 : "+D"(from), "+S"(to)
			 :
			 : SWITCH_CLOBBERS);
}

void goexit(void);

/* Makes the empty stack that ends at top one to switch to: it begins in goexit. */
static inline void gofresh(struct gobuf *to, uintptr_t top)
{
	uintptr_t sp = top - SWITCH_FRAME_SIZE;
	*(uintptr_t *)(sp + SWITCH_FRAME_RBP) = 0;
	*(uintptr_t *)(sp + SWITCH_FRAME_PC) = (uintptr_t)goexit;
	store_rlx(&to->sp, sp);
}

_Noreturn void gogo(struct gobuf *to);
_Noreturn void gorestart(uintptr_t top);

/* Called by goexit on a fresh stack: runs curg and whatever fresh G takes the stack over. proc.c */
_Noreturn void gomain(void);

#endif
