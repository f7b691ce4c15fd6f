/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mutex_amd64.S - unlocking without an atomic operation: a restartable sequence (rseq(2)). mutex.c
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

/* void gort_mutex_unlockslow(gort_mutex *m): 1 to 0; in any other case mutexunlock(m). */
	.globl gort_mutex_unlockslow
	.type gort_mutex_unlockslow, @function
	.p2align 4
gort_mutex_unlockslow:
	.cfi_startproc
	movq rseqcs@gottpoff(%rip), %rax
	movq %fs:(%rax), %rax
	testq %rax, %rax
	je mutexunlock
	leaq descriptor(%rip), %rdx
.Lbegin:
	cmpq %rdx, (%rax)
	jne .Lset
	cmpl $1, (%rdi)
	jne mutexunlock
	movl $0, (%rdi)
.Lend:
	ret
	/* What precedes the place of restart is a ud1 whose displacement is the signature. */
	.byte 0x0f, 0xb9, 0x3d
	.long 0x53053053
.Lset:
	movq %rdx, (%rax)
	jmp .Lbegin
	.cfi_endproc
	.size gort_mutex_unlockslow, .-gort_mutex_unlockslow

	.section .data.rel.ro.local, "aw"
	.balign 32
descriptor:
	.long 0, 0
	.quad .Lbegin, .Lend - .Lbegin, .Lset

	.section .note.GNU-stack, "", @progbits
