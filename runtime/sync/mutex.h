/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mutex.h - what locks are made of, for the debug table too; and what other locks share with
 * mutex.c: restartable unlocks. The protocol is there.
 */
#ifndef GORT_SYNC_MUTEX_H
#define GORT_SYNC_MUTEX_H

#include "sched/runtime2.h"

/* mutex.c */
struct muteximpl {
	union {
		struct {
			_Atomic uint32_t state;
			_Atomic uint32_t owner;
		};
		_Atomic uint64_t both;
	};
	uint32_t sema;
};

/* rwmutex.c */
struct rwimpl {
	gort_mutex w;
	uint32_t writersem; /* a writer waits for leaving readers */
	uint32_t readersem; /* readers wait for the writer */
	_Atomic int32_t readerCount;
	_Atomic int32_t readerWait;
};

/*
 * If a bit of held is set in *word, and shared is not: sets shared, by way of sharing, when no
 * restartable unlock is under way any more that could overwrite it. Look at the word again: such an
 * unlock may have been quicker. Who finds sharing set may only unlock, or wait here for its end.
 */
void makeshared(_Atomic uint32_t *word, uint32_t held, uint32_t sharing, uint32_t shared);

#endif
