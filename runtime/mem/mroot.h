/* SPDX-License-Identifier: BSD-2-Clause */
/* mroot.h - memory that the program has registered as roots, and objects it has pinned. */
#ifndef GORT_MEM_MROOT_H
#define GORT_MEM_MROOT_H

#include <stddef.h>
#include <stdint.h>

#include "gort/abi.h"

/*
 * Calls fn for each registered range, and for the place of each pin, a range of 8 bytes. The world
 * is stopped: all of them are roots of the first pause.
 */
void rootsdo(void (*fn)(const void *p, size_t n));
/* The same, for readers outside. */
extern const struct gort_abi_registered rootslist;

#endif
