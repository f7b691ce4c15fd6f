/* SPDX-License-Identifier: BSD-2-Clause */
/* chain.c - compiled without frame pointers, so that only CFI finds the callers. */
#include "chain.h"

#define KEEP __asm__ volatile("" ::: "memory")

__attribute__((noinline)) uintptr_t chain_plain(uintptr_t n)
{
	volatile char room[200];
	room[n % sizeof room] = 1;
	bottom();
	KEEP;
	return n + (uintptr_t)room[n % sizeof room];
}

__attribute__((noinline)) uintptr_t chain_saves_registers(uintptr_t n)
{
	uintptr_t a = n * 3, b = n * 5, c = n * 7, d = n * 11, e = n * 13;
	__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
	uintptr_t r = chain_plain(n);
	__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
	return r + a + b + c + d + e;
}

__attribute__((noinline)) uintptr_t chain_realigned(uintptr_t n)
{
	_Alignas(64) volatile char room[256];
	volatile char more[n % 64 + 1]; /* with it gcc realigns through r10 and an expression */
	room[n % sizeof room] = more[0] = 1;
	uintptr_t r = chain_saves_registers(n);
	KEEP;
	return r + (uintptr_t)room[n % sizeof room] + (uintptr_t)more[0];
}

__attribute__((noinline)) uintptr_t chain_recursive(uintptr_t n)
{
	if (n == 0)
		bottom();
	else
		chain_recursive(n - 1);
	KEEP;
	return n;
}
