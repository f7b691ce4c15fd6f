/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * intercept_c11.c - C11 threads, and what C++ compilers call for static variables and exit
 * functions. glibc's C11 functions call its own pthread functions inside, where they cannot be
 * seen. A thrd_t is a pthread_t there, so threads go through ours.
 */
#include "builtins.h"

#include <pthread.h>
#include <stdlib.h>
#include <threads.h>

#include "front.h"
#include "mem.h"

#define OBJ(p) ((uintptr_t)(p))

struct start {
	thrd_start_t fn;
	void *arg;
	void *link;
};

static struct pool starts = {.size = sizeof(struct start), .link = offsetof(struct start, link)};

static void *run(void *arg)
{
	struct start s = *(struct start *)arg;
	pool_put(&starts, arg);
	return (void *)(intptr_t)s.fn(s.arg);
}

static int c11_code(int err)
{
	return !err ? thrd_success : err == ENOMEM ? thrd_nomem : thrd_error;
}

EXPORT int thrd_create(thrd_t *th, thrd_start_t fn, void *arg)
{
	struct start *s = pool_get(&starts);
	s->fn = fn;
	s->arg = arg;
	int err = create_thread(th, NULL, run, s, PC);
	if (err)
		pool_put(&starts, s);
	return c11_code(err);
}

EXPORT int thrd_join(thrd_t th, int *result)
{
	void *value;
	int err = pthread_join(th, &value);
	if (!err && result)
		*result = (int)(intptr_t)value;
	return c11_code(err);
}

EXPORT int thrd_detach(thrd_t th)
{
	return c11_code(pthread_detach(th));
}

EXPORT void thrd_exit(int result)
{
	pthread_exit((void *)(intptr_t)result);
}

static int locked(int code, mtx_t *m)
{
	if (code == thrd_success)
		sync_acquire(&me, OBJ(m));
	return code;
}

EXPORT int mtx_lock(mtx_t *m)
{
	return locked(NEXT(mtx_lock)(m), m);
}

EXPORT int mtx_trylock(mtx_t *m)
{
	return locked(NEXT(mtx_trylock)(m), m);
}

EXPORT int mtx_timedlock(mtx_t *restrict m, const struct timespec *restrict at)
{
	return locked(NEXT(mtx_timedlock)(m, at), m);
}

EXPORT int mtx_unlock(mtx_t *m)
{
	sync_release(&me, OBJ(m));
	return NEXT(mtx_unlock)(m);
}

EXPORT void mtx_destroy(mtx_t *m)
{
	sync_forget(OBJ(m), 1);
	NEXT(mtx_destroy)(m);
}

EXPORT int cnd_wait(cnd_t *c, mtx_t *m)
{
	sync_release(&me, OBJ(m));
	int code = NEXT(cnd_wait)(c, m);
	sync_acquire(&me, OBJ(m));
	return code;
}

EXPORT int cnd_timedwait(cnd_t *restrict c, mtx_t *restrict m, const struct timespec *restrict at)
{
	sync_release(&me, OBJ(m));
	int code = NEXT(cnd_timedwait)(c, m, at);
	sync_acquire(&me, OBJ(m));
	return code;
}

EXPORT void call_once(once_flag *once, void (*fn)(void))
{
	pthread_once((pthread_once_t *)once, fn); /* the same object in glibc */
}

/*
 * The guard of a static variable. Compiled code looks at its first byte by an atomic load, which
 * acquires the same object.
 */
EXPORT int __cxa_guard_acquire(uint64_t *guard);
EXPORT void __cxa_guard_release(uint64_t *guard);

/* What a program, and LLVM's tests, may define: C++ functions in the namespace __tsan. */
#define BLOCKING(symbol)                                \
	EXPORT __attribute__((weak)) void symbol(void); \
	EXPORT __attribute__((weak)) void symbol(void)  \
	{                                               \
	}

BLOCKING(_ZN6__tsan32OnPotentiallyBlockingRegionBeginEv)
BLOCKING(_ZN6__tsan30OnPotentiallyBlockingRegionEndEv)

EXPORT int __cxa_guard_acquire(uint64_t *guard)
{
	_ZN6__tsan32OnPotentiallyBlockingRegionBeginEv();
	int mine = NEXT(__cxa_guard_acquire)(guard);
	_ZN6__tsan30OnPotentiallyBlockingRegionEndEv();
	sync_acquire(&me, OBJ(guard));
	return mine;
}

EXPORT void __cxa_guard_release(uint64_t *guard)
{
	sync_release(&me, OBJ(guard));
	NEXT(__cxa_guard_release)(guard);
}
