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
#include "sys.h"

#define OBJ(p) ((uintptr_t)(p))

/*
 * An object's first byte stands for it: its initialisation and destruction write that, its use
 * reads it. A race between them is found as any other.
 */
static INLINE void object_written(const volatile void *obj, uint64_t pc)
{
	if (me.tag)
		access_bytes(&me, OBJ(obj), 1, 0, pc);
}

static inline void object_used(const volatile void *obj, uint64_t pc)
{
	if (me.tag)
		access_bytes(&me, OBJ(obj), 1, TAG_READ | TAG_ATOMIC, pc);
}

/*
 * Before a lock is taken, which may order the two, a look whether it was initialised unordered. Not
 * recorded: threads that wait for a lock are many and unordered.
 */
static inline void before_lock(const volatile void *obj, uint64_t pc)
{
	if (!me.tag)
		return;
	uint64_t w = load_rlx(&cell_of(OBJ(obj))->w);
	if (unlikely(w & 1ull << (OBJ(obj) & 7) && !(w & (TAG_WEAK | TAG_INFLATED)) &&
		     !ordered(&me, w)))
		object_used(obj, pc);
}

static inline int after_lock(int err, const volatile void *obj)
{
	if (me.tag && (!err || err == EOWNERDEAD))
		sync_acquire(&me, OBJ(obj));
	return err;
}

/* The only owner: its use stands in for those before. */
static inline int locked(int err, const volatile void *obj, uint64_t pc)
{
	if (err && err != EOWNERDEAD)
		return err;
	if (me.tag)
		sync_acquire_owned(&me, OBJ(obj));
	if (watched())
		lock_taken(&me, OBJ(obj), pc, false);
	object_used(obj, pc);
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

/* Initialised or destroyed. */
static inline int renewed(int err, const volatile void *obj, uint64_t pc)
{
	if (me.tag && !err) {
		object_written(obj, pc);
		sync_forget(OBJ(obj), 1);
	}
	return err;
}

/* The same of a lock. */
static inline int lock_made(int err, const volatile void *obj, uint64_t pc)
{
	if (!err && watched()) {
		locks_forget(OBJ(obj), 1);
		lock_new(&me, OBJ(obj), pc);
	}
	return renewed(err, obj, pc);
}

static inline int lock_destroyed(int err, const volatile void *obj, uint64_t pc)
{
	if (!err && watched()) {
		lock_given(&me, OBJ(obj));
		locks_forget(OBJ(obj), 1);
	}
	return renewed(err, obj, pc);
}

/* The caller may have to wait for it. */
static inline void lock_wait(const volatile void *obj, uint64_t pc)
{
	before_lock(obj, pc);
	if (watched())
		lock_wanted(&me, OBJ(obj), pc);
}

/*
 * libc knows owners by the OS's threads. After fork() the child's locks may carry its parent's
 * number: then owners are not looked at.
 */
static inline bool is_mine(const pthread_mutex_t *m)
{
	if (unlikely(me.moves))
		return lock_held(&me, OBJ(m));
	return m->__data.__owner == me.life->past->ostid;
}

/* The caller will wait for ever; a mutex of another type tells it so. */
static inline void no_double_lock(const pthread_mutex_t *m, uint64_t pc)
{
	int type = m->__data.__kind & 0x7f;
	bool waits = type == PTHREAD_MUTEX_NORMAL || type == PTHREAD_MUTEX_ADAPTIVE_NP;
	if (watched() && m->__data.__owner && waits && is_mine(m) && !forked)
		bug_lock(&me, GORT_FINDING_DOUBLE_LOCK, OBJ(m), pc);
}

/* err: of a lock. */
static inline void no_bad_lock(int err, const pthread_mutex_t *m, uint64_t pc)
{
	if (unlikely(err == EINVAL) && watched())
		bug_lock(&me, GORT_FINDING_BAD_LOCK, OBJ(m), pc);
}

static inline void before_mutex_unlock(const pthread_mutex_t *m, uint64_t pc)
{
	bool mine = watched() && is_mine(m);
	if (unlikely(!mine) && watched() && !forked)
		bug_lock(&me, GORT_FINDING_UNLOCK, OBJ(m), pc);
	if (likely(mine))
		sync_release_owned(&me, OBJ(m));
	else
		before_unlock(m, false);
	if (watched())
		lock_given(&me, OBJ(m));
}

#define SPINS      100
#define SPIN_EVERY 32
#define MAX_SPARED 64
#define NAPS       2
#define NAP_NS     20000
#define LENDS      0x60 /* glibc's flags of a lock that lends priority to its owner */

/*
 * With a thread in the lock's queue its owner makes a system call each time it gives the lock back,
 * and the one that wakes finds it taken again. Where a lock is that busy its waiter does better to
 * look again a little later: the owner is not told, and gets much done meanwhile. Threads that hold
 * it for longer than the naps gain nothing: they wait in the queue.
 */
static __attribute__((noinline)) void nap(const pthread_mutex_t *m)
{
	const volatile int *word = &m->__data.__lock;
	struct timespec ts = {0, NAP_NS};
	if (m->__data.__kind & LENDS)
		return;
	for (int i = 0; i < NAPS && *word; i++)
		SYS3(SYS_nanosleep, &ts, 0, 0);
}

/*
 * A while, no more than a sleep and its end would take: with the detector's part a critical section
 * is longer, and a thread that would have come in time has to wait. Only where that is rare; two
 * threads that do nothing but take one lock are better off when the one sleeps while the other goes
 * on.
 */
static inline void wait_awake(const pthread_mutex_t *m)
{
	static __thread uint32_t spared __attribute__((tls_model("initial-exec")));
	const volatile int *word = &m->__data.__lock;
	if (likely(!*word)) {
		spared += spared < MAX_SPARED;
	} else if (spared >= SPIN_EVERY) {
		spared -= SPIN_EVERY;
		for (int i = 0; i < SPINS && *word; i++)
			procyield(1);
	} else {
		nap(m);
	}
}

EXPORT int pthread_mutex_lock(pthread_mutex_t *m)
{
	enter(PC);
	lock_wait(m, OWN_PC);
	no_double_lock(m, OWN_PC);
	wait_awake(m);
	int err = locked(NEXT(pthread_mutex_lock)(m), m, OWN_PC);
	no_bad_lock(err, m, OWN_PC);
	leave();
	return err;
}

EXPORT int pthread_mutex_trylock(pthread_mutex_t *m)
{
	enter(PC);
	before_lock(m, OWN_PC);
	int err = locked(NEXT(pthread_mutex_trylock)(m), m, OWN_PC);
	no_bad_lock(err, m, OWN_PC);
	leave();
	return err;
}

EXPORT int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *at)
{
	enter(PC);
	lock_wait(m, OWN_PC);
	int err = locked(NEXT(pthread_mutex_timedlock)(m, at), m, OWN_PC);
	leave();
	return err;
}

