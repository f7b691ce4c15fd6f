/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mutex.c - mutual exclusion for goroutines (Go's internal/sync/mutex.go).
 *
 * The word state:
 *	bit 0      locked
 *	bit 1      woken: a goroutine that wants the mutex is awake (woken up, or spinning), so
 *	           unlock need not wake another
 *	bit 2      starving: the mutex is handed over in the order of the queue
 *	bit 3      shared: every change of the word is an atomic operation
 *	bit 4      about to become shared
 *	bits 5-31  number of waiters: those in the semaphore, or about to be
 *
 * The word owner, for those who look from outside: the complement of the low half of the number of
 * the goroutine that has locked it, so that both words together look like no pointer to a
 * conservative scan; 0 when it is unlocked and, for an instant, while it is being locked or
 * unlocked. One 64-bit operation changes both words wherever there is one anyway, so it costs a
 * load of the number and no store. Rejected: a third word with a store of its own, half the price
 * of the pair at one P again; and the number beside gort_elide.mode, in one load with it: some CPUs
 * make that load wait for the store that a switch has just made beside it.
 *
 * Normal mode: whoever finds the mutex unlocked takes it; a waiter that was woken competes with
 * the newcomers, and queues up in front when it loses. That lets a running goroutine lock again
 * and again without a switch. Starving mode, once a waiter has waited 1 ms: unlock hands the mutex
 * to the first waiter and newcomers queue at the end. The mode ends with a waiter that waited less
 * than that, or is the last.
 *
 * Restartable unlocks. A mutex that nobody ever waited for is unlocked without an atomic
 * operation: a load that finds 1 and a store of 0, in a sequence that the kernel restarts
 * (mutex_amd64.S). Whoever wants to set another bit first makes the mutex shared, for good: under
 * sharelock it sets bit 4, so that no new sequence finds 1; calls membarrier(2), after which no
 * old one is under way; and if the bit is still there, so that none of the latter overwrote it,
 * turns it into bit 3. The lock is what makes "still there" certain: nobody else can have set it
 * again. So a mutex costs one such call at its first contention, and half as much as Go's before.
 *
 * Invariants:
 *  1. In starving mode the locked bit is clear from unlock until the new owner has set it; as
 *     nobody else may take a starving mutex, it is owned all the same.
 *  2. Whenever nobody holds or wants the mutex, no bit but shared is set. Only who holds it writes
 *     owner, which is 0 whenever locked is clear.
 *  3. Whoever clears the locked bit in normal mode does not touch the mutex again, unless the same
 *     instruction made it responsible for waking a waiter, and then not after that waiter can
 *     run: the next owner may free it. Go clears the bit first and looks for waiters after, which
 *     only a garbage collector makes safe.
 *
 * Order: the acquire of the exchange that sets locked pairs with the release of the one that
 * cleared it; a handover is ordered by the lock of the semaphore's root.
 */
#include <stdatomic.h>

#include <linux/membarrier.h>
#include <linux/rseq.h>

#include "base/clock.h"
#include "base/throw.h"
#include "debug/options.h"
#include "sched/proc.h"
#include "sched/race.h"
#include "sched/runq.h"
#include "sync/mutex.h"
#include "sync/sema.h"

enum {
	mutexLocked = 1,
	mutexWoken = 2,
	mutexStarving = 4,
	mutexShared = GORT_MUTEX_SHARED,
	mutexSharing = 16,
	mutexWaiterShift = 5
};

#define ONEWAITER             (1u << mutexWaiterShift)
#define STARVATIONTHRESHOLDNS 1000000
#define ACTIVESPIN            4
#define ACTIVESPINCNT         30

_Static_assert(sizeof(struct muteximpl) <= sizeof(gort_mutex), "gort_mutex is too small");

static struct mutex sharelock = {.rank = lockRankLeaf};

/* Whether unlocks may be restartable ones; constant once Ms run. */
static bool restartable;

/* This thread's rseq_cs, or NULL where the kernel or libc has no restartable sequences. */
__thread uint64_t *rseqcs __attribute__((tls_model("initial-exec")));

/* From glibc 2.35 on: where a thread's struct rseq is, relative to its thread pointer. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

void mutexinit(void)
{
	restartable = !debug.rseqoff && &__rseq_size && __rseq_size &&
		      rawsyscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0,
			      0, 0) == 0;
}

void mutexminit(void)
{
	if (!restartable)
		return;
	char *self = (char *)__builtin_thread_pointer() + __rseq_offset;
	if ((int32_t)((struct rseq *)self)->cpu_id >= 0) /* else not registered */
		rseqcs = (uint64_t *)(self + offsetof(struct rseq, rseq_cs));
}

void makeshared(_Atomic uint32_t *word, uint32_t held, uint32_t sharing, uint32_t shared)
{
	lock(&sharelock);
	uint32_t old = load_rlx(word);
	bool mine = old & held && !(old & shared) && cas_acqrel(word, &old, old | sharing);
	if (mine && restartable)
		rawsyscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0, 0);
	old = load_rlx(word);
	while (mine && old & sharing)
		mine = !cas_acqrel(word, &old, old - sharing + shared);
	unlock(&sharelock);
}

/* Whether bits that are set in the word stay there: no restartable unlock can be under way. */
static inline bool isshared(uint32_t old)
{
	return old & mutexShared || !restartable || single;
}

/* What a goroutine in lockslow knows of itself. */
struct locker {
	int64_t since; /* nanotime at its first wait, 0 before */
	bool starving; /* has waited for too long */
	bool awoke;    /* the woken bit is set for this goroutine */
	int spins;
};

