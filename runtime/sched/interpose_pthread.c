/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interpose_pthread.c - locks of threads in goroutines; the rules are in interpose.c.
 *
 * A goroutine that holds such a lock must not be preempted: what was switched out at an arbitrary
 * instruction continues on its thread only, and another goroutine of this thread that waits for the
 * lock would block it for ever. Nor may it go on on another thread, since many kinds of locks
 * belong to the thread (all but normal mutexes). So held locks are counted (gcold.locks). While
 * there are any, preemption refuses; calls of libc that would park wait in the syscall state; and
 * who finds no P after such a wait gets one on its own thread (exitsyscall). Blocking in libgort's
 * own functions with a lock of that kind held is the program's fault.
 *
 * Goroutines that are pinned to the thread would wait for the holder's waits, perhaps for one of
 * them: so who is about to take its first lock goes to another thread.
 *
 * The count goes up before the lock is taken. Unlocking what another goroutine has locked leaves
 * the counts too high or too low, never below 0; the end of a goroutine clears it.
 *
 * The functions themselves. libc.so has the second names only for programs linked long ago, libc.a
 * has them plain: two weak references, of which one is found. Of what has no second name, a
 * function with a time limit does the same: the limit is past for try, and the end of time for
 * lock. ThreadSanitizer takes over second names too: then libc's are looked up (tsan.c).
 *
 * A race detector whose functions come before these sees the locks itself; else these tell it
 * (racelocks).
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "sched/interpose.h"
#include "sched/race.h"

#ifndef GORT_ASAN

