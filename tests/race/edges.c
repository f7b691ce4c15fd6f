/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edges.c - functions that order two threads, each by itself: one thread changes a variable and
 * then gives, the other takes and then changes it as well. edges NAME race calls neither.
 *
 * Which comes first in time is forced by system calls that the detector is not told of.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))
#define MUST(x)                  \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static long shared;
static int told[2], ends[2], event, copy, poller, listener;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static sem_t sem;
static mtx_t mtx;
static cnd_t cnd;
static bool ready;
static once_flag once = ONCE_FLAG_INIT;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_spinlock_t spin;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;

static NOINLINE void early(void)
{
	shared++;
}

static NOINLINE void late(void)
{
	shared++;
}

static struct timespec after_a_minute(clockid_t clock)
{
	struct timespec at;
	clock_gettime(clock, &at);
	at.tv_sec += 60;
	return at;
}

static void post(void)
{
	MUST(!sem_post(&sem));
}

static void wait_until(void)
{
	struct timespec at = after_a_minute(CLOCK_REALTIME);
	MUST(!sem_timedwait(&sem, &at));
}

static void wait_clock(void)
{
	struct timespec at = after_a_minute(CLOCK_MONOTONIC);
	MUST(!sem_clockwait(&sem, CLOCK_MONOTONIC, &at));
}

static void wait_try(void)
{
	MUST(!sem_trywait(&sem));
}

static void event_give(void)
{
	MUST(!eventfd_write(event, 1));
}

static void event_take(void)
{
	eventfd_t value;
	MUST(!eventfd_read(event, &value));
}

static void copy_give(void)
{
	MUST(write(copy, "x", 1) == 1);
}

static void copy_take(void)
{
	char byte;
	MUST(read(ends[0], &byte, 1) == 1);
}

static void poll_give(void)
{
	struct epoll_event e = {.events = EPOLLOUT};
	MUST(!epoll_ctl(poller, EPOLL_CTL_ADD, ends[1], &e));
}

static void poll_take(void)
{
	struct epoll_event e;
	MUST(epoll_wait(poller, &e, 1, -1) == 1);
}

static void socket_give(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	MUST(fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof address));
}

static void socket_take(void)
{
	MUST(accept(listener, NULL, NULL) >= 0);
}

static void once_give(void)
{
	call_once(&once, early);
}

static void nothing(void)
{
}

static void once_take(void)
{
	call_once(&once, nothing);
}

static void cnd_give(void)
{
	mtx_lock(&mtx);
	ready = true;
	cnd_broadcast(&cnd);
	mtx_unlock(&mtx);
}

static void cnd_take(void)
{
	struct timespec at = after_a_minute(CLOCK_REALTIME);
	mtx_lock(&mtx);
	while (!ready)
		MUST(cnd_timedwait(&cnd, &mtx, &at) == thrd_success);
	mtx_unlock(&mtx);
}

static void mtx_take(void)
{
	MUST(mtx_trylock(&mtx) == thrd_success);
}

static void mtx_take_until(void)
{
	struct timespec at = after_a_minute(CLOCK_REALTIME);
	MUST(mtx_timedlock(&mtx, &at) == thrd_success);
}

static void mtx_give(void)
{
	mtx_unlock(&mtx);
}

static void mutex_take(void)
{
	MUST(!pthread_mutex_trylock(&mutex));
}

static void mutex_take_until(void)
{
	struct timespec at = after_a_minute(CLOCK_REALTIME);
	MUST(!pthread_mutex_timedlock(&mutex, &at));
}

static void mutex_give(void)
{
	pthread_mutex_unlock(&mutex);
}

static void spin_take(void)
{
	MUST(!pthread_spin_trylock(&spin));
}

static void spin_give(void)
{
	pthread_spin_unlock(&spin);
}

static void rw_take(void)
{
	MUST(!pthread_rwlock_trywrlock(&rw));
}

