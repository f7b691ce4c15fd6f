/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cases.c - programs with a planted race, and the same with the synchronisation in place.
 *
 * cases NAME runs the synchronised form, cases NAME race the other. Two threads run first() and
 * second(); which of the two accesses comes first in time is forced by a pipe in system calls that
 * the detector does not see, so a race is there in every run and its two functions are known.
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <threads.h>
#include <unistd.h>

static bool racy;
static int pipefd[2];
static long data, other;
static int *heap, *old_heap;
static char bytes[8] __attribute__((aligned(8)));
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_spinlock_t spin;
static pthread_barrier_t barrier;
static sem_t sem;
static mtx_t mtx;
static int second_pipe[2];
static int flag;
static pthread_t first_thread;
static char big[1024];
static size_t length = 100;

#define NOINLINE __attribute__((noinline))

static void done(void)
{
	if (syscall(SYS_write, pipefd[1], "x", 1) != 1)
		abort();
}

static void wait_done(void)
{
	char c;
	if (syscall(SYS_read, pipefd[0], &c, 1) != 1)
		abort();
}

static NOINLINE void early_access(void)
{
	data++;
}

static NOINLINE void late_access(void)
{
	data++;
}

static NOINLINE long late_read(void)
{
	return data;
}

static void counter1(void)
{
	if (!racy)
		pthread_mutex_lock(&mu);
	early_access();
	if (!racy)
		pthread_mutex_unlock(&mu);
	done();
}

static void counter2(void)
{
	wait_done();
	if (!racy)
		pthread_mutex_lock(&mu);
	late_access();
	if (!racy)
		pthread_mutex_unlock(&mu);
}

static void rwlock1(void)
{
	if (!racy)
		pthread_rwlock_wrlock(&rw);
	early_access();
	if (!racy)
		pthread_rwlock_unlock(&rw);
	done();
}

static void rwlock2(void)
{
	wait_done();
	if (!racy)
		pthread_rwlock_rdlock(&rw);
	other = late_read();
	if (!racy)
		pthread_rwlock_unlock(&rw);
}

static void spin1(void)
{
	if (!racy)
		pthread_spin_lock(&spin);
	early_access();
	if (!racy)
		pthread_spin_unlock(&spin);
	done();
}

static void spin2(void)
{
	wait_done();
	if (!racy)
		pthread_spin_lock(&spin);
	late_access();
	if (!racy)
		pthread_spin_unlock(&spin);
}

static void publish1(void)
{
	early_access();
	__atomic_store_n(&flag, 1, racy ? __ATOMIC_RELAXED : __ATOMIC_RELEASE);
	done();
}

static void publish2(void)
{
	wait_done();
	if (__atomic_load_n(&flag, __ATOMIC_ACQUIRE))
		late_access();
}

static void cas1(void)
{
	early_access();
	__atomic_fetch_add(&flag, 1, racy ? __ATOMIC_RELAXED : __ATOMIC_ACQ_REL);
	done();
}

