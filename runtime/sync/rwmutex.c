/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rwmutex.c - many readers or one writer (Go's sync/rwmutex.go).
 *
 * readerCount  bits 0-27  readers that hold or await the lock
 *              bit 28     about to become shared
 *              bit 29     shared: every change is an atomic operation, whatever the word was
 *              minus RWMUTEXMAXREADERS while a writer is there, so that one addition tells a reader
 *              both that it is counted and whether it may go on
 * readerWait   readers that the writer must still see leave
 *
 * A writer that waits holds back all later readers, so it cannot starve; the readers that have
 * gathered meanwhile go first when it unlocks, so neither can they. Writers exclude each other by
 * w, where the second one shows as waiting for a mutex, as in Go.
 *
 * A lock that never had two readers at a time, nor a reader and a writer, is read-unlocked without
 * an atomic operation, by a restartable sequence (mutex.c) that takes the word from 1 to 0. Nobody
 * else may change the word while such a sequence is under way, and it may be while it is 1. So,
 * until the lock is shared, readers and writers come by a compare-and-swap from 0 or, readers, from
 * a word with a writer in it; whoever finds other readers makes the lock shared first. That halves
 * the price of read locks that hardly ever meet; those that do pay for one membarrier(2) in the
 * life of the lock.
 *
 * Rejected: readers counted for each P apart. They would not share a cache line, but a writer would
 * pay for a membarrier and a look at all Ps each time.
 *
 * Unlock lets the readers go before it releases w: the next writer may free the lock, a reader may
 * not (gort.h says so).
 */
#include <stdatomic.h>

#include "base/clock.h"
#include "base/throw.h"
#include "sched/proc.h"
#include "sched/race.h"
#include "sync/mutex.h"
#include "sync/sema.h"

#define RWMUTEXMAXREADERS (1 << 30)
#define READERS           GORT_RWMUTEX_READERS
#define SHARED            GORT_RWMUTEX_SHARED
#define SHARING           (1 << 28)

_Static_assert(offsetof(struct rwimpl, readerCount) == 3 * sizeof(uint64_t), "as in gort/fast.h");
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

/* Somebody came while there are readers. */
static void share(struct rwimpl *rw)
{
	makeshared((_Atomic uint32_t *)&rw->readerCount, READERS, SHARING, SHARED);
}

/* Whether no restartable unlock can be under way while the word is old. */
static bool settled(int32_t old)
{
	return old <= 0 || old & SHARED;
}

/*
 * Counts a reader in, unless it only tries and a writer is there. Returns the word before, negative
 * when a writer is there.
 */
static int32_t enter(struct rwimpl *rw, bool tries)
{
	for (;;) {
		int32_t old = load_rlx(&rw->readerCount);
		if (tries && old < 0)
			return old;
		if (!settled(old))
			share(rw);
		else if (cas_acqrel(&rw->readerCount, &old, old + 1))
			return old;
	}
}

void(gort_rwmutex_rlock)(gort_rwmutex *rwmutex)
{
	gort_rwmutex_rlock_fast(rwmutex);
	raceacquire(unlocks(rwmutex));
}

void gort_rwmutex_rlockslow(gort_rwmutex *rwmutex, bool counted)
{
	struct rwimpl *rw = (struct rwimpl *)rwmutex;
	getgchecked("gort_rwmutex_rlock");
	if (counted || enter(rw, false) < 0)
		semacquirelock(&rw->readersem, false, waitReasonSyncRWMutexRLock, nanotime());
}

bool gort_rwmutex_tryrlock(gort_rwmutex *rwmutex)
{
	getgchecked("gort_rwmutex_tryrlock");
	if (enter((struct rwimpl *)rwmutex, true) < 0)
		return false;
	raceacquire(unlocks(rwmutex));
	return true;
}

void gort_rwmutex_runlockslow(gort_rwmutex *rwmutex, int32_t count)
{
	struct rwimpl *rw = (struct rwimpl *)rwmutex;
	if (!((count + 1) & READERS))
		fatal("sync: RUnlock of unlocked RWMutex");
	if (count < 0 && xadd_acqrel(&rw->readerWait, -1) == 1)
		semrelease(&rw->writersem, false);
}

/* For mutex_amd64.S: every other end of a read lock that is not shared. */
void rwmutexrunlock(gort_rwmutex *rwmutex);

void rwmutexrunlock(gort_rwmutex *rwmutex)
{
	struct rwimpl *rw = (struct rwimpl *)rwmutex;
	gort_rwmutex_runlockslow(rwmutex, xadd_acqrel(&rw->readerCount, -1) - 1);
}

void(gort_rwmutex_runlock)(gort_rwmutex *rwmutex)
{
	racerelease(runlocks(rwmutex));
	gort_rwmutex_runlock_fast(rwmutex);
}

/* Tells the readers that come that a writer is there; returns how many came before. */
static int32_t announce(struct rwimpl *rw)
{
	for (;;) {
		int32_t old = load_rlx(&rw->readerCount);
		if (old & SHARED) /* readers that come and go cannot make this fail */
			return xadd_acqrel(&rw->readerCount, -RWMUTEXMAXREADERS) & READERS;
		if (old != 0)
			share(rw);
		else if (cas_acqrel(&rw->readerCount, &old, -RWMUTEXMAXREADERS))
			return 0;
	}
}

void gort_rwmutex_lock(gort_rwmutex *rwmutex)
{
	struct rwimpl *rw = (struct rwimpl *)rwmutex;
	gort_mutex_lock(&rw->w);
	int32_t readers = announce(rw);
	/* Those who leave between the two additions have made readerWait negative. */
	if (readers != 0 && xadd_acqrel(&rw->readerWait, readers) + readers != 0)
		semacquirelock(&rw->writersem, false, waitReasonSyncRWMutexLock, nanotime());
	acquired(rwmutex);
}

bool gort_rwmutex_trylock(gort_rwmutex *rwmutex)
{
	struct rwimpl *rw = (struct rwimpl *)rwmutex;
	if (!gort_mutex_trylock(&rw->w))
		return false;
	int32_t none = load_rlx(&rw->readerCount) & SHARED;
	if (cas_acqrel(&rw->readerCount, &none, none - RWMUTEXMAXREADERS))
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
	for (int32_t i = (before + RWMUTEXMAXREADERS) & READERS; i > 0; i--)
		semrelease(&rw->readersem, false);
	gort_mutex_unlock(&rw->w);
}
