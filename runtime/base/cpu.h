/* SPDX-License-Identifier: BSD-2-Clause */
/* cpu.h - what this CPU has beyond the x86-64 of 2003 (Go's internal/cpu). */
#ifndef GORT_BASE_CPU_H
#define GORT_BASE_CPU_H

#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>

/* The system saves extended registers of some kind, and xgetbv tells which. */
static inline bool cpuxsave(void)
{
	uint32_t a, b, c, d;
	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_OSXSAVE);
}

static inline uint64_t xgetbv(void)
{
	uint32_t lo, hi;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}

static inline bool cpuavx2(void)
{
	const uint64_t ymm = 6; /* the lower and the upper halves */
	uint32_t a, b, c, d;
	return cpuxsave() && (xgetbv() & ymm) == ymm && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
	       (b & bit_AVX2);
}

#endif
