/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_heap.h - libgort's heap for fuzz targets: see fuzz_heap.c. */
#ifndef FUZZ_HEAP_H
#define FUZZ_HEAP_H

/* Frees all that was allocated. */
void fuzz_heap_reset(void);

#endif
