/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * near.S - the hits of access.h, and the push and pop of thread.h, for near.c to copy to where
 * the program can call them directly. What is no hit goes on to tsan_abi.c.
 *
 * Position independent with its data, which near.c fills in; called as C functions. rdi is the
 * address, in near_entry the pc. Offsets are of struct thread and struct frame; near.c asserts
 * them.
 *
 * The thread pointer's offset of `me` is loaded for each call: with a constant offset in the
 * instruction the processor does not forward what a push stored to the next pop.
 */
#define T_TAG  0
#define T_SP   8
#define T_LIM  16
#define T_BASE 24

	.text
	.balign 64
	.macro	hidden name
	.globl	\name
	.hidden	\name
\name:
	.endm

hidden near_begin
hidden near_me
	.quad	0
hidden near_slow_read
	.quad	0
hidden near_slow_write
	.quad	0
hidden near_slow_entry
	.quad	0
window:	.quad	0xffffffffff8
half:	.quad	0x80000000000		/* half of SHADOW_CELLS */

	.macro	function name
	.balign 32
	.globl	\name
	.hidden	\name
	.type	\name, @function
\name:
	.cfi_startproc
	.endm

	.macro	done name
	.cfi_endproc
	.size	\name, . - \name
	.endm

/* 2 * rax = the cell, rdx = the tag, rsi = w xor tag */
	.macro	look size
	.if	\size > 1
	test	$\size - 1, %dil
	jnz	9f
	.endif
	mov	near_me(%rip), %rdx
	mov	%rdi, %rax
	and	window(%rip), %rax
	add	half(%rip), %rax
	mov	%fs:T_TAG(%rdx), %rdx
	mov	(%rax, %rax), %rsi
	xor	%rdx, %rsi
	.endm

/* rsi, a slot xor the tag, differs in bytes other than the accessed ones only: returns. */
	.macro	return_if_part size, otherwise
	cmp	$0x100, %rsi
	jae	\otherwise
	mov	%edi, %ecx
	and	$7, %ecx
	shr	%cl, %esi
	test	$(1 << \size) - 1, %sil
	jnz	\otherwise
	ret
	.endm

	.macro	leave_to slow, size
9:	mov	$\size, %esi
	mov	(%rsp), %rdx
	jmp	*\slow(%rip)
	.endm

	.macro	read size
function near_read\size
	look	\size
	and	$~0x100, %rsi
	jnz	1f
	ret
1:	.if	\size < 8
	return_if_part \size, 2f
	.endif
2:	mov	8(%rax, %rax), %rsi
	xor	$0x100, %rdx
	xor	%rdx, %rsi
	jnz	3f
	ret
3:	.if	\size < 8
	return_if_part \size, 9f
	.endif
	leave_to near_slow_read, \size
done near_read\size
	.endm

	.macro	write size
function near_write\size
	look	\size
	jnz	1f
	ret
1:	.if	\size < 8
	return_if_part \size, 9f
	.endif
	leave_to near_slow_write, \size
done near_write\size
	.endm

	.irp	size, 1, 2, 4, 8
	read	\size
	write	\size
	.endr

function near_entry
	mov	near_me(%rip), %rdx
	mov	%fs:T_SP(%rdx), %rax
	cmp	%fs:T_LIM(%rdx), %rax
	je	1f
	movabs	$0x9e3779b97f4a7c15, %rsi
	mov	8(%rax), %rcx
	mov	%rdi, 16(%rax)
	add	%rdi, %rcx
	imul	%rsi, %rcx
	mov	%rcx, 24(%rax)
	add	$16, %rax
	mov	%rax, %fs:T_SP(%rdx)
	ret
1:	jmp	*near_slow_entry(%rip)
done near_entry

function near_exit
	mov	near_me(%rip), %rdx
	mov	%fs:T_SP(%rdx), %rax
	cmp	%fs:T_BASE(%rdx), %rax
	je	1f
	sub	$16, %rax
	mov	%rax, %fs:T_SP(%rdx)
1:	ret
done near_exit
hidden near_end

	.section .note.GNU-stack, "", @progbits
