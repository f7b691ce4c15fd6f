/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * futex.h - sleeping on a 32-bit word, and the one-shot note built on it (Go's os_linux.go
 * futexsleep and lock_futex.go note).
 */
#ifndef GORT_BASE_FUTEX_H
#define GORT_BASE_FUTEX_H

#include <linux/futex.h>
#include <time.h>

#include "base/atomic.h"
#include "base/syscall.h"

/*
 * Sleeps while *addr == val, at most ns nanoseconds (negative: no limit). May return early for no
 * reason.
 */
static inline void futexsleep(_Atomic uint32_t *addr, uint32_t val, int64_t ns)
{
	struct timespec ts = {ns / 1000000000, ns % 1000000000};
	rawsyscall(SYS_futex, (long)addr, FUTEX_WAIT_PRIVATE, val, ns < 0 ? 0 : (long)&ts);
}

static inline void futexwakeup(_Atomic uint32_t *addr, uint32_t count)
{
	rawsyscall(SYS_futex, (long)addr, FUTEX_WAKE_PRIVATE, count, 0);
}

/* A note: one sleeper, one waker. Cleared by the sleeper before anybody may wake it. */
struct note {
	_Atomic uint32_t key; /* 0 = not signalled, 1 = signalled */
};

static inline void noteclear(struct note *n)
{
	store_rlx(&n->key, 0);
}

/*
 * The release pairs with notesleep's acquire: what was written before is seen by the woken
 * thread.
 */
static inline void notewakeup(struct note *n)
{
	store_rel(&n->key, 1);
	futexwakeup(&n->key, 1);
}

static inline void notesleep(struct note *n)
{
	while (load_acq(&n->key) == 0)
		futexsleep(&n->key, 0, -1);
}

#endif
