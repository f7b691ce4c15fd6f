/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * telling.h - how threads of a test program wait for each other without being ordered in the
 * detector's eyes: by system calls that it is not told of.
 */
#ifndef GORT_TESTS_TELLING_H
#define GORT_TESTS_TELLING_H

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int told[2];

/* Before all else; 0 or -1. */
static inline int telling_begins(void)
{
	return (int)syscall(SYS_pipe2, told, 0);
}

static inline void tell(void)
{
	if (syscall(SYS_write, told[1], "x", 1) != 1)
		abort();
}

static inline void wait_told(void)
{
	char byte;
	if (syscall(SYS_read, told[0], &byte, 1) != 1)
		abort();
}

#endif
