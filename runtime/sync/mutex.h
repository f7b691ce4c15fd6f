/* SPDX-License-Identifier: BSD-2-Clause */
/* mutex.h - what other locks share with mutex.c: restartable unlocks. The protocol is there. */
#ifndef GORT_SYNC_MUTEX_H
#define GORT_SYNC_MUTEX_H

#include "sched/runtime2.h"

/*
 * If a bit of held is set in *word, and shared is not: sets shared, by way of sharing, when no
 * restartable unlock is under way any more that could overwrite it. Look at the word again: such an
 * unlock may have been quicker. Who finds sharing set may only unlock, or wait here for its end.
 */
void makeshared(_Atomic uint32_t *word, uint32_t held, uint32_t sharing, uint32_t shared);

#endif
