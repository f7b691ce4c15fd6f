/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * protect_amd64.S - the frame that a panic returns to, and the frames that a fault begins in.
 *
 * gort_protect has its struct gprotect at the bottom of its frame, and above it the registers that
 * its caller relies on: to leave the frames below is to load the stack pointer and return. Nothing
 * returns twice: neither compilers nor the program need to know (no setjmp, no volatile).
 *
 * The way back from a panic ends in pop and jmp: the CPU's return stack holds the callers of the
 * frames that were left, and a ret would be predicted wrongly.
 */
#include "lang/recover.h"

	.text

	.macro POPALL
	add $GPROTECT_SIZE, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	.endm

/*
 * gort_error NAME(const struct gort_call *c): what c returns, kept by result, or the panic's value.
 */
	.macro PROTECT name, result
	.globl \name
	.type \name, @function
	.p2align 4
\name:
	.cfi_startproc
	push %rbp
	.cfi_adjust_cfa_offset 8
	.cfi_offset rbp, -16
	mov %rsp, %rbp
	.cfi_def_cfa_register rbp
	push %rbx
	.cfi_offset rbx, -24
	push %r12
	.cfi_offset r12, -32
	push %r13
	.cfi_offset r13, -40
	push %r14
	.cfi_offset r14, -48
	push %r15
	.cfi_offset r15, -56
	sub $GPROTECT_SIZE, %rsp
	mov %rdi, %rbx
	mov %rsp, %rdi
	call protectopen
	mov 16(%rbx), %rdi
	mov 24(%rbx), %rsi
	mov 32(%rbx), %rdx
	mov 40(%rbx), %rcx
	mov 48(%rbx), %r8
	mov 56(%rbx), %r9
	call *(%rbx)
	\result
	mov %rsp, %rdi
	call protectclose
	mov %rbx, %rax
	POPALL
	.cfi_def_cfa rsp, 8
	ret
	.cfi_endproc
	.size \name, .-\name
	.endm

	PROTECT gort_protect, "xor %ebx, %ebx"
	PROTECT gort_protect_error, "mov %rax, %rbx"

/* void protectjump(struct gprotect *pr, gort_error value) */
	.globl protectjump
	.hidden protectjump
	.type protectjump, @function
	.p2align 4
protectjump:
	.cfi_startproc
	.cfi_undefined rip
	mov %rdi, %rsp
	mov %rsi, %rax
	cld
	POPALL
	pop %rcx
	jmp *%rcx
	.cfi_endproc
	.size protectjump, .-protectjump

/*
 * The handler has pushed the pc of the fault 128 bytes below the stack pointer (preempt_amd64.S has
 * the picture), and nobody comes back. The pc in the frame is no return address: a signal frame.
 */
	.macro FAULT name, to
	.globl \name
	.hidden \name
	.type \name, @function
	.p2align 4
\name:
	.cfi_startproc
	.cfi_signal_frame
	.cfi_def_cfa rsp, 136
	.cfi_offset rip, -136
	push %rbp
	.cfi_adjust_cfa_offset 8
	.cfi_offset rbp, -144
	mov %rsp, %rbp
	.cfi_def_cfa_register rbp
	and $-16, %rsp
	cld
	call \to
	ud2
	.cfi_endproc
	.size \name, .-\name
	.endm

	FAULT faultnil, panicnil
	FAULT faultdivide, gort_panicdivide

	.section .note.GNU-stack, "", @progbits
