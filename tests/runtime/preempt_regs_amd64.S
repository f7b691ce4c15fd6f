/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preempt_regs_amd64.S - hold NAME: puts known values into everything that a program can see of a
 * thread, and looks at them again and again for a while.
 *
 * void regs_hold_NAME(struct held *h): vector registers, k, x87, mxcsr and the x87 control word are
 * loaded from h, and stored to h->out at the end for the caller to compare. Integer registers,
 * status flags (and the direction flag) and the red zone get values made from the seed and are
 * compared in each of the turns; ud2 when one has changed. The direction flag is set meanwhile.
 */
#include "preempt_regs.h"

#define FLAGS_MASK 0xcd5 /* CF PF AF ZF SF DF OF */

	.macro EACH_INT op
	\op rax, 0
	\op rbx, 1
	\op rcx, 2
	\op rdx, 3
	\op rsi, 4
	\op rdi, 5
	\op rbp, 6
	\op r8, 7
	\op r9, 8
	\op r10, 9
	\op r11, 10
	\op r12, 11
	\op r13, 12
	\op r14, 13
	\op r15, 14
	.endm

	.macro EACH16 op base
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	\op \n, \base
	.endr
	.endm

	.macro LOAD_XMM n base
	movdqu HELD_VEC + 64 * \n(%rdi), %xmm\n
	.endm
	.macro LOAD_YMM n base
	vmovdqu HELD_VEC + 64 * \n(%rdi), %ymm\n
	.endm
	.macro STORE_XMM n base
	movdqu %xmm\n, HELD_OUT + HELD_VEC + 64 * \n(%rdi)
	.endm
	.macro STORE_YMM n base
	vmovdqu %ymm\n, HELD_OUT + HELD_VEC + 64 * \n(%rdi)
	.endm
	.macro LOAD_ZMM n base
	vmovdqu64 HELD_VEC + 64 * \n(%rdi), %zmm\n
	.endm
	.macro STORE_ZMM n base
	vmovdqu64 %zmm\n, HELD_OUT + HELD_VEC + 64 * \n(%rdi)
	.endm

	.macro LOAD_AVX512
	EACH16 LOAD_ZMM 0
	.irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	LOAD_ZMM \n, 0
	.endr
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	kmovw HELD_K + 8 * \n(%rdi), %k\n
	.endr
	.endm

	.macro STORE_AVX512
	EACH16 STORE_ZMM 0
	.irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	STORE_ZMM \n, 0
	.endr
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	kmovw %k\n, HELD_OUT + HELD_K + 8 * \n(%rdi)
	.endr
	.endm

	.macro LOAD_VECTORS
	cmpl $1, HELD_LEVEL(%rdi)
	jb 10f
	je 11f
	LOAD_AVX512
	jmp 12f
11:	EACH16 LOAD_YMM 0
	jmp 12f
10:	EACH16 LOAD_XMM 0
12:
	.endm

	.macro STORE_VECTORS
	cmpl $1, HELD_LEVEL(%rdi)
	jb 10f
	je 11f
	STORE_AVX512
	jmp 12f
11:	EACH16 STORE_YMM 0
12:	vzeroupper
	jmp 13f
10:	EACH16 STORE_XMM 0
13:
	.endm

	.macro LOAD_FPU
	fninit
	fldcw HELD_FPUCW(%rdi)
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	fldl HELD_X87 + 8 * \n(%rdi)
	.endr
	ldmxcsr HELD_MXCSR(%rdi)
	.endm

	.macro STORE_FPU
	stmxcsr HELD_OUT + HELD_MXCSR(%rdi)
	fnstcw HELD_OUT + HELD_FPUCW(%rdi)
	.irp n, 7, 6, 5, 4, 3, 2, 1, 0
	fstpl HELD_OUT + HELD_X87 + 8 * \n(%rdi)
	.endr
	fninit
	ldmxcsr default_mxcsr(%rip)
	.endm

	.macro LOAD_INT reg n
	movabs $SEED * (2 * \n + 3), %\reg
	.endm
	.macro CHECK_INT_a reg n
	cmp ints_a + 8 * \n(%rip), %\reg
	jne 99f
	.endm
	.macro CHECK_INT_b reg n
	cmp ints_b + 8 * \n(%rip), %\reg
	jne 99f
	.endm

	.set FLAGS_a, 0x4d1 /* CF AF ZF SF DF */
	.set FLAGS_b, 0xc04 /* PF DF OF */

	.macro HOLD name seed
	.set SEED, \seed
	.text
	.globl regs_hold_\name
	.type regs_hold_\name, @function
	.p2align 4
regs_hold_\name:
	.cfi_startproc
	.irp reg, rbp, rbx, r12, r13, r14, r15, rdi
	push %\reg
	.cfi_adjust_cfa_offset 8
	.endr
	pushq $HELD_TURNS
	.cfi_adjust_cfa_offset 8
	LOAD_VECTORS
	LOAD_FPU
	EACH_INT LOAD_INT
	.irp n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
	movq $(SEED & 0x3fffffff) + \n, -8 * \n(%rsp)
	.endr
	/* One turn: flags by way of the first word of the red zone, then nothing for a while. */
1:	pushq $FLAGS_\name
	.cfi_adjust_cfa_offset 8
	popfq
	.cfi_adjust_cfa_offset -8
	movq $(SEED & 0x3fffffff) + 1, -8(%rsp)
	.rept 12
	nopw 0(%rax, %rax)
	pause
	.endr
	lea -128(%rsp), %rsp
	.cfi_adjust_cfa_offset 128
	pushfq
	.cfi_adjust_cfa_offset 8
	andq $FLAGS_MASK, (%rsp)
	cmpq $FLAGS_\name, (%rsp)
	jne 99f
	EACH_INT CHECK_INT_\name
	.irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
	cmpq $(SEED & 0x3fffffff) + \n, 136 - 8 * \n(%rsp)
	jne 99f
	.endr
	lea 136(%rsp), %rsp
	.cfi_adjust_cfa_offset -136
	decq (%rsp)
	jnz 1b
	cld
	pop %rdi
	.cfi_adjust_cfa_offset -8
	pop %rdi
	.cfi_adjust_cfa_offset -8
	STORE_FPU
	STORE_VECTORS
	.irp reg, r15, r14, r13, r12, rbx, rbp
	pop %\reg
	.cfi_adjust_cfa_offset -8
	.endr
	ret
99:	ud2
	.cfi_endproc
	.size regs_hold_\name, .-regs_hold_\name

	.section .rodata
	.p2align 3
ints_\name:
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
	.quad \seed * (2 * \n + 3)
	.endr
	.endm

	HOLD a 0x0123456789abcdef
	HOLD b 0x3ca9f1724e5b6d80

	.section .rodata
	.p2align 2
default_mxcsr:
	.long 0x1f80

	.section .note.GNU-stack, "", @progbits
