/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syscall.h - system calls without libc's errno.
 *
 * __errno_location() is declared const: a compiler may compute it before a switch and store through
 * it after, when the goroutine runs on another thread. So the scheduler never touches errno.
 */
#ifndef GORT_BASE_SYSCALL_H
#define GORT_BASE_SYSCALL_H

#include <linux/membarrier.h>
#include <sys/syscall.h>

/* Returns the result or a negative errno. */
static inline long rawsyscall6(long nr, long a, long b, long c, long d, long e, long f)
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

static inline long rawsyscall(long nr, long a, long b, long c, long d)
{
	return rawsyscall6(nr, a, b, c, d, 0, 0);
}

/*
 * A full memory barrier on every CPU that runs a thread of this process, for the slow side of a
 * pair whose fast side has none. runqinit registers it.
 */
static inline void membarrier_all(void)
{
	rawsyscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0, 0);
}

#endif
