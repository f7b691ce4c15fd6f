/* SPDX-License-Identifier: BSD-2-Clause */
/* highfd.h - descriptors that libgort keeps. */
#ifndef GORT_BASE_HIGHFD_H
#define GORT_BASE_HIGHFD_H

#include <fcntl.h>

#include "base/syscall.h"

#define HIGHFD 512

/* Moves fd away from the numbers that a program, or its shell, counts on, where there is room. */
static inline long highfd(long fd)
{
	long moved = fd < 0 ? -1 : rawsyscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, HIGHFD, 0);
	if (moved >= 0)
		rawsyscall(SYS_close, fd, 0, 0, 0);
	return moved >= 0 ? moved : fd;
}

#endif
