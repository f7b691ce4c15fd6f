/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memfiles.h - files of a made-up procfs that are in memory: a file system, and the disk below it,
 * would take more for a new file with each input than all the readers do.
 */
#ifndef GORT_TESTS_FUZZ_MEMFILES_H
#define GORT_TESTS_FUZZ_MEMFILES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Makes an empty one at that path; what memfile_write wants. */
static inline int memfile_make(const char *path)
{
	char target[64];
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	snprintf(target, sizeof target, "/proc/self/fd/%d", fd);
	if (fd < 0 || symlink(target, path))
		abort();
	return fd;
}

/* It has these bytes and no others. */
static inline void memfile_write(int fd, const uint8_t *data, size_t size)
{
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
}

#endif
