/* SPDX-License-Identifier: BSD-2-Clause */
/* mforeign.h - memory of the program that is neither the collector's nor a root by itself. */
#ifndef GORT_MEM_MFOREIGN_H
#define GORT_MEM_MFOREIGN_H

#include <stddef.h>
#include <stdint.h>

/* The mapping is libgort's own; it is no more. */
void foreignnot(const void *p, size_t size);
void foreignagain(const void *p);

/* words: a copy of the n words at that address. */
typedef void foreignfn(uintptr_t at, const uintptr_t *words, size_t n);
/* In a stop, by one thread: calls f for all of it, piece by piece. */
void foreigndo(foreignfn *f);

#endif
