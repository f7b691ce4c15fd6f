/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rwmutex.c - many readers or one writer (Go's sync/rwmutex.go).
 *
 * readerCount  readers that hold or await the lock; minus RWMUTEXMAXREADERS while a writer is
 *              there, so that one addition tells a reader both that it is counted and whether it
 *              may go on
 * readerWait   readers that the writer must still see leave
 *
 * A writer that waits holds back all later readers, so it cannot starve; the readers that have
 * gathered meanwhile go first when it unlocks, so neither can they. Writers exclude each other by
 * w, where the second one shows as waiting for a mutex, as in Go.
 *
 * Unlock lets the readers go before it releases w: the next writer may free the lock, a reader may
 * not (gort.h says so).
 */
#include <stdatomic.h>

#include "base/throw.h"
#include "sched/proc.h"
#include "sched/race.h"
#include "sync/sema.h"

#define RWMUTEXMAXREADERS (1 << 30)

struct rwimpl {
	gort_mutex w;
	uint32_t writersem; /* a writer waits for leaving readers */
	uint32_t readersem; /* readers wait for the writer */
	_Atomic int32_t readerCount;
	_Atomic int32_t readerWait;
};

_Static_assert(offsetof(struct rwimpl, readerCount) == 4 * sizeof(uint32_t), "as in gort/fast.h");
_Static_assert(sizeof(struct rwimpl) == sizeof(gort_rwmutex), "gort_rwmutex has another size");

/* Keys of a race detector: what each writer released, and what the readers did. */
static inline const void *unlocks(gort_rwmutex *rw)
{
	return &((struct rwimpl *)rw)->readersem;
}

static inline const void *runlocks(gort_rwmutex *rw)
{
	return &((struct rwimpl *)rw)->writersem;
}

static bool acquired(gort_rwmutex *rw)
{
	raceacquire(unlocks(rw));
	raceacquire(runlocks(rw));
	return true;
}

void(gort_rwmutex_rlock)(gort_rwmutex *rwmutex)
{
	gort_rwmutex_rlock_fast(rwmutex);
	raceacquire(unlocks(rwmutex));
}

void gort_rwmutex_rlockslow(gort_rwmutex *rwmutex)
{
	struct rwimpl *rw = (struct rwimpl *)rwmutex;
	semacquire(&rw->readersem, false, waitReasonSyncRWMutexRLock);
}

bool gort_rwmutex_tryrlock(gort_rwmutex *rwmutex)
{
	struct rwimpl *rw = (struct rwimpl *)rwmutex;
	getgchecked("gort_rwmutex_tryrlock");
	int32_t readers = load_rlx(&rw->readerCount);
	while (readers >= 0)
		if (cas_acq(&rw->readerCount, &readers, readers + 1)) {
			raceacquire(unlocks(rwmutex));
			return true;
		}
	return false;
}

/* readers is negative: a writer waits, or nobody held it. */
void gort_rwmutex_runlockslow(gort_rwmutex *rwmutex, int32_t readers)
{
	struct rwimpl *rw = (struct rwimpl *)rwmutex;
	if (readers + 1 == 0 || readers + 1 == -RWMUTEXMAXREADERS)
		fatal("sync: RUnlock of unlocked RWMutex");
	if (xadd_acqrel(&rw->readerWait, -1) == 1)
		semrelease(&rw->writersem, false);
}

void(gort_rwmutex_runlock)(gort_rwmutex *rwmutex)
{
	racerelease(runlocks(rwmutex));
	gort_rwmutex_runlock_fast(rwmutex);
}

void gort_rwmutex_lock(gort_rwmutex *rwmutex)
{
	struct rwimpl *rw = (struct rwimpl *)rwmutex;
	gort_mutex_lock(&rw->w);
	int32_t readers = xadd_acqrel(&rw->readerCount, -RWMUTEXMAXREADERS);
	/* Those who leave between the two additions have made readerWait negative. */
	if (readers != 0 && xadd_acqrel(&rw->readerWait, readers) + readers != 0)
		semacquire(&rw->writersem, false, waitReasonSyncRWMutexLock);
	acquired(rwmutex);
}

bool gort_rwmutex_trylock(gort_rwmutex *rwmutex)
{
	struct rwimpl *rw = (struct rwimpl *)rwmutex;
	int32_t none = 0;
	if (!gort_mutex_trylock(&rw->w))
		return false;
	if (cas_acqrel(&rw->readerCount, &none, -RWMUTEXMAXREADERS))
		return acquired(rwmutex);
	gort_mutex_unlock(&rw->w);
	return false;
}

void gort_rwmutex_unlock(gort_rwmutex *rwmutex)
{
	struct rwimpl *rw = (struct rwimpl *)rwmutex;
	getgchecked("gort_rwmutex_unlock");
	racerelease(unlocks(rwmutex));
	int32_t before = xadd_acqrel(&rw->readerCount, RWMUTEXMAXREADERS);
	if (before >= 0)
		fatal("sync: Unlock of unlocked RWMutex");
	for (int32_t i = before + RWMUTEXMAXREADERS; i > 0; i--)
		semrelease(&rw->readersem, false);
	gort_mutex_unlock(&rw->w);
}
