/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * errno.h - errno as the goroutine's own. Included by go.h; leave out with GORT_NO_ERRNO.
 *
 * libc declares the function behind errno to give the same address each time, so compilers keep
 * that address over a call in which the goroutine moves to another thread, and look at a stranger's
 * errno after. Here it is asked for at each use. libgort carries the value along: what a failing
 * call left is there until the goroutine itself makes another, whatever ran in between.
 */
#ifndef GORT_ERRNO_H
#define GORT_ERRNO_H

#include <errno.h>

#include "gort/gort.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the calling goroutine's or thread's errno is, until the goroutine next blocks. */
GORT_API int *gort_errno(void);

#ifdef __cplusplus
}
#endif

#undef errno
#define errno (*gort_errno())

#endif
