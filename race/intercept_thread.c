/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * intercept_thread.c - creation and end of POSIX threads.
 *
 * A thread's record is in `running` from its start until it is joined, or has ended detached.
 * Parent and child both enter it, whichever comes first: the child may look for itself
 * (pthread_detach) before pthread_create has returned, the parent may join before the child ran. A
 * joiner finds the record before it waits, because afterwards the pthread_t may name another
 * thread.
 *
 * The end is seen by a destructor of thread-specific data in its last round, so that what the
 * program's own destructors do is still recorded.
 */
#include "builtins.h"

#include <limits.h>
#include <pthread.h>

#include "front.h"
#include "report.h"
#include "sys.h"

#define NBUCKETS 1024

enum { ENTERED = 1, ENDED = 2, DETACHED = 4, TOLD = 8 };

struct pthread {
	struct pthread *next;
	struct life *life;
	pthread_t handle;
	uint32_t state; /* running.lock */
	uint32_t rounds;
	void *(*fn)(void *);
	void *arg;
	uintptr_t stack;
	size_t stack_size;
	uintptr_t frame; /* the first one of the program; above it are TLS and libc's own */
};

static struct {
	struct mutex lock;
	struct pthread *bucket[NBUCKETS];
} running;

static struct pool records = {.size = sizeof(struct pthread), .link = 0};
static __thread struct pthread *self __attribute__((tls_model("initial-exec")));
static pthread_key_t end_key;
static pthread_once_t end_key_once = PTHREAD_ONCE_INIT;

static struct pthread **bucket_of(pthread_t handle)
{
	return &running.bucket[(handle >> 12) * HASH_MUL >> 54];
}

static void enter_running(struct pthread *p, pthread_t handle)
{
	lock(&running.lock);
	if (!(p->state & ENTERED)) {
		struct pthread **b = bucket_of(handle);
		p->state |= ENTERED;
		p->handle = handle;
		p->next = *b;
		*b = p;
	}
	unlock(&running.lock);
}

static void unlink_running(struct pthread *p)
{
	struct pthread **b = bucket_of(p->handle);
	while (*b && *b != p)
		b = &(*b)->next;
	if (*b)
		*b = p->next;
}

static struct pthread *find_running(pthread_t handle)
{
	lock(&running.lock);
	struct pthread *p = *bucket_of(handle);
	while (p && p->handle != handle)
		p = p->next;
	unlock(&running.lock);
	return p;
}

/* Ended and detached, in either order: nobody will ask for it. */
static void finish(struct pthread *p, uint32_t state)
{
	lock(&running.lock);
	p->state |= state;
	bool over = (p->state & (ENDED | DETACHED)) == (ENDED | DETACHED);
	if (over)
		unlink_running(p);
	unlock(&running.lock);
	if (over) {
		thread_drop(p->life);
		pool_put(&records, p);
	}
}

static void thread_ends(void *arg)
{
	struct pthread *p = arg;
	if (++p->rounds < PTHREAD_DESTRUCTOR_ITERATIONS) {
		pthread_setspecific(end_key, p);
		return;
	}
	if (!me.tag)
		return;
	ignores_checked();
	me.busy = 1;
	thread_end(&me);
	locks_end(&me);
	frames_free(&me);
	self = NULL;
	forget(p->stack, p->stack_size);
	finish(p, ENDED);
}

static struct pthread *with_stack(uintptr_t addr)
{
	for (uint32_t i = 0; i < NBUCKETS; i++) {
		for (struct pthread *p = running.bucket[i]; p; p = p->next) {
			if (!(p->state & ENDED) && addr - p->stack < p->stack_size)
				return p;
		}
	}
	return NULL;
}

const struct past *front_owner(uintptr_t addr, uint32_t *flags)
{
	lock(&running.lock);
	struct pthread *p = with_stack(addr);
	const struct past *who = p ? p->life->past : NULL;
	*flags = p && addr > p->frame ? GORT_OWNER_TLS : 0;
	unlock(&running.lock);
	return who ? who : main_owner(addr, flags);
}

/* How many created at ctx have ended unjoined; they are not counted again. */
static uint32_t tell_leaked(uint32_t ctx)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < NBUCKETS; i++) {
		for (struct pthread *p = running.bucket[i]; p; p = p->next) {
			if (p->state != (ENTERED | ENDED) || p->life->past->ctx != ctx)
				continue;
			p->state |= TOLD;
			n++;
		}
	}
	return n;
}

static struct pthread *first_leaked(void)
{
	struct pthread *first = NULL;
	for (uint32_t i = 0; i < NBUCKETS; i++) {
		for (struct pthread *p = running.bucket[i]; p; p = p->next) {
			if (p->state == (ENTERED | ENDED) &&
				(!first || p->life->past->uid < first->life->past->uid))
				first = p;
		}
	}
	return first;
}

