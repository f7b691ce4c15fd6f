/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preempt_amd64.S - asyncPreempt: the call that the preemption handler injects (Go's
 * preempt_amd64.s).
 *
 * The handler leaves the goroutine's 128 bytes of red zone alone, pushes the pc that it interrupted
 * below them and lets the goroutine continue here, as if that instruction had been a call. All that
 * the program can see is saved: flags, 15 integer registers, and by xsave every component that the
 * operating system enables (x87, mxcsr, xmm, ymm, zmm, k, pkru ...). `ret $128` takes the pc and
 * the red zone off together.
 *
 *	CFA          stack pointer of the interrupted code
 *	CFA - 136    its pc; 128 bytes of red zone above
 *	CFA - 144    flags
 *	CFA - 152    rbp, and rbp points here
 *	CFA - 160    rax rbx rcx rdx rsi rdi r8 ... r15, downwards
 *	             the save area, aligned to 64 bytes
 *
 * The frame is a signal frame to unwinders: the pc in it is no return address.
 */
#include "sched/preemptfp.h"

	.text

	.macro SAVE reg offset
	push %\reg
	.cfi_offset \reg, \offset
	.endm

	.globl asyncPreempt
	.hidden asyncPreempt
	.type asyncPreempt, @function
	.p2align 4
asyncPreempt:
	.cfi_startproc
	.cfi_signal_frame
	.cfi_def_cfa rsp, 136
	.cfi_offset rip, -136
	pushfq
	.cfi_adjust_cfa_offset 8
	push %rbp
	.cfi_adjust_cfa_offset 8
	.cfi_offset rbp, -152
	mov %rsp, %rbp
	.cfi_def_cfa_register rbp
	SAVE rax, -160
	SAVE rbx, -168
	SAVE rcx, -176
	SAVE rdx, -184
	SAVE rsi, -192
	SAVE rdi, -200
	SAVE r8, -208
	SAVE r9, -216
	SAVE r10, -224
	SAVE r11, -232
	SAVE r12, -240
	SAVE r13, -248
	SAVE r14, -256
	SAVE r15, -264
	cld
	sub preemptfp + PREEMPTFP_SIZE(%rip), %rsp
	and $-64, %rsp
	mov preemptfp + PREEMPTFP_MASK(%rip), %eax
	mov preemptfp + PREEMPTFP_MASK + 4(%rip), %edx
	cmpl $PREEMPTFP_XSAVE, preemptfp + PREEMPTFP_KIND(%rip)
	jb 1f
	/* The header must be zero where the instruction does not write it. */
	movq $0, 512(%rsp)
	movq $0, 520(%rsp)
	movq $0, 528(%rsp)
	movq $0, 536(%rsp)
	movq $0, 544(%rsp)
	movq $0, 552(%rsp)
	movq $0, 560(%rsp)
	movq $0, 568(%rsp)
	ja 2f
	xsave64 (%rsp)
	jmp 3f
1:	fxsave64 (%rsp)
	jmp 4f
2:	xsavec64 (%rsp)
3:	test $4, %al
	jz 4f
	vzeroupper /* the scheduler's SSE code would pay for a dirty upper half */
4:	call asyncpreempt2
	mov preemptfp + PREEMPTFP_MASK(%rip), %eax
	mov preemptfp + PREEMPTFP_MASK + 4(%rip), %edx
	cmpl $PREEMPTFP_XSAVE, preemptfp + PREEMPTFP_KIND(%rip)
	jb 5f
	xrstor64 (%rsp)
	jmp 6f
5:	fxrstor64 (%rsp)
6:	lea -112(%rbp), %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rbx
	pop %rax
	.cfi_restore rbx
	.cfi_restore r12
	.cfi_restore r13
	.cfi_restore r14
	.cfi_restore r15
	pop %rbp
	.cfi_def_cfa rsp, 144
	.cfi_restore rbp
	popfq
	.cfi_def_cfa_offset 136
	ret $128
	.cfi_endproc
	.size asyncPreempt, .-asyncPreempt

/* Where libgort stands in the order of the link; see text.c. Never called. */
	.section .text.zgort, "ax", @progbits
	.globl gort_textmark
	.hidden gort_textmark
	.type gort_textmark, @function
gort_textmark:
	ud2
	.size gort_textmark, .-gort_textmark

	.section .note.GNU-stack, "", @progbits
