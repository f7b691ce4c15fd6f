/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * intercept_sync.c - the happens-before edges of POSIX synchronisation.
 *
 * A lock is acquired after the real function returned and released before it is called: the clock
 * is in the object before another thread can own it. A condition variable orders nothing by itself,
 * its mutex does.
 */
#include "builtins.h"

#include <pthread.h>
#include <semaphore.h>

#include "front.h"

#define OBJ(p) ((uintptr_t)(p))

static inline int after_lock(int err, const volatile void *obj)
{
	if (me.tag && (!err || err == EOWNERDEAD))
		sync_acquire(&me, OBJ(obj));
	return err;
}

/* Readers release too, all of them before the next writer: their clocks add up. */
static inline void before_unlock(const volatile void *obj, bool shared)
{
	if (!me.tag)
		return;
	if (shared)
		sync_merge(&me, OBJ(obj));
	else
		sync_release(&me, OBJ(obj));
}

static inline int destroyed(int err, const volatile void *obj)
{
	if (me.tag && !err)
		sync_forget(OBJ(obj), 1);
	return err;
}

EXPORT int pthread_mutex_lock(pthread_mutex_t *m)
{
	return after_lock(NEXT(pthread_mutex_lock)(m), m);
}

EXPORT int pthread_mutex_trylock(pthread_mutex_t *m)
{
	return after_lock(NEXT(pthread_mutex_trylock)(m), m);
}

EXPORT int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *at)
{
	return after_lock(NEXT(pthread_mutex_timedlock)(m, at), m);
}

EXPORT int pthread_mutex_clocklock(pthread_mutex_t *m, clockid_t clock, const struct timespec *at)
{
	return after_lock(NEXT(pthread_mutex_clocklock)(m, clock, at), m);
}

EXPORT int pthread_mutex_unlock(pthread_mutex_t *m)
{
	before_unlock(m, false);
	return NEXT(pthread_mutex_unlock)(m);
}

EXPORT int pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr)
{
	return destroyed(NEXT(pthread_mutex_init)(m, attr), m);
}

EXPORT int pthread_mutex_destroy(pthread_mutex_t *m)
{
	return destroyed(NEXT(pthread_mutex_destroy)(m), m);
}

EXPORT int pthread_spin_lock(pthread_spinlock_t *l)
{
	return after_lock(NEXT(pthread_spin_lock)(l), l);
}

EXPORT int pthread_spin_trylock(pthread_spinlock_t *l)
{
	return after_lock(NEXT(pthread_spin_trylock)(l), l);
}

EXPORT int pthread_spin_unlock(pthread_spinlock_t *l)
{
	before_unlock(l, false);
	return NEXT(pthread_spin_unlock)(l);
}

EXPORT int pthread_spin_destroy(pthread_spinlock_t *l)
{
	return destroyed(NEXT(pthread_spin_destroy)(l), l);
}

/*
 * A reader-writer lock has one object: unlocking always adds. A writer's clock covers the object's
 * already (it acquired it), and readers that only overlap are ordered by it one-way at most: a
 * reader that comes after another's unlock sees that unlock, which can hide a race between readers'
 * writes.
 */
EXPORT int pthread_rwlock_rdlock(pthread_rwlock_t *l)
{
	return after_lock(NEXT(pthread_rwlock_rdlock)(l), l);
}

EXPORT int pthread_rwlock_tryrdlock(pthread_rwlock_t *l)
{
	return after_lock(NEXT(pthread_rwlock_tryrdlock)(l), l);
}

EXPORT int pthread_rwlock_timedrdlock(pthread_rwlock_t *l, const struct timespec *at)
{
	return after_lock(NEXT(pthread_rwlock_timedrdlock)(l, at), l);
}

EXPORT int pthread_rwlock_wrlock(pthread_rwlock_t *l)
{
	return after_lock(NEXT(pthread_rwlock_wrlock)(l), l);
}

EXPORT int pthread_rwlock_trywrlock(pthread_rwlock_t *l)
{
	return after_lock(NEXT(pthread_rwlock_trywrlock)(l), l);
}

EXPORT int pthread_rwlock_timedwrlock(pthread_rwlock_t *l, const struct timespec *at)
{
	return after_lock(NEXT(pthread_rwlock_timedwrlock)(l, at), l);
}

