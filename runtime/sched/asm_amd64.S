/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asm_amd64.S - the switch between stacks (Go's asm_amd64.s gogo, mcall, goexit).
 *
 * The switch frame. While a goroutine is switched out, g.sched.sp points at seven words on its
 * stack:
 *
 *	sp +  0  r15
 *	sp +  8  r14
 *	sp + 16  r13
 *	sp + 24  r12
 *	sp + 32  rbx
 *	sp + 40  rbp
 *	sp + 48  pc: return address into the function that called the switch
 *	sp + 56  stack pointer of that function after the return (SWITCH_FRAME_SIZE)
 *
 * The offsets are constants of asm.h too; runtime/debug publishes them. The floating-point control
 * words are not saved: they belong to the OS thread, as in Go.
 *
 * g.sched.sp is also the hand-over between Ms (runtime2.h, invariant 2). The order is: save on
 * the old stack, load the new sp, clear its gobuf (it has the CPU now), and only then store the
 * old gobuf. On amd64 stores are seen in order, so that one plain store is the release: whoever
 * sees it non-zero sees the saved registers, and this M no longer touches the old stack. The
 * clear cannot race: only the M that took the goroutine off its queue gets here.
 *
 * The resume is pop and jmp, not ret: the return-stack predictor holds the other goroutine's
 * callers and would be wrong at each switch.
 */
	.text

	.macro SAVE_REGS
	push %rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	push %rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbx, 0
	push %r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r12, 0
	push %r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r13, 0
	push %r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r14, 0
	push %r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r15, 0
	.endm

	.macro RESTORE_REGS_AND_RETURN
	pop %r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore r15
	pop %r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore r14
	pop %r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore r13
	pop %r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore r12
	pop %rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbx
	pop %rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbp
	pop %rcx
	.cfi_adjust_cfa_offset -8
	.cfi_register rip, rcx
	jmp *%rcx
	.endm

	.macro FUNC name
	.globl \name
	.hidden \name
	.type \name, @function
	.p2align 4
\name:
	.cfi_startproc
	.endm

	.macro ENDFUNC name
	.cfi_endproc
	.size \name, .-\name
	.endm

/* void goswitch(struct gobuf *from, struct gobuf *to): returns when somebody switches to from. */
FUNC goswitch
	SAVE_REGS
	mov %rsp, %rax
	mov (%rsi), %rsp
	movq $0, (%rsi)
	mov %rax, (%rdi)
	RESTORE_REGS_AND_RETURN
ENDFUNC goswitch

/* void gostart(struct gobuf *from, uintptr_t top): the same, to an empty stack that ends at top. */
FUNC gostart
	SAVE_REGS
	mov %rsp, %rax
	mov %rsi, %rsp
	mov %rax, (%rdi)
	jmp goexit
ENDFUNC gostart

/* void gogo(struct gobuf *to): leaves this stack for good. */
FUNC gogo
	.cfi_undefined rip
	mov (%rdi), %rsp
	movq $0, (%rdi)
	.cfi_def_cfa rsp, 56
	.cfi_offset rip, -8
	.cfi_offset rbp, -16
	.cfi_offset rbx, -24
	.cfi_offset r12, -32
	.cfi_offset r13, -40
	.cfi_offset r14, -48
	.cfi_offset r15, -56
	RESTORE_REGS_AND_RETURN
ENDFUNC gogo

/* void gorestart(uintptr_t top): forgets what is on this stack and runs gomain at its top. */
FUNC gorestart
	.cfi_undefined rip
	mov %rdi, %rsp
	jmp goexit
ENDFUNC gorestart

/* The outermost frame of every goroutine, at the top of its stack; the name is Go's. */
FUNC goexit
	.cfi_undefined rip
	.cfi_undefined rbp
	xor %ebp, %ebp
	call gomain
	ud2
ENDFUNC goexit

	.section .note.GNU-stack, "", @progbits
