/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock.h - the runtime's own mutex: a few instructions held, never over a switch.
 *
 * State: key 0 = free, 1 = held. unlock() is one plain store (a release, paired with lock()'s
 * acquire exchange) and is the last access to the object, so the next owner may free it.
 *
 * Rejected: a futex mutex as Go's lock_futex.go. Its unlock must learn whether somebody sleeps,
 * which costs a locked instruction in every channel operation. Critical sections here are shorter
 * than a futex call; a descheduled holder is waited for by yielding the processor, then by short
 * sleeps so that real-time threads cannot starve it.
 */
#ifndef GORT_BASE_LOCK_H
#define GORT_BASE_LOCK_H

#include <time.h>

#include "base/atomic.h"
#include "base/lockrank.h"
#include "base/syscall.h"

struct mutex {
	_Atomic uint32_t key;
	uint32_t rank; /* enum lockrank */
};

#ifdef GORT_LOCKRANK
void lockrank_acquire(struct mutex *l);
void lockrank_release(struct mutex *l);
#else
static inline void lockrank_acquire(struct mutex *l)
{
	(void)l;
}

static inline void lockrank_release(struct mutex *l)
{
	(void)l;
}
#endif

/* Waits a little longer each time: pauses, then yields, then sleeps. For loops that poll a word. */
static inline void osyield_backoff(unsigned round)
{
	if (round < 100) {
		procyield(1);
	} else if (round < 200) {
		rawsyscall(SYS_sched_yield, 0, 0, 0, 0);
	} else {
		struct timespec ts = {0, 20000};
		rawsyscall(SYS_nanosleep, (long)&ts, 0, 0, 0);
	}
}

static __attribute__((noinline, unused)) void lock_slow(struct mutex *l)
{
	for (unsigned i = 0;; i++) {
		if (load_rlx(&l->key) == 0 && xchg_acq(&l->key, 1) == 0)
			return;
		osyield_backoff(i);
	}
}

static inline void lockinit(struct mutex *l, enum lockrank rank)
{
	store_rlx(&l->key, 0);
	l->rank = rank;
}

static inline void lock(struct mutex *l)
{
	lockrank_acquire(l);
	if (unlikely(xchg_acq(&l->key, 1) != 0))
		lock_slow(l);
}

static inline bool trylock(struct mutex *l)
{
	if (load_rlx(&l->key) != 0 || xchg_acq(&l->key, 1) != 0)
		return false;
	lockrank_acquire(l);
	return true;
}

static inline void unlock(struct mutex *l)
{
	lockrank_release(l);
	store_rel(&l->key, 0);
}

#endif