static void rw_take_until(void)
{
	struct timespec at = after_a_minute(CLOCK_REALTIME);
	MUST(!pthread_rwlock_timedrdlock(&rw, &at));
}

static void rw_give(void)
{
	pthread_rwlock_unlock(&rw);
}

static int exit_thread(void *arg)
{
	(void)arg;
	early();
	thrd_exit(7);
}

static thrd_t exiting;

static void thread_give(void)
{
	MUST(thrd_create(&exiting, exit_thread, NULL) == thrd_success);
}

static void thread_take(void)
{
	int result;
	MUST(thrd_join(exiting, &result) == thrd_success && result == 7);
}

/* before: what the first does before its access; after: the second after its own. */
static const struct edge {
	const char *name;
	void (*before)(void), (*give)(void), (*take)(void), (*after)(void);
} edges[] = {
	{"sem_timedwait", NULL, post, wait_until, NULL},
	{"sem_clockwait", NULL, post, wait_clock, NULL},
	{"sem_trywait", NULL, post, wait_try, NULL},
	{"eventfd", NULL, event_give, event_take, NULL},
	{"dup", NULL, copy_give, copy_take, NULL},
	{"epoll", NULL, poll_give, poll_take, NULL},
	{"accept", NULL, socket_give, socket_take, NULL},
	{"call_once", NULL, once_give, once_take, NULL},
	{"cnd", NULL, cnd_give, cnd_take, NULL},
	{"mtx_trylock", mtx_take, mtx_give, mtx_take, mtx_give},
	{"mtx_timedlock", mtx_take_until, mtx_give, mtx_take_until, mtx_give},
	{"mutex_trylock", mutex_take, mutex_give, mutex_take, mutex_give},
	{"mutex_timedlock", mutex_take_until, mutex_give, mutex_take_until, mutex_give},
	{"spin_trylock", spin_take, spin_give, spin_take, spin_give},
	{"rwlock_try", rw_take, rw_give, rw_take, rw_give},
	{"rwlock_timed", rw_take, rw_give, rw_take_until, rw_give},
	{"thrd_exit", NULL, thread_give, thread_take, NULL},
};

static bool planted;

static void call(void (*fn)(void))
{
	if (fn && !planted)
		fn();
}

static void *first(void *arg)
{
	const struct edge *e = arg;
	call(e->before);
	early();
	call(e->give);
	MUST(syscall(SYS_write, told[1], "x", 1) == 1);
	return NULL;
}

static void *second(void *arg)
{
	const struct edge *e = arg;
	char byte;
	MUST(syscall(SYS_read, told[0], &byte, 1) == 1);
	call(e->take);
	late();
	call(e->after);
	return NULL;
}

static void prepare(void)
{
	MUST(!syscall(SYS_pipe2, told, 0) && !pipe(ends));
	event = eventfd(0, 0);
	copy = dup(ends[1]);
	poller = epoll_create1(0);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "gort-edges-%d", getpid());
	MUST(!bind(listener, (struct sockaddr *)&address, sizeof address) && !listen(listener, 1));
	MUST(!sem_init(&sem, 0, 0) && !pthread_spin_init(&spin, 0));
	MUST(mtx_init(&mtx, mtx_timed) == thrd_success && cnd_init(&cnd) == thrd_success);
}

int main(int argc, char **argv)
{
	pthread_t t, u;
	planted = argc > 2 && !strcmp(argv[2], "race");
	prepare();
	for (unsigned i = 0; argc > 1 && i < sizeof edges / sizeof *edges; i++) {
		if (strcmp(edges[i].name, argv[1]))
			continue;
		MUST(!pthread_create(&t, NULL, first, (void *)&edges[i]));
		MUST(!pthread_create(&u, NULL, second, (void *)&edges[i]));
		pthread_join(t, NULL);
		pthread_join(u, NULL);
		printf("done\n");
		return 0;
	}
	return 3;
}