EXPORT int pthread_mutex_clocklock(pthread_mutex_t *m, clockid_t clock, const struct timespec *at)
{
	enter(PC);
	lock_wait(m, OWN_PC);
	int err = locked(NEXT(pthread_mutex_clocklock)(m, clock, at), m, OWN_PC);
	leave();
	return err;
}

EXPORT int pthread_mutex_unlock(pthread_mutex_t *m)
{
	enter(PC);
	before_mutex_unlock(m, OWN_PC);
	int err = NEXT(pthread_mutex_unlock)(m);
	leave();
	return err;
}

EXPORT int pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr)
{
	enter(PC);
	int err = lock_made(NEXT(pthread_mutex_init)(m, attr), m, OWN_PC);
	leave();
	return err;
}

EXPORT int pthread_mutex_destroy(pthread_mutex_t *m)
{
	enter(PC);
	if (watched() && m->__data.__lock && m->__data.__kind != -1)
		bug_lock(&me, GORT_FINDING_DESTROY_LOCKED, OBJ(m), OWN_PC);
	int err = lock_destroyed(NEXT(pthread_mutex_destroy)(m), m, OWN_PC);
	leave();
	return err;
}

EXPORT int pthread_spin_init(pthread_spinlock_t *l, int shared)
{
	enter(PC);
	int err = lock_made(NEXT(pthread_spin_init)(l, shared), l, OWN_PC);
	leave();
	return err;
}

EXPORT int pthread_spin_lock(pthread_spinlock_t *l)
{
	enter(PC);
	lock_wait(l, OWN_PC);
	if (watched() && lock_held(&me, OBJ(l)))
		bug_lock(&me, GORT_FINDING_DOUBLE_LOCK, OBJ(l), OWN_PC);
	int err = locked(NEXT(pthread_spin_lock)(l), l, OWN_PC);
	leave();
	return err;
}

EXPORT int pthread_spin_trylock(pthread_spinlock_t *l)
{
	enter(PC);
	before_lock(l, OWN_PC);
	int err = locked(NEXT(pthread_spin_trylock)(l), l, OWN_PC);
	leave();
	return err;
}

#define SPIN_FREE 1 /* glibc's value on x86 */

EXPORT int pthread_spin_unlock(pthread_spinlock_t *l)
{
	enter(PC);
	if (watched() && *l == SPIN_FREE)
		bug_lock(&me, GORT_FINDING_UNLOCK, OBJ(l), OWN_PC);
	before_unlock(l, false);
	if (watched())
		lock_given(&me, OBJ(l));
	int err = NEXT(pthread_spin_unlock)(l);
	leave();
	return err;
}

