/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memclr.c - the loops of memclr.h: 32 bytes at a time, lines of the cache as a whole.
 *
 * The first and the last 64 bytes are written wherever they lie, and what is between in whole
 * lines: so only the length of the loop is for the CPU to guess. The empty assembly keeps compilers
 * from calling memset and memcpy here.
 */
#include "mem/memclr.h"

#include <stdint.h>

#include "base/cpu.h"
#include "mem/mheap.h"

#define AVX2 __attribute__((target("avx2")))

typedef uint64_t wide __attribute__((vector_size(32), may_alias, aligned(1)));

bool memwide;

void memclrinit(void)
{
	memwide = cpuavx2();
}

AVX2 void memclrwide(char *p, size_t n)
{
	const wide zero = {0};
	char *last = p + n - LINE;
	*(wide *)p = zero;
	*(wide *)(p + n - 32) = zero;
	if (n <= LINE)
		return;
	*(wide *)(p + 32) = zero;
	*(wide *)last = zero;
	for (p = (char *)(((uintptr_t)p + LINE) & ~(uintptr_t)(LINE - 1)); p < last; p += LINE) {
		*(wide *)p = zero;
		*(wide *)(p + 32) = zero;
		__asm__ volatile("" : "+r"(p));
	}
}

AVX2 void memcopywide(char *p, const char *from, size_t n)
{
	char *last = p + n - LINE;
	ptrdiff_t away = from - p;
	*(wide *)p = *(const wide *)from;
	*(wide *)(p + n - 32) = *(const wide *)(from + n - 32);
	if (n <= LINE)
		return;
	*(wide *)(p + 32) = *(const wide *)(from + 32);
	*(wide *)last = *(const wide *)(last + away);
	for (p = (char *)(((uintptr_t)p + LINE) & ~(uintptr_t)(LINE - 1)); p < last; p += LINE) {
		wide a = *(const wide *)(p + away), b = *(const wide *)(p + away + 32);
		*(wide *)p = a;
		*(wide *)(p + 32) = b;
		__asm__ volatile("" : "+r"(p));
	}
}
