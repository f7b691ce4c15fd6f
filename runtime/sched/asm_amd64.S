/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asm_amd64.S - the switch between stacks (Go's asm_amd64.s gogo, mcall, goexit).
 *
 * The switch frame. While a goroutine is switched out, g.sched.sp points at seven words on its
 * stack:
 *
 *	sp +  0  r15, r14, r13, r12, rbx, written only by sync/chan_amd64.S: elsewhere the
 *	         function that switched has saved what it needs of them; a reader that takes them
 *	         for saved does no harm
 *	sp + 40  rbp
 *	sp + 48  pc: where the function that switched goes on
 *	sp + 56  stack pointer of that function then (SWITCH_FRAME_SIZE)
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

/* void gogo(struct gobuf *to): leaves this stack for good. */
FUNC gogo
	.cfi_undefined rip
	mov (%rdi), %rsp
	movq $0, (%rdi)
	add $40, %rsp
	.cfi_def_cfa rsp, 16
	.cfi_offset rip, -8
	.cfi_offset rbp, -16
	pop %rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbp
	pop %rcx
	.cfi_adjust_cfa_offset -8
	.cfi_register rip, rcx
	jmp *%rcx
ENDFUNC gogo

/* void gorestart(uintptr_t top): forgets what is on this stack and runs gomain at its top. */
FUNC gorestart
	.cfi_undefined rip
	mov %rdi, %rsp
	jmp goexit
ENDFUNC gorestart

/*
 * The outermost frame of every goroutine, at the top of its stack; the name is Go's. What the last
 * goroutine of this M had in registers that calls preserve would be saved on this stack as well,
 * and keep objects and hide leaks for as long as this one waits.
 */
FUNC goexit
	.cfi_undefined rip
	.cfi_undefined rbp
	xor %ebp, %ebp
	xor %ebx, %ebx
	xor %r12d, %r12d
	xor %r13d, %r13d
	xor %r14d, %r14d
	xor %r15d, %r15d
	call gomain
	ud2
ENDFUNC goexit

	.section .note.GNU-stack, "", @progbits