EXPORT int pthread_spin_destroy(pthread_spinlock_t *l)
{
	enter(PC);
	if (watched() && *l != SPIN_FREE)
		bug_lock(&me, GORT_FINDING_DESTROY_LOCKED, OBJ(l), OWN_PC);
	int err = lock_destroyed(NEXT(pthread_spin_destroy)(l), l, OWN_PC);
	leave();
	return err;
}

/*
 * A reader-writer lock has two objects: what writers released, which everybody acquires, and what
 * readers did, which only writers acquire. So readers are not ordered with each other, and what
 * they write is a race.
 */
static uintptr_t readers_of(const pthread_rwlock_t *l)
{
	return OBJ(l) + 8;
}

static int write_locked(int err, pthread_rwlock_t *l, uint64_t pc)
{
	if (err)
		return err;
	if (me.tag) {
		sync_acquire(&me, OBJ(l));
		sync_acquire(&me, readers_of(l));
	}
	if (watched())
		lock_taken(&me, OBJ(l), pc, false);
	return 0;
}

static int read_locked(int err, pthread_rwlock_t *l, uint64_t pc)
{
	after_lock(err, l);
	if (!err && watched())
		lock_taken(&me, OBJ(l), pc, true);
	return err;
}

#define READER 8 /* glibc counts readers from this bit on */

static bool is_free(const pthread_rwlock_t *l)
{
	return !l->__data.__cur_writer && l->__data.__readers < READER;
}

EXPORT int pthread_rwlock_rdlock(pthread_rwlock_t *l)
{
	enter(PC);
	lock_wait(l, OWN_PC);
	int err = read_locked(NEXT(pthread_rwlock_rdlock)(l), l, OWN_PC);
	if (unlikely(err == EDEADLK) && watched())
		bug_lock(&me, GORT_FINDING_READ_LOCK, OBJ(l), OWN_PC);
	leave();
	return err;
}

EXPORT int pthread_rwlock_tryrdlock(pthread_rwlock_t *l)
{
	enter(PC);
	before_lock(l, OWN_PC);
	int err = read_locked(NEXT(pthread_rwlock_tryrdlock)(l), l, OWN_PC);
	leave();
	return err;
}

EXPORT int pthread_rwlock_timedrdlock(pthread_rwlock_t *l, const struct timespec *at)
{
	enter(PC);
	lock_wait(l, OWN_PC);
	int err = read_locked(NEXT(pthread_rwlock_timedrdlock)(l, at), l, OWN_PC);
	leave();
	return err;
}

EXPORT int pthread_rwlock_clockrdlock(
	pthread_rwlock_t *l, clockid_t clock, const struct timespec *at)
{
	enter(PC);
	lock_wait(l, OWN_PC);
	int err = read_locked(NEXT(pthread_rwlock_clockrdlock)(l, clock, at), l, OWN_PC);
	leave();
	return err;
}

EXPORT int pthread_rwlock_wrlock(pthread_rwlock_t *l)
{
	enter(PC);
	lock_wait(l, OWN_PC);
	int err = write_locked(NEXT(pthread_rwlock_wrlock)(l), l, OWN_PC);
	if (unlikely(err == EDEADLK) && watched())
		bug_lock(&me, GORT_FINDING_DOUBLE_LOCK, OBJ(l), OWN_PC);
	leave();
	return err;
}

EXPORT int pthread_rwlock_trywrlock(pthread_rwlock_t *l)
{
	enter(PC);
	before_lock(l, OWN_PC);
	int err = write_locked(NEXT(pthread_rwlock_trywrlock)(l), l, OWN_PC);
	leave();
	return err;
}

EXPORT int pthread_rwlock_timedwrlock(pthread_rwlock_t *l, const struct timespec *at)
{
	enter(PC);
	lock_wait(l, OWN_PC);
	int err = write_locked(NEXT(pthread_rwlock_timedwrlock)(l, at), l, OWN_PC);
	leave();
	return err;
}

EXPORT int pthread_rwlock_clockwrlock(
	pthread_rwlock_t *l, clockid_t clock, const struct timespec *at)
{
	enter(PC);
	lock_wait(l, OWN_PC);
	int err = write_locked(NEXT(pthread_rwlock_clockwrlock)(l, clock, at), l, OWN_PC);
	leave();
	return err;
}

EXPORT int pthread_rwlock_unlock(pthread_rwlock_t *l)
{
	enter(PC);
	if (watched() && is_free(l))
		bug_lock(&me, GORT_FINDING_UNLOCK, OBJ(l), OWN_PC);
	if (me.tag && l->__data.__cur_writer)
		sync_release(&me, OBJ(l));
	else if (me.tag)
		sync_merge(&me, readers_of(l));
	if (watched())
		lock_given(&me, OBJ(l));
	int err = NEXT(pthread_rwlock_unlock)(l);
	leave();
	return err;
}

