/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mutex_amd64.S - unlocking without an atomic operation: restartable sequences (rseq(2)). mutex.c
 * has the protocol.
 *
 * The thread's rseq_cs stays set after the sequence. Whenever the kernel takes the CPU from a
 * thread it clears the field if the pc is not in the sequence, and restarts the sequence if it is.
 * So the field is looked at within it: as long as it names this sequence, it is guarded.
 * That saves two stores a time, which a locked instruction that follows would have to wait for:
 * half the price of the pair of lock and unlock.
 *
 * Rejected: the sequence inlined into the program. Its descriptor could go away with a library,
 * so that the field would have to be cleared each time.
 */
	.text

	/* void NAME(object): the word at WORD(object) from 1 to 0; else OTHERWISE(object). */
	.macro UNLOCK name, word, store, otherwise
	.globl \name
	.type \name, @function
	.p2align 4
\name:
	.cfi_startproc
	movq rseqcs@gottpoff(%rip), %rax
	movq %fs:(%rax), %rax
	testq %rax, %rax
	je \otherwise
	leaq descriptor_\name(%rip), %rdx
.Lbegin_\name:
	cmpq %rdx, (%rax)
	jne .Lset_\name
	cmpl $1, \word(%rdi)
	jne \otherwise
	\store $0, \word(%rdi)
.Lend_\name:
	ret
	/* What precedes the place of restart is a ud1 whose displacement is the signature. */
	.byte 0x0f, 0xb9, 0x3d
	.long 0x53053053
.Lset_\name:
	movq %rdx, (%rax)
	jmp .Lbegin_\name
	.cfi_endproc
	.size \name, .-\name

	.pushsection .data.rel.ro.local, "aw"
	.balign 32
descriptor_\name:
	.long 0, 0
	.quad .Lbegin_\name, .Lend_\name - .Lbegin_\name, .Lset_\name
	.popsection
	.endm

	UNLOCK gort_mutex_unlockslow, 0, movq, mutexunlock
	UNLOCK gort_rwmutex_runlockalone, 24, movl, rwmutexrunlock

	.section .note.GNU-stack, "", @progbits
