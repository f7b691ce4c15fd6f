/* SPDX-License-Identifier: BSD-2-Clause */
/* context.h - what tests ask of context.c. */
#ifndef GORT_SYNC_CONTEXT_H
#define GORT_SYNC_CONTEXT_H

#include "base/atomic.h"

/* Contexts and arrangements of gort_ctx_after_func that have not been freed. */
extern _Atomic int64_t ctxlive;

#endif