void threads_leaked(void)
{
	for (;;) {
		lock(&running.lock);
		struct pthread *p = first_leaked();
		const struct past *who = p ? p->life->past : NULL;
		uint32_t n = p ? tell_leaked(who->ctx) : 0;
		unlock(&running.lock);
		if (!p)
			return;
		bug_thread_leak(&me, who, n);
	}
}

static void make_key(void)
{
	pthread_key_create(&end_key, thread_ends);
}

static void find_stack(struct pthread *p)
{
	pthread_attr_t attr;
	void *stack = NULL;
	p->stack_size = 0;
	if (pthread_getattr_np(pthread_self(), &attr))
		return;
	pthread_attr_getstack(&attr, &stack, &p->stack_size);
	pthread_attr_destroy(&attr);
	p->stack = (uintptr_t)stack;
}

static void *thread_start(void *arg)
{
	struct pthread *p = self = arg;
	p->frame = (uintptr_t)__builtin_frame_address(0);
	enter_running(p, pthread_self());
	find_stack(p);
	forget(p->stack, p->stack_size); /* libc may have made it of memory that was a heap's */
	thread_begin(&me, p->life, sys_gettid());
	pthread_setspecific(end_key, p);
	return p->fn(p->arg);
}

static struct pthread *new_thread(
	const pthread_attr_t *attr, void *(*fn)(void *), void *arg, uint64_t pc)
{
	int state = PTHREAD_CREATE_JOINABLE;
	if (!me.tag)
		front_start();
	me.busy = 1;
	struct pthread *p = pool_get(&records);
	if (attr)
		pthread_attr_getdetachstate(attr, &state);
	p->state = state == PTHREAD_CREATE_DETACHED ? DETACHED : 0;
	p->rounds = 0;
	p->fn = fn;
	p->arg = arg;
	p->life = thread_fork(&me, ctx_of(&me, pc));
	me.busy = 0;
	return p;
}

int create_thread(
	pthread_t *th, const pthread_attr_t *attr, void *(*fn)(void *), void *arg, uint64_t pc)
{
	if (!active || (!me.tag && self))
		return NEXT(pthread_create)(th, attr, fn, arg);
	pthread_once(&end_key_once, make_key);
	struct pthread *p = new_thread(attr, fn, arg, pc);
	pthread_t handle;
	bool detached = p->state & DETACHED;
	int err = NEXT(pthread_create)(&handle, attr, thread_start, p);
	if (err) {
		thread_cancel(&me, p->life);
		pool_put(&records, p);
		return err;
	}
	if (!detached) /* a detached one may be gone already, and is not looked for */
		enter_running(p, handle);
	*th = handle;
	return 0;
}

EXPORT int pthread_create(pthread_t *th, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	enter(PC);
	int err = create_thread(th, attr, fn, arg, OWN_PC);
	leave();
	return err;
}

/* t waited for p; both unknown to us is nothing to do. */
static void joined(struct pthread *p)
{
	if (!p || !me.tag)
		return;
	me.busy = 1;
	lock(&running.lock);
	bool ended = p->state & ENDED;
	if (ended)
		unlink_running(p);
	unlock(&running.lock);
	if (ended) {
		thread_join(&me, p->life);
		pool_put(&records, p);
	}
	me.busy = 0;
}

EXPORT int pthread_join(pthread_t th, void **result)
{
	struct pthread *p = me.tag ? find_running(th) : NULL;
	int err = NEXT(pthread_join)(th, result);
	if (!err)
		joined(p);
	return err;
}

EXPORT int pthread_tryjoin_np(pthread_t th, void **result)
{
	struct pthread *p = me.tag ? find_running(th) : NULL;
	int err = NEXT(pthread_tryjoin_np)(th, result);
	if (!err)
		joined(p);
	return err;
}

EXPORT int pthread_timedjoin_np(pthread_t th, void **result, const struct timespec *at)
{
	struct pthread *p = me.tag ? find_running(th) : NULL;
	int err = NEXT(pthread_timedjoin_np)(th, result, at);
	if (!err)
		joined(p);
	return err;
}

EXPORT int pthread_clockjoin_np(
	pthread_t th, void **result, clockid_t clock, const struct timespec *at)
{
	struct pthread *p = me.tag ? find_running(th) : NULL;
	int err = NEXT(pthread_clockjoin_np)(th, result, clock, at);
	if (!err)
		joined(p);
	return err;
}

EXPORT int pthread_setname_np(pthread_t th, const char *name)
{
	struct pthread *p = me.tag ? find_running(th) : NULL;
	struct life *life = pthread_equal(th, pthread_self()) ? me.life : p ? p->life : NULL;
	if (life)
		name_thread(life->past, name);
	return NEXT(pthread_setname_np)(th, name);
}

EXPORT int pthread_detach(pthread_t th)
{
	struct pthread *p = me.tag ? find_running(th) : NULL;
	int err = NEXT(pthread_detach)(th);
	if (!err && p)
		finish(p, DETACHED);
	return err;
}
