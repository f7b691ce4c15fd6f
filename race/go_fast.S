/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * go_fast.S - what go_patch.c puts in the place of runtime.raceread, racewrite, racefuncenter and
 * racefuncexit of a Go program.
 *
 * Go's own versions check the address and switch to the stack of g0, which costs more than the
 * detector does. These take the hits of access.h and the push and pop of thread.h on the
 * goroutine's stack, without touching it, and leave the rest to Go's.
 *
 * Go's internal ABI: the argument in rax, r14 is g and xmm15 zero, rbp and rsp are kept, all else
 * may be changed; racefuncenter also keeps rdx. A hit needs no check of the address: only what was
 * recorded hits. The goroutine cannot be preempted here, since the pc is in no Go function.
 *
 * Offsets are of struct thread, struct frame and struct record; go_patch.c asserts them.
 */
#define T_TAG  0
#define T_SP   8
#define T_LIM  16
#define T_BASE 24

	.bss
	.balign 8
	.hidden	go_fast_racectx, go_fast_calladdr, go_fast_enter
	.globl	go_fast_racectx, go_fast_calladdr, go_fast_enter
go_fast_racectx:	.quad 0		/* where g has the goroutine's context */
go_fast_calladdr:	.quad 0		/* racecalladdr: rax function, rsi address, rdx pc */
go_fast_enter:		.quad 0		/* racefuncenter: r11 pc */

	.text
	.macro	entry name
	.balign 32
	.globl	\name
	.hidden	\name
	.type	\name, @function
\name:
	.cfi_startproc
	mov	go_fast_racectx(%rip), %rdi
	mov	(%r14, %rdi), %rdi
	.endm

	.macro	done name
	.cfi_endproc
	.size	\name, . - \name
	.endm

/* rcx = the cell of rax, r8 = its byte in the word, rsi = the tag of the goroutine */
	.macro	find_cell
	movabs	$0xffffffffff8, %rcx
	and	%rax, %rcx
	movabs	$0x100000000000, %r9
	lea	(%r9, %rcx, 2), %rcx
	mov	%eax, %r8d
	and	$7, %r8d
	mov	T_TAG(%rdi), %rsi
	.endm

/* Goes on to a miss unless r9, a slot xor the tag, differs in bytes other than r8's only. */
	.macro	unless_hit miss
	cmp	$0x100, %r9
	jae	\miss
	bt	%r8d, %r9d
	jc	\miss
	.endm

	.macro	leave_to function
	mov	%rax, %rsi
	mov	(%rsp), %rdx
	lea	\function(%rip), %rax
	jmp	*go_fast_calladdr(%rip)
	.endm

entry go_fast_read
	find_cell
	mov	8(%rcx), %r9
	xor	%rsi, %r9
	xor	$0x100, %r9
	unless_hit 1f
	ret
1:	mov	(%rcx), %r9
	xor	%rsi, %r9
	and	$~0x100, %r9
	unless_hit 2f
	ret
/*
 * record_hit() of record.h, for as many entries as the smallest record has. r9 is the w of the cell
 * and the record's index in its upper half; a stale r9 only misses.
 */
2:	mov	(%rcx), %r9
	test	$0x400, %r9d
	jz	4f
	test	$0xa00, %r9d
	jnz	4f
	mov	%r9, %r10
	shr	$32, %r10
	jz	4f
	shl	$6, %r10
	add	record_base(%rip), %r10
	mov	(%r10), %r11d
	cmp	$4, %r11d
	ja	4f
3:	sub	$1, %r11d
	js	4f
	mov	16(%r10, %r11, 8), %rdx
	xor	%rsi, %rdx
	and	$~0x100, %rdx
	cmp	$0x100, %rdx
	jae	3b
	bt	%r8d, %edx
	jc	3b
	cmp	%r9, (%rcx)
	jne	4f
	ret
4:	leave_to __tsan_read
done go_fast_read

entry go_fast_write
	find_cell
	mov	(%rcx), %r9
	xor	%rsi, %r9
	unless_hit 1f
	ret
1:	leave_to __tsan_write
done go_fast_write

entry go_fast_func_enter
	mov	T_SP(%rdi), %rsi
	cmp	T_LIM(%rdi), %rsi
	je	1f
	movabs	$0x9e3779b97f4a7c15, %rcx
	mov	8(%rsi), %r8
	add	%rax, %r8
	imul	%rcx, %r8
	mov	%rax, 16(%rsi)
	mov	%r8, 24(%rsi)
	add	$16, %rsi
	mov	%rsi, T_SP(%rdi)
	ret
1:	mov	%rax, %r11
	jmp	*go_fast_enter(%rip)
done go_fast_func_enter

entry go_fast_func_exit
	mov	T_SP(%rdi), %rsi
	cmp	T_BASE(%rdi), %rsi
	je	1f
	sub	$16, %rsi
	mov	%rsi, T_SP(%rdi)
1:	ret
done go_fast_func_exit

	.section .note.GNU-stack, "", @progbits