static void cas2(void)
{
	int one = 1;
	wait_done();
	if (__atomic_compare_exchange_n(&flag, &one, 2, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		late_access();
}

static void cond1(void)
{
	early_access();
	if (!racy)
		pthread_mutex_lock(&mu);
	__atomic_store_n(&flag, 1, __ATOMIC_RELAXED);
	pthread_cond_signal(&cond);
	if (!racy)
		pthread_mutex_unlock(&mu);
	done();
}

static void cond2(void)
{
	if (!racy) {
		pthread_mutex_lock(&mu);
		while (!__atomic_load_n(&flag, __ATOMIC_RELAXED))
			pthread_cond_wait(&cond, &mu);
		pthread_mutex_unlock(&mu);
	}
	wait_done();
	late_access();
}

static void once1(void)
{
	if (racy)
		early_access();
	else
		pthread_once(&once, early_access);
	done();
}

static void once2(void)
{
	wait_done();
	if (!racy)
		pthread_once(&once, early_access);
	late_access();
}

static void barrier1(void)
{
	early_access();
	done();
	if (!racy)
		pthread_barrier_wait(&barrier);
}

static void barrier2(void)
{
	wait_done();
	if (!racy)
		pthread_barrier_wait(&barrier);
	late_access();
}

static void sem1(void)
{
	early_access();
	if (!racy)
		sem_post(&sem);
	done();
}

static void sem2(void)
{
	wait_done();
	if (!racy)
		sem_wait(&sem);
	late_access();
}

static void c11_1(void)
{
	if (!racy)
		mtx_lock(&mtx);
	early_access();
	if (!racy)
		mtx_unlock(&mtx);
	done();
}

static int c11_thread(void *arg)
{
	(void)arg;
	if (!racy)
		mtx_lock(&mtx);
	late_access();
	if (!racy)
		mtx_unlock(&mtx);
	return 7;
}

static void c11_2(void)
{
	thrd_t t;
	int result = 0;
	wait_done();
	if (thrd_create(&t, c11_thread, NULL) != thrd_success || thrd_join(t, &result) ||
		result != 7)
		abort();
	data++; /* ordered by the join */
}

/* The program's own pipe orders, when it uses it. */
static void pipe_1(void)
{
	early_access();
	if (!racy && write(second_pipe[1], "x", 1) != 1)
		abort();
	done();
}

static void pipe_2(void)
{
	char c;
	wait_done();
	if (!racy && read(second_pipe[0], &c, 1) != 1)
		abort();
	late_access();
}

/* Relaxed accesses order when fences stand beside them. */
static void fence1(void)
{
	early_access();
	if (!racy)
		__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&flag, 1, __ATOMIC_RELAXED);
	done();
}

static void fence2(void)
{
	wait_done();
	if (!__atomic_load_n(&flag, __ATOMIC_RELAXED))
		abort();
	if (!racy)
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	late_access();
}

/* A reader that locked twice still reads under the lock after the first unlock. */
static void recursive1(void)
{
	pthread_rwlock_rdlock(&rw);
	pthread_rwlock_rdlock(&rw);
	pthread_rwlock_unlock(&rw);
	if (racy)
		pthread_rwlock_unlock(&rw);
	early_access();
	if (!racy)
		pthread_rwlock_unlock(&rw);
	done();
}

static void recursive2(void)
{
	wait_done();
	pthread_rwlock_wrlock(&rw);
	late_access();
	pthread_rwlock_unlock(&rw);
}

static void on_signal(int sig)
{
	(void)sig;
	late_access();
}

/* A handler knows what was done before it was installed; without one there is nothing to know. */
static void signal1(void)
{
	early_access();
	if (!racy)
		signal(SIGUSR1, on_signal);
	done();
}

static void signal2(void)
{
	wait_done();
	if (racy)
		late_access();
	else
		pthread_kill(pthread_self(), SIGUSR1);
}

void AnnotateHappensBefore(const char *file, int line, const volatile void *addr);
void AnnotateHappensAfter(const char *file, int line, const volatile void *addr);

static void annotate1(void)
{
	early_access();
	if (!racy)
		AnnotateHappensBefore(__FILE__, __LINE__, &flag);
	done();
}

static void annotate2(void)
{
	wait_done();
	if (!racy)
		AnnotateHappensAfter(__FILE__, __LINE__, &flag);
	late_access();
}

static void join1(void)
{
	early_access();
	done();
}

static void join2(void)
{
	if (!racy)
		pthread_join(first_thread, NULL);
	wait_done();
	late_access();
}

static NOINLINE void early_bytes(void)
{
	bytes[0] = bytes[1] = bytes[2] = bytes[3] = 1;
}

static NOINLINE void late_bytes(void)
{
	int i = racy ? 3 : 4;
	bytes[i] = bytes[i + 1] = 2;
}

static void subword1(void)
{
	early_bytes();
	done();
}

static void subword2(void)
{
	wait_done();
	late_bytes();
}

/* A length the compiler does not know: it would write small constant ones itself. */
static NOINLINE void early_range(size_t n)
{
	memset(big, 1, n);
}

static NOINLINE void late_range(size_t at, size_t n)
{
	memcpy(big + at, big + 512, n);
}

static void range1(void)
{
	early_range(__atomic_load_n(&length, __ATOMIC_RELAXED));
	done();
}

static void range2(void)
{
	wait_done();
	late_range(racy ? 99 : 100, __atomic_load_n(&length, __ATOMIC_RELAXED));
}

static NOINLINE void early_heap(void)
{
	heap[50] = 1;
}

static NOINLINE void late_heap(int *p)
{
	p[50] = 2;
}

/*
 * The block is freed and handed out again, to the thread that freed it so that malloc surely reuses
 * it; the new block is first touched by the other thread, which owes nothing to the old one.
 */
static void heap1(void)
{
	early_heap();
	if (!racy) {
		free(heap);
		if (malloc(400) != old_heap)
			fprintf(stderr, "malloc did not reuse the block: nothing was tested\n");
	}
	done();
}

static void heap2(void)
{
	wait_done();
	late_heap(old_heap);
}

static NOINLINE void early_call(int depth)
{
	if (depth)
		early_call(depth - 1);
	else
		early_access();
	__asm__ volatile("");
}

static NOINLINE void busy_call(long i)
{
	other += i;
}

/* A million calls lie between the two accesses, in the thread of the first. */
static void history1(void)
{
	if (!racy)
		pthread_mutex_lock(&mu);
	early_call(5);
	for (long i = 0; i < 1000000; i++)
		busy_call(i);
	if (!racy)
		pthread_mutex_unlock(&mu);
	done();
}

static void *reader(void *arg)
{
	pthread_mutex_lock(&mu);
	long v = data;
	pthread_mutex_unlock(&mu);
	return arg ? arg : (void *)v;
}

/* 64 ordered readers come between the write and the unordered access. */
static void evict1(void)
{
	pthread_mutex_lock(&mu);
	early_access();
	pthread_mutex_unlock(&mu);
	for (int i = 0; i < 64; i++) {
		pthread_t t;
		pthread_create(&t, NULL, reader, NULL);
		pthread_join(t, NULL);
	}
	done();
}

static void *short_lived(void *arg)
{
	volatile char local[256];
	for (int i = 0; i < 256; i++)
		local[i] = 1;
	return local[0] ? arg : NULL;
}

/* Threads on recycled stacks and ids, joined and detached. */
static void churn1(void)
{
	pthread_attr_t detached;
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 200; i++) {
		pthread_t t;
		if (i % 4 == 0) {
			pthread_create(&t, &detached, short_lived, NULL);
			continue;
		}
		pthread_create(&t, NULL, short_lived, NULL);
		pthread_join(t, NULL);
	}
	early_access();
	done();
}

