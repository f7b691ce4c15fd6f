/* SPDX-License-Identifier: BSD-2-Clause */
/* profile.h - see profile.c. */
#ifndef GORT_DEBUG_PROFILE_H
#define GORT_DEBUG_PROFILE_H

#include <stddef.h>

/* Writes a temporary file beside path and renames it: readers see all of it or nothing. */
int profile_write(const char *path, const unsigned char *data, size_t len);

#endif
