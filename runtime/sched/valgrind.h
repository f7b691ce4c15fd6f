/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * valgrind.h - tells valgrind where stacks are, so that it takes a switch between two of them for
 * that and not for a huge frame pushed or popped.
 *
 * A client request is five instructions that do nothing on a processor and that valgrind's
 * translator recognizes: four rotations by 128 bits together, then an exchange of rbx with itself;
 * rax points at the request and its arguments, rdx holds the answer of a bare processor. This is
 * valgrind's stable interface (valgrind.h, <valgrind/valgrind.h> there); written here, libgort
 * needs no header of valgrind, and the same binary runs under it and without.
 */
#ifndef GORT_SCHED_VALGRIND_H
#define GORT_SCHED_VALGRIND_H

#include <stdint.h>

#define VALGRIND_STACK_REGISTER 0x1501

static inline uint64_t valgrindrequest(uint64_t request, uint64_t a, uint64_t b)
{
	volatile uint64_t args[6] = {request, a, b};
	uint64_t answer = 0;
	__asm__ volatile("rolq $3, %%rdi; rolq $13, %%rdi\n\t"
			 "rolq $61, %%rdi; rolq $51, %%rdi\n\t"
			 "xchgq %%rbx, %%rbx"
			 : "+d"(answer)
			 : "a"(&args[0])
			 : "cc", "memory");
	return answer;
}

/* The stack [lo, hi); for ever, as our stacks are. */
static inline void valgrindstack(uintptr_t lo, uintptr_t hi)
{
	valgrindrequest(VALGRIND_STACK_REGISTER, lo, hi - 1);
}

#endif