static const struct pair {
	const char *name;
	void (*first)(void), (*second)(void);
} pairs[] = {
	{"counter", counter1, counter2},
	{"rwlock", rwlock1, rwlock2},
	{"spin", spin1, spin2},
	{"publish", publish1, publish2},
	{"cas", cas1, cas2},
	{"cond", cond1, cond2},
	{"once", once1, once2},
	{"barrier", barrier1, barrier2},
	{"sem", sem1, sem2},
	{"join", join1, join2},
	{"c11", c11_1, c11_2},
	{"pipe", pipe_1, pipe_2},
	{"fence", fence1, fence2},
	{"recursive", recursive1, recursive2},
	{"annotate", annotate1, annotate2},
	{"signal", signal1, signal2},
	{"subword", subword1, subword2},
	{"range", range1, range2},
	{"heap", heap1, heap2},
	{"history", history1, counter2},
	{"evict", evict1, counter2},
	{"churn", churn1, join2},
};

static void *run(void *arg)
{
	((void (*)(void))arg)();
	return NULL;
}

static NOINLINE void run_pair(const struct pair *p)
{
	pthread_t second;
	pthread_create(&first_thread, NULL, run, (void *)p->first);
	pthread_create(&second, NULL, run, (void *)p->second);
	pthread_join(second, NULL);
	if (racy || (p->second != join2))
		pthread_join(first_thread, NULL);
}

/* A program linked with libtsan gets atexit() from the detector. */
static void at_exit(void)
{
	other++;
}

/* What the detector is to hide; tests/race/report.sh says it in the environment. */
const char *__tsan_default_suppressions(void) __attribute__((visibility("default")));
const char *__tsan_default_suppressions(void)
{
	const char *text = getenv("CASES_SUPPRESSIONS");
	return text ? text : "";
}

int main(int argc, char **argv)
{
	if (atexit(at_exit))
		return 3;
	racy = argc > 2 && !strcmp(argv[2], "race");
	pthread_spin_init(&spin, 0);
	pthread_barrier_init(&barrier, NULL, 2);
	sem_init(&sem, 0, 0);
	mtx_init(&mtx, mtx_plain);
	heap = old_heap = malloc(400);
	if (pipe(pipefd) || pipe(second_pipe) || argc < 2)
		return 3;
	for (unsigned i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		if (!strcmp(pairs[i].name, argv[1])) {
			run_pair(&pairs[i]);
			other += bytes[0] + bytes[3]; /* keeps the stores to them */
			printf("done\n");
			return argc > 3 ? atoi(argv[3]) : 0;
		}
	}
	return 3;
}