EXPORT int pthread_rwlock_unlock(pthread_rwlock_t *l)
{
	before_unlock(l, true);
	return NEXT(pthread_rwlock_unlock)(l);
}

EXPORT int pthread_rwlock_init(pthread_rwlock_t *l, const pthread_rwlockattr_t *attr)
{
	return destroyed(NEXT(pthread_rwlock_init)(l, attr), l);
}

EXPORT int pthread_rwlock_destroy(pthread_rwlock_t *l)
{
	return destroyed(NEXT(pthread_rwlock_destroy)(l), l);
}

/*
 * The functions of condition variables exist twice in glibc; the old ones have another layout. All
 * of them must be here: see intercept_versions.c.
 */
#define COND(name) NEXT_V(name, "GLIBC_2.3.2")

EXPORT int pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attr)
{
	return COND(pthread_cond_init)(c, attr);
}

EXPORT int pthread_cond_destroy(pthread_cond_t *c)
{
	return COND(pthread_cond_destroy)(c);
}

EXPORT int pthread_cond_signal(pthread_cond_t *c)
{
	return COND(pthread_cond_signal)(c);
}

EXPORT int pthread_cond_broadcast(pthread_cond_t *c)
{
	return COND(pthread_cond_broadcast)(c);
}

/* A cancelled wait owns the mutex again when the program's cleanup handlers run. */
static void relock(void *m)
{
	after_lock(0, m);
}

EXPORT int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
	int err;
	before_unlock(m, false);
	pthread_cleanup_push(relock, m);
	err = COND(pthread_cond_wait)(c, m);
	pthread_cleanup_pop(1);
	return err;
}

EXPORT int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *at)
{
	int err;
	before_unlock(m, false);
	pthread_cleanup_push(relock, m);
	err = COND(pthread_cond_timedwait)(c, m, at);
	pthread_cleanup_pop(1);
	return err;
}

EXPORT int pthread_cond_clockwait(
	pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock, const struct timespec *at)
{
	int err;
	before_unlock(m, false);
	pthread_cleanup_push(relock, m);
	err = NEXT(pthread_cond_clockwait)(c, m, clock, at);
	pthread_cleanup_pop(1);
	return err;
}

/* All arrivals add before anyone leaves; the last of a round may see the next round's first. */
EXPORT int pthread_barrier_wait(pthread_barrier_t *b)
{
	before_unlock(b, true);
	int err = NEXT(pthread_barrier_wait)(b);
	after_lock(err == PTHREAD_BARRIER_SERIAL_THREAD ? 0 : err, b);
	return err;
}

EXPORT int pthread_barrier_destroy(pthread_barrier_t *b)
{
	return destroyed(NEXT(pthread_barrier_destroy)(b), b);
}

static __thread void (*once_fn)(void) __attribute__((tls_model("initial-exec")));
static __thread pthread_once_t *once_obj __attribute__((tls_model("initial-exec")));

static void run_once(void)
{
	pthread_once_t *once = once_obj;
	once_fn();
	before_unlock(once, false);
}

EXPORT int pthread_once(pthread_once_t *once, void (*fn)(void))
{
	if (!me.tag)
		return NEXT(pthread_once)(once, fn);
	void (*outer_fn)(void) = once_fn;
	pthread_once_t *outer = once_obj;
	once_fn = fn;
	once_obj = once;
	int err = NEXT(pthread_once)(once, run_once);
	once_fn = outer_fn;
	once_obj = outer;
	return after_lock(err, once);
}

EXPORT int sem_post(sem_t *s)
{
	before_unlock(s, true);
	return NEXT(sem_post)(s);
}

EXPORT int sem_wait(sem_t *s)
{
	return after_lock(NEXT(sem_wait)(s), s);
}

EXPORT int sem_trywait(sem_t *s)
{
	return after_lock(NEXT(sem_trywait)(s), s);
}

EXPORT int sem_timedwait(sem_t *s, const struct timespec *at)
{
	return after_lock(NEXT(sem_timedwait)(s, at), s);
}

EXPORT int sem_destroy(sem_t *s)
{
	return destroyed(NEXT(sem_destroy)(s), s);
}
