/* SPDX-License-Identifier: BSD-2-Clause */
/* malloc.h - memory of the program's objects, and of the runtime itself. */
#ifndef GORT_MEM_MALLOC_H
#define GORT_MEM_MALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Zeroed memory for the program, owned by the collector; 16-byte aligned when size is a multiple
 * of 16, else 8-byte aligned. Any word of it may be a pointer. Never NULL: out of memory is fatal,
 * as in Go. May be called with or without a P, with no lock of rank nop or higher held. Never
 * switches, so what the caller knows of its P stays true.
 */
void *mallocgc(size_t size);
/* The same for an object without pointers; smaller ones than 16 bytes are aligned as they need. */
void *mallocgc_noscan(size_t size);
/* What mallocdirty (mallocfast.h) does when it has no slot at hand. */
void *mallocdirtyslow(size_t size, unsigned sizeclass);

/*
 * How many objects, of how many bytes, Ps have ever allocated. Exact for those of goroutines that
 * do not run meanwhile; threads without a P are not counted.
 */
void memcounts(uint64_t *objects, uint64_t *bytes);

/* Zeroed pages of the runtime's own; throws when there are none. */
void *sysalloc(size_t size);
void sysfree(void *p, size_t size);
/*
 * Address space of about wish bytes, a multiple of unit, not yet readable; less when the system
 * does not grant it, and under RLIMIT_AS at most a share'th of that. Ends the program when there is
 * none.
 */
void *sysreserve(size_t wish, size_t unit, unsigned share, size_t *got);
/* Opens reserved pages, which are zero. False when the system refuses. */
bool sysmap(void *p, size_t size);
/* Zeroed pages at that address, if nothing is there; else false, with errno. */
bool sysmapat(uintptr_t at, size_t size);
/* Zeroed runtime memory that is never given back, aligned to 128 bytes. */
void *persistentalloc(size_t size);
/* How much memory small blocks of persistentalloc have taken; large ones are mostly untouched. */
uint64_t runtimememory(void);

#endif
