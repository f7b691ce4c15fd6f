/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys.h - the system calls of the detector, made directly: libc's wrappers are cancellation points,
 * set errno, and some of them are functions this library interposes.
 */
#ifndef GORT_RACE_SYS_H
#define GORT_RACE_SYS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

/* Returns the result, or a negative errno. */
static inline long sys_call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;
	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#define SYS3(nr, a, b, c) sys_call((nr), (long)(a), (long)(b), (long)(c), 0, 0, 0)

static inline long sys_mmap(void *at, size_t n, int prot, int flags)
{
	return sys_call(SYS_mmap, (long)at, (long)n, prot, flags, -1, 0);
}

static inline long sys_write(int fd, const void *buf, size_t n)
{
	return SYS3(SYS_write, fd, buf, n);
}

static inline _Noreturn void sys_exit(int code)
{
	for (;;)
		SYS3(SYS_exit_group, code, 0, 0);
}

#endif
