/* SPDX-License-Identifier: BSD-2-Clause */
/* malloc.h - memory of the program's objects, and of the runtime itself. */
#ifndef GORT_MEM_MALLOC_H
#define GORT_MEM_MALLOC_H

#include <stddef.h>

/*
 * Zeroed memory for the program, 16-byte aligned, owned by the collector. Never NULL: out of
 * memory is fatal, as in Go. May be called with or without a P, with no lock of rank mheap or
 * higher held.
 */
void *mallocgc(size_t size);

/* Zeroed pages of the runtime's own; throws when there are none. */
void *sysalloc(size_t size);
void sysfree(void *p, size_t size);
/* Zeroed runtime memory that is never given back, aligned to 128 bytes. */
void *persistentalloc(size_t size);

#endif
