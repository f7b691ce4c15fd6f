/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys.h - the system calls of the detector, made directly: libc's wrappers are cancellation points,
 * set errno, and some of them are functions this library interposes.
 */
#ifndef GORT_RACE_SYS_H
#define GORT_RACE_SYS_H

#include <stddef.h>
#include <stdint.h>
#include "base/syscall.h"

#define SYS3(nr, a, b, c) rawsyscall((nr), (long)(a), (long)(b), (long)(c), 0)

static inline long sys_mmap(void *at, size_t n, int prot, int flags)
{
	return rawsyscall6(SYS_mmap, (long)at, (long)n, prot, flags, -1, 0);
}

static inline int32_t sys_gettid(void)
{
	return (int32_t)SYS3(SYS_gettid, 0, 0, 0);
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