EXPORT int pthread_rwlock_init(pthread_rwlock_t *l, const pthread_rwlockattr_t *attr)
{
	enter(PC);
	if (me.tag)
		sync_forget(readers_of(l), 1);
	int err = lock_made(NEXT(pthread_rwlock_init)(l, attr), l, OWN_PC);
	leave();
	return err;
}

EXPORT int pthread_rwlock_destroy(pthread_rwlock_t *l)
{
	enter(PC);
	if (watched() && !is_free(l))
		bug_lock(&me, GORT_FINDING_DESTROY_LOCKED, OBJ(l), OWN_PC);
	if (me.tag)
		sync_forget(readers_of(l), 1);
	int err = lock_destroyed(NEXT(pthread_rwlock_destroy)(l), l, OWN_PC);
	leave();
	return err;
}

/*
 * The functions of condition variables exist twice in glibc; the old ones have another layout. All
 * of them must be here: see intercept_versions.c.
 */
#define COND(name) NEXT_V(name, "GLIBC_2.3.2")

EXPORT int pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attr)
{
	writes(c, 1, PC);
	return COND(pthread_cond_init)(c, attr);
}

EXPORT int pthread_cond_destroy(pthread_cond_t *c)
{
	writes(c, 1, PC);
	return COND(pthread_cond_destroy)(c);
}

EXPORT int pthread_cond_signal(pthread_cond_t *c)
{
	libc_access(c, 1, TAG_READ | TAG_ATOMIC, PC);
	return COND(pthread_cond_signal)(c);
}

EXPORT int pthread_cond_broadcast(pthread_cond_t *c)
{
	libc_access(c, 1, TAG_READ | TAG_ATOMIC, PC);
	return COND(pthread_cond_broadcast)(c);
}

/*
 * A wait gives the mutex up and takes it again, also one that is cancelled, before the program's
 * cleanup handlers run.
 */
struct wait {
	pthread_mutex_t *m;
	uint64_t pc;
};

static void give_up(const struct wait *w)
{
	before_mutex_unlock(w->m, w->pc);
}

static void relock(void *arg)
{
	const struct wait *w = arg;
	after_lock(0, w->m);
	if (watched()) {
		lock_wanted(&me, OBJ(w->m), w->pc);
		lock_taken(&me, OBJ(w->m), w->pc, false);
	}
	leave();
}

EXPORT int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
	int err;
	enter(PC);
	struct wait w = {m, OWN_PC};
	object_used(c, w.pc);
	give_up(&w);
	pthread_cleanup_push(relock, &w);
	err = COND(pthread_cond_wait)(c, m);
	pthread_cleanup_pop(1);
	return err;
}

EXPORT int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *at)
{
	int err;
	enter(PC);
	struct wait w = {m, OWN_PC};
	object_used(c, w.pc);
	give_up(&w);
	pthread_cleanup_push(relock, &w);
	err = COND(pthread_cond_timedwait)(c, m, at);
	pthread_cleanup_pop(1);
	return err;
}

EXPORT int pthread_cond_clockwait(
	pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock, const struct timespec *at)
{
	int err;
	enter(PC);
	struct wait w = {m, OWN_PC};
	object_used(c, w.pc);
	give_up(&w);
	pthread_cleanup_push(relock, &w);
	err = NEXT(pthread_cond_clockwait)(c, m, clock, at);
	pthread_cleanup_pop(1);
	return err;
}

/* All arrivals add before anyone leaves; the last of a round may see the next round's first. */
EXPORT int pthread_barrier_wait(pthread_barrier_t *b)
{
	enter(PC);
	object_used(b, OWN_PC);
	before_unlock(b, true);
	int err = NEXT(pthread_barrier_wait)(b);
	after_lock(err == PTHREAD_BARRIER_SERIAL_THREAD ? 0 : err, b);
	object_used(b, OWN_PC);
	leave();
	return err;
}

EXPORT int pthread_barrier_init(
	pthread_barrier_t *restrict b, const pthread_barrierattr_t *restrict attr, unsigned n)
{
	enter(PC);
	int err = renewed(NEXT(pthread_barrier_init)(b, attr, n), b, OWN_PC);
	leave();
	return err;
}

EXPORT int pthread_barrier_destroy(pthread_barrier_t *b)
{
	enter(PC);
	int err = renewed(NEXT(pthread_barrier_destroy)(b), b, OWN_PC);
	leave();
	return err;
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

EXPORT int sem_clockwait(sem_t *s, clockid_t clock, const struct timespec *at)
{
	return after_lock(NEXT(sem_clockwait)(s, clock, at), s);
}

EXPORT int sem_destroy(sem_t *s)
{
	return renewed(NEXT(sem_destroy)(s), s, PC);
}
