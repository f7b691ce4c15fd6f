/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * builtins.h - private copies of the string functions that a compiler calls on its own.
 *
 * libgort-race.so exports memcpy and its kin to see the program's calls. A structure copy inside
 * the detector would bind to those exports and check itself, so every file of race/ includes this
 * first: in its object the compiler's calls resolve to the hidden race_ functions.
 */
#ifndef GORT_RACE_BUILTINS_H
#define GORT_RACE_BUILTINS_H

#include <stddef.h>

__asm__("memcpy = race_memcpy");
__asm__("memmove = race_memmove");
__asm__("memset = race_memset");

void *race_memcpy(void *dst, const void *src, size_t n);
void *race_memmove(void *dst, const void *src, size_t n);
void *race_memset(void *dst, int c, size_t n);

#endif
