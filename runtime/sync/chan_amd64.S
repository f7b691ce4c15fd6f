/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chan_amd64.S - the ends of a send and a receive that wait: switch, and return to the program.
 *
 * A function of C that switches returns by `ret`, which the CPU predicts to go where the goroutine
 * that was left would have returned to: mispredicted each time. These jump to the return address.
 * That is what a wait for a channel costs: 14 ns in place of 24.
 *
 * A frame: return address, rbp, the struct g, errno, and then the switch frame of asm_amd64.S, with
 * all its registers. rbp points at the saved one, so that tracebacks work without tables too. After
 * the switch the registers are below the stack pointer, but within the red zone.
 */
#include "sync/chanpark.h"

	.text

	.macro BEGIN name
	.globl \name
	.hidden \name
	.type \name, @function
	.p2align 4
\name:
	.cfi_startproc
	push %rbp
	.cfi_def_cfa_offset 16
	.cfi_offset rbp, -16
	mov %rsp, %rbp
	.cfi_def_cfa_register rbp
	push %rdi
	mov errnooffset(%rip), %rax
	mov %fs:(%rax), %eax
	push %rax
	lea .Lresumed_\name(%rip), %rcx
	push %rcx
	push %rbp
	push %rbx
	.cfi_offset rbx, -56
	push %r12
	.cfi_offset r12, -64
	push %r13
	.cfi_offset r13, -72
	push %r14
	.cfi_offset r14, -80
	push %r15
	.cfi_offset r15, -88
	mov %rsp, %rax
	mov (%rsi), %rsp
	movq $0, (%rsi)
	mov %rax, (%rdi)
	add $40, %rsp
	pop %rbp
	pop %rcx
	jmp *%rcx
.Lresumed_\name:
	mov -40(%rbp), %rbx
	mov -48(%rbp), %r12
	mov -56(%rbp), %r13
	mov -64(%rbp), %r14
	mov -72(%rbp), %r15
	mov -16(%rbp), %edx
	mov errnooffset(%rip), %rax
	mov %edx, %fs:(%rax)
	mov -8(%rbp), %rdi
	mov %rbp, %rsp
	pop %rbp
	.cfi_def_cfa rsp, 8
	.cfi_restore rbp
	.cfi_restore rbx
	.cfi_restore r12
	.cfi_restore r13
	.cfi_restore r14
	.cfi_restore r15
	.endm

	.macro END name
	pop %rcx
	.cfi_def_cfa_offset 0
	.cfi_register rip, rcx
	jmp *%rcx
	.cfi_endproc
	.size \name, .-\name
	.endm

	BEGIN gort_chan_send_park
	cmpb $0, G_SUDOG_SUCCESS(%rdi)
	je chansent
	END gort_chan_send_park

	BEGIN gort_chan_recv_park
	mov G_SUDOG_ELEM(%rdi), %rdx
	mov G_SUDOG_VAL(%rdi), %rcx
	movzbl G_SUDOG_SUCCESS(%rdi), %eax
	mov %ecx, (%rdx)
	cmpl $4, G_SUDOG_SIZE(%rdi)
	je .Lcopied
	mov %rcx, (%rdx)
.Lcopied:
	END gort_chan_recv_park

	.section .note.GNU-stack, "", @progbits
