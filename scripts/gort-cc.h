/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gort-cc.h - included before each source that gort-cc compiles. By these names compilers would put
 * copies inline, which have no barrier.
 */
#ifndef GORT_CC_H
#define GORT_CC_H

#ifdef __cplusplus
extern "C" {
#endif

void *gort_memcpy(void *dst, const void *src, __SIZE_TYPE__ n);
void *gort_memmove(void *dst, const void *src, __SIZE_TYPE__ n);
void *gort_memset(void *dst, int c, __SIZE_TYPE__ n);

#ifdef __cplusplus
}
#endif

#define __builtin_memcpy  gort_memcpy
#define __builtin_memmove gort_memmove
#define __builtin_memset  gort_memset

#endif