/*
 * Whether spinning may be worth while: the holder seems to run on another P, and this P has
 * nothing better to do. Go's sync_runtime_canSpin.
 */
static bool canspin(int spins)
{
	int32_t others = gomaxprocs - load_rlx(&sched.npidle) - load_rlx(&sched.nmspinning) - 1;
	return spins < ACTIVESPIN && others > 0 && runqempty(getm()->p);
}

/* Spins a little. Sets the woken bit, so that unlock leaves the waiters asleep. */
static void spin(struct muteximpl *m, struct locker *l, uint32_t old)
{
	if (!l->awoke && !(old & mutexWoken) && old >> mutexWaiterShift != 0)
		l->awoke = cas_acq(&m->state, &old, old | mutexWoken);
	procyield(ACTIVESPINCNT);
	l->spins++;
}

/* This goroutine as the owner, where it stands in both words. */
static uint64_t self(void)
{
	return gort_lockword() - mutexLocked;
}

/* The state after this goroutine has locked the mutex or counted itself in as a waiter. */
static uint32_t wanted(const struct locker *l, uint32_t old)
{
	uint32_t new = old;
	if (!(old & mutexStarving))
		new |= mutexLocked;
	if (old & (mutexLocked | mutexStarving))
		new += ONEWAITER;
	/* Only a locked mutex: the mode needs an unlock that will hand it over. */
	if (l->starving && (old & mutexLocked))
		new |= mutexStarving;
	if (l->awoke) {
		if (!(new &mutexWoken))
			throw("sync: inconsistent mutex state: %#x", old);
		new &= ~(uint32_t)mutexWoken;
	}
	return new;
}

/* The mutex was handed to this goroutine: takes the waiter out of the count, sets locked. */
static void takeover(struct muteximpl *m, const struct locker *l, uint32_t old)
{
	uint32_t delta = mutexLocked - ONEWAITER;
	if ((old & (mutexLocked | mutexWoken)) || old >> mutexWaiterShift == 0)
		throw("sync: inconsistent mutex state: %#x", old);
	if (!l->starving || old >> mutexWaiterShift == 1)
		delta -= mutexStarving;
	xadd_acqrel(&m->state, delta);
	store_rlx(&m->owner, (uint32_t)(gort_lockword() >> 32));
}

/* Waits for an unlock. True when the mutex was handed over, false when it must be fought for. */
static bool waitforunlock(struct muteximpl *m, struct locker *l)
{
	bool again = l->since != 0;
	int64_t begin = nanotime();
	if (!again)
		l->since = begin;
	bool collector = gcold(getm()->curg)->collecting; /* whose lock is none of the program's */
	int64_t end = semacquirelock(
		&m->sema, again, collector ? waitReasonSemacquire : waitReasonSyncMutexLock, begin);
	if (end - l->since > STARVATIONTHRESHOLDNS)
		l->starving = true;
	uint32_t old = load_rlx(&m->state);
	if (old & mutexStarving) {
		takeover(m, l, old);
		return true;
	}
	l->awoke = true;
	l->spins = 0;
	return false;
}

void gort_mutex_lockslow(gort_mutex *mutex)
{
	struct muteximpl *m = (struct muteximpl *)mutex;
	struct locker l = {0};
	getgchecked("gort_mutex_lock");
	for (;;) {
		uint64_t both = load_rlx(&m->both);
		uint32_t old = (uint32_t)both;
		bool free = !(old & (mutexLocked | mutexStarving));
		if ((old & (mutexLocked | mutexStarving)) == mutexLocked && canspin(l.spins)) {
			spin(m, &l, old);
			continue;
		}
		if (old & mutexLocked && !isshared(old)) {
			makeshared(&m->state, mutexLocked, mutexSharing, mutexShared);
			continue;
		}
		uint64_t owner = free ? self() : both - old;
		if (!cas_acq(&m->both, &both, owner | wanted(&l, old)))
			continue;
		if (free || waitforunlock(m, &l))
			return;
	}
}

void(gort_mutex_lock)(gort_mutex *mutex)
{
	gort_mutex_lock_fast(mutex);
	raceacquire(mutex);
}

bool gort_mutex_trylock(gort_mutex *mutex)
{
	struct muteximpl *m = (struct muteximpl *)mutex;
	getgchecked("gort_mutex_trylock");
	uint64_t old = load_rlx(&m->both);
	if (old & (mutexLocked | mutexStarving))
		return false;
	if (!cas_acq(&m->both, &old, self() | old | mutexLocked))
		return false;
	raceacquire(mutex);
	return true;
}

/* For mutex_amd64.S: every unlock but the restartable one. */
void mutexunlock(gort_mutex *mutex);

void mutexunlock(gort_mutex *mutex)
{
	struct muteximpl *m = (struct muteximpl *)mutex;
	uint64_t old = load_rlx(&m->both);
	bool wake, starving;
	uint32_t new;
	do {
		if (!(old & mutexLocked))
			fatal("sync: unlock of unlocked mutex");
		starving = old & mutexStarving;
		new = (uint32_t)old - mutexLocked;
		wake = new >> mutexWaiterShift != 0 && !(new &(mutexWoken | mutexStarving));
		if (wake)
			new = (new - ONEWAITER) | mutexWoken;
	} while (!cas_rel(&m->both, &old, (uint64_t) new)); /* and no owner */
	/* Either keeps a waiter from returning until it gets this unit: the mutex still exists. */
	if (wake || starving)
		semrelease(&m->sema, starving);
}

void(gort_mutex_unlock)(gort_mutex *mutex)
{
	racerelease(mutex);
	gort_mutex_unlock_fast(mutex);
}
