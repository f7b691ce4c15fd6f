/* SPDX-License-Identifier: BSD-2-Clause */
/* context.h - what the collector and tests ask of context.c. */
#ifndef GORT_SYNC_CONTEXT_H
#define GORT_SYNC_CONTEXT_H

#include <stdint.h>

/* Contexts and arrangements of gort_ctx_after_func that have not been freed. */
int64_t ctxlive(void);
/* In a stop: calls f for the first free context of each P, which leads to the others. */
void ctxroots(void (*f)(uintptr_t p));

#endif