#define SECONDNAME(name, type)                                          \
	extern int __##name(type *) __attribute__((weak));              \
	extern int old_##name(type *) __attribute__((weak));            \
	__asm__(".symver old_" #name ", __" #name "@GLIBC_2.2.5");      \
	static int first_##name(type *lock);                            \
	static int (*_Atomic fn_##name)(type *) = first_##name;         \
	static int first_##name(type *lock)                             \
	{                                                               \
		void *hidden = tsanhides(#name);                        \
		int (*fn)(type *) = old_##name ? old_##name : __##name; \
		if (hidden)                                             \
			memcpy(&fn, &hidden, sizeof(fn));               \
		store_rlx(&fn_##name, fn);                              \
		return fn(lock);                                        \
	}                                                               \
	static inline int real_##name(type *lock)                       \
	{                                                               \
		return load_rlx(&fn_##name)(lock);                      \
	}

SECONDNAME(pthread_mutex_lock, pthread_mutex_t)
SECONDNAME(pthread_mutex_unlock, pthread_mutex_t)
SECONDNAME(pthread_rwlock_unlock, pthread_rwlock_t)

static const struct timespec past = {0, 0}, never = {LONG_MAX, 0};

/* ---- held locks ---- */

/* The calling goroutine; NULL in a thread and in the scheduler. */
static inline struct g *locker(void)
{
	struct g *gp = getg();
	if (!gp)
		return NULL;
	if (unlikely(getm()->pinned.first) && ingoroutine())
		clearofpinned();
	gcold(gp)->locks++;
	return gp;
}

static inline void unlocked(struct g *gp)
{
	if (gp && gcold(gp)->locks)
		gcold(gp)->locks--;
}

/* What locking gave. The owner of a robust mutex may be dead, and it is locked all the same. */
static inline int locked(struct g *gp, const volatile void *lock, int err)
{
	if (unlikely(err && err != EOWNERDEAD))
		unlocked(gp);
	else if (unlikely(racelocks))
		raceacquirekey((const void *)lock);
	return err;
}

static inline void unlocking(const volatile void *lock)
{
	if (unlikely(racelocks))
		racereleasekey((const void *)lock);
}

/* Only a hint: a lock that gets busy now is sysmon's. */
static inline bool busy(const pthread_mutex_t *m)
{
	return *(const volatile int *)&m->__data.__lock != 0;
}

/* ---- mutexes ---- */

INTERPOSE int pthread_mutex_lock(pthread_mutex_t *m)
{
	struct g *gp = locker();
	if (unlikely(gp && busy(m)) && ingoroutine())
		return locked(gp, m, INSYSCALL(real_pthread_mutex_lock(m)));
	return locked(gp, m, real_pthread_mutex_lock(m));
}

INTERPOSE int pthread_mutex_trylock(pthread_mutex_t *m)
{
	struct g *gp = locker();
	int err = pthread_mutex_clocklock(m, CLOCK_REALTIME, &past);
	return locked(gp, m, err == ETIMEDOUT || err == EDEADLK ? EBUSY : err);
}

INTERPOSE int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *limit)
{
	struct g *gp = locker();
	if (gp && busy(m) && ingoroutine())
		return locked(gp, m, INSYSCALL(pthread_mutex_clocklock(m, CLOCK_REALTIME, limit)));
	return locked(gp, m, pthread_mutex_clocklock(m, CLOCK_REALTIME, limit));
}

INTERPOSE int pthread_mutex_unlock(pthread_mutex_t *m)
{
	struct g *gp = getg();
	unlocking(m);
	int err = real_pthread_mutex_unlock(m);
	if (likely(!err))
		unlocked(gp);
	return err;
}

/* ---- reader-writer locks ---- */

#define TURN_NS 1000000

typedef int rwlockfn(pthread_rwlock_t *rw, clockid_t clock, const struct timespec *limit);

static int rwtry(rwlockfn *f, pthread_rwlock_t *rw)
{
	struct g *gp = locker();
	int err = f(rw, CLOCK_REALTIME, &past);
	return locked(gp, rw, err == ETIMEDOUT || err == EDEADLK ? EBUSY : err);
}

INTERPOSE int pthread_rwlock_tryrdlock(pthread_rwlock_t *rw)
{
	return rwtry(pthread_rwlock_clockrdlock, rw);
}

INTERPOSE int pthread_rwlock_trywrlock(pthread_rwlock_t *rw)
{
	return rwtry(pthread_rwlock_clockwrlock, rw);
}

static int rwlock(rwlockfn *f, pthread_rwlock_t *rw)
{
	struct g *gp = locker();
	if (!gp || !ingoroutine())
		return locked(gp, rw, f(rw, CLOCK_REALTIME, &never));
	int err;
	/* libc finds that this thread has it: a goroutine that waits for its turn here. */
	while ((err = f(rw, CLOCK_REALTIME, &past)) == EDEADLK)
		gort_sleep(TURN_NS);
	if (err == ETIMEDOUT)
		err = INSYSCALL(f(rw, CLOCK_REALTIME, &never));
	return locked(gp, rw, err);
}

INTERPOSE int pthread_rwlock_rdlock(pthread_rwlock_t *rw)
{
	return rwlock(pthread_rwlock_clockrdlock, rw);
}

INTERPOSE int pthread_rwlock_wrlock(pthread_rwlock_t *rw)
{
	return rwlock(pthread_rwlock_clockwrlock, rw);
}

INTERPOSE int pthread_rwlock_unlock(pthread_rwlock_t *rw)
{
	struct g *gp = getg();
	unlocking(rw);
	int err = real_pthread_rwlock_unlock(rw);
	if (likely(!err))
		unlocked(gp);
	return err;
}

/* ---- spin locks: 1 is free, as in libc on amd64 ---- */

static bool spintry(pthread_spinlock_t *l)
{
	return *l == 1 && __atomic_exchange_n(l, 0, __ATOMIC_ACQUIRE) == 1;
}

INTERPOSE int pthread_spin_lock(pthread_spinlock_t *l)
{
	struct g *gp = locker();
	for (unsigned i = 1; !spintry(l); i++) {
		procyield(1);
		if (i % 1000 == 0) /* the holder may need this P to go on */
			BLOCKINGCALL(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
	}
	return locked(gp, l, 0);
}

INTERPOSE int pthread_spin_trylock(pthread_spinlock_t *l)
{
	struct g *gp = locker();
	return locked(gp, l, spintry(l) ? 0 : EBUSY);
}

INTERPOSE int pthread_spin_unlock(pthread_spinlock_t *l)
{
	struct g *gp = getg();
	unlocking(l);
	__atomic_store_n(l, 1, __ATOMIC_RELEASE);
	unlocked(gp);
	return 0;
}

/* ---- stdio ---- */

void _IO_flockfile(FILE *f);
int _IO_ftrylockfile(FILE *f);
void _IO_funlockfile(FILE *f);

INTERPOSE void flockfile(FILE *f)
{
	struct g *gp = locker();
	if (_IO_ftrylockfile(f) == 0)
		return;
	if (gp && ingoroutine())
		INSYSCALL((_IO_flockfile(f), 0));
	else
		_IO_flockfile(f);
}

INTERPOSE int ftrylockfile(FILE *f)
{
	struct g *gp = locker();
	return locked(gp, f, _IO_ftrylockfile(f) ? EBUSY : 0) ? -1 : 0;
}

INTERPOSE void funlockfile(FILE *f)
{
	struct g *gp = getg();
	_IO_funlockfile(f);
	unlocked(gp);
}

#endif
