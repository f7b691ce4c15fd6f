/* SPDX-License-Identifier: BSD-2-Clause */
/* task.h - what the kernel tells about a thread of this process. Async-signal-safe. */
#ifndef GORT_BASE_TASK_H
#define GORT_BASE_TASK_H

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/syscall.h"

/* As much of /proc/self/task/TID/NAME as text has room for; "" when the kernel tells nothing. */
static inline void readtask(int32_t tid, const char *name, char *text, size_t size)
{
	char path[64] = "/proc/self/task/", digits[12], *d = digits + sizeof(digits);
	*--d = '\0';
	for (int32_t id = tid; id > 0; id /= 10)
		*--d = (char)('0' + id % 10);
	strcat(strcat(strcat(path, d), "/"), name);
	long fd = rawsyscall(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0), len = 0;
	if (fd >= 0) {
		len = rawsyscall(SYS_read, fd, (long)text, (long)(size - 1), 0);
		rawsyscall(SYS_close, fd, 0, 0, 0);
	}
	text[len > 0 ? len : 0] = '\0';
}

#endif
