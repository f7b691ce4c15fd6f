/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lives.c - programs with a race at an end: of a thread, by its destructors or cancelled, of the
 * process, of memory; and across vfork(), and in a library that is loaded late.
 *
 * lives NAME runs the synchronised form, lives NAME race the other. Threads that must not be
 * ordered in the detector's eyes wait for each other by system calls that it is not told of.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "telling.h"

#define NOINLINE __attribute__((noinline))

static bool planted;
static long shared;
static char *block;
static pthread_key_t key;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void *run(void *arg)
{
	((void (*)(void))arg)();
	return NULL;
}

static pthread_t start(void (*fn)(void))
{
	pthread_t t;
	if (pthread_create(&t, NULL, run, (void *)fn))
		abort();
	return t;
}

static NOINLINE void touch(void)
{
	shared++;
}

static NOINLINE void touch_locked(void)
{
	pthread_mutex_lock(&mu);
	touch();
	pthread_mutex_unlock(&mu);
}

/* The last rounds of a thread's destructors are still its own doing. */
static NOINLINE void destroy_value(void *value)
{
	static int rounds;
	if (__atomic_add_fetch(&rounds, 1, __ATOMIC_RELAXED) < 3) {
		pthread_setspecific(key, value);
		return;
	}
	shared++;
	tell();
}

static void with_value(void)
{
	pthread_setspecific(key, &key);
}

static void keys(void)
{
	if (pthread_key_create(&key, destroy_value))
		abort();
	pthread_t t = start(with_value);
	if (planted)
		wait_told();
	else
		pthread_join(t, NULL);
	touch();
	if (planted)
		pthread_join(t, NULL);
}

/* A thread that is cancelled in a wait has the mutex in its handlers, which give it up. */
static NOINLINE void clean_up(void *arg)
{
	if (planted)
		pthread_mutex_unlock(&mu);
	shared++;
	if (!planted)
		pthread_mutex_unlock(&mu);
	tell();
	(void)arg;
}

static void wait_forever(void)
{
	pthread_mutex_lock(&mu);
	pthread_cleanup_push(clean_up, NULL);
	tell();
	for (;;)
		pthread_cond_wait(&cond, &mu);
	pthread_cleanup_pop(0);
}

static void cancel(void)
{
	void *result;
	pthread_t t = start(wait_forever);
	wait_told();
	pthread_cancel(t);
	wait_told();
	touch_locked();
	if (pthread_join(t, &result) || result != PTHREAD_CANCELED)
		abort();
	touch(); /* ordered by the join */
}

static void tell_after_touch(void)
{
	touch();
	tell();
}

/* What handlers do is the main thread's; a thread that nobody waits for is not ordered before. */
static NOINLINE void at_exit(void)
{
	shared++;
}

static long other;

/* A handler comes after its registration, whoever has made that. */
static NOINLINE void at_exit_with(int code, void *arg)
{
	*(long *)arg += code + 1;
}

static void register_after_touch(void)
{
	touch();
	other++;
	if (!planted && (atexit(at_exit) || on_exit(at_exit_with, &other)))
		abort();
	tell();
}

static void registered(void)
{
	pthread_t t = start(register_after_touch);
	wait_told();
	if (planted && (atexit(at_exit) || on_exit(at_exit_with, &other)))
		abort();
	pthread_detach(t);
}

static void exits(void)
{
	if (atexit(at_exit))
		abort();
	pthread_t t = start(tell_after_touch);
	wait_told();
	if (planted)
		pthread_detach(t);
	else
		pthread_join(t, NULL);
}

static void vfork_and_wait(bool starts)
{
	int status;
	pid_t pid = vfork();
	if (pid == 0) {
		if (starts)
			execl("/bin/true", "true", NULL);
		_exit(starts);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		abort();
}

/* The child starts a program, or ends; its parent goes on and is watched as before. */
static void vforked(void)
{
	vfork_and_wait(true);
	vfork_and_wait(false);
	pthread_t t = start(planted ? tell_after_touch : tell);
	wait_told();
	touch();
	pthread_join(t, NULL);
}

/* The library's functions are instrumented as the program's are; it is unloaded at the end. */
static void (*in_library)(bool);

static void call_library(void)
{
	if (!planted)
		pthread_mutex_lock(&mu);
	in_library(true);
	if (!planted)
		pthread_mutex_unlock(&mu);
	tell();
}

static void loaded(void)
{
	void *lib = dlopen(LIBRARY, RTLD_NOW);
	*(void **)&in_library = lib ? dlsym(lib, "library_touch") : NULL;
	if (!in_library) {
		fprintf(stderr, "%s\n", dlerror());
		abort();
	}
	pthread_t t = start(call_library);
	wait_told();
	if (!planted)
		pthread_mutex_lock(&mu);
	in_library(false);
	if (!planted)
		pthread_mutex_unlock(&mu);
	pthread_join(t, NULL);
	dlclose(lib);
}

static NOINLINE void use_block(void)
{
	block[3] = 1;
	if (!planted) {
		pthread_mutex_lock(&mu);
		pthread_mutex_unlock(&mu);
	}
	tell();
}

/* free() is a write of the block: one that nothing orders after another thread's use races. */
static NOINLINE void free_it(void)
{
	free(block);
}

static void freed(void)
{
	block = malloc(64);
	pthread_t t = start(use_block);
	wait_told();
	if (!planted) {
		pthread_mutex_lock(&mu);
		pthread_mutex_unlock(&mu);
	}
	free_it();
	pthread_join(t, NULL);
}

static NOINLINE void use_mapped(void)
{
	block[100] = 1;
	tell();
}

static void *map(void *at)
{
	int fixed = at ? MAP_FIXED : 0;
	return mmap(at, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | fixed, -1, 0);
}

/* What was done to a mapping that is gone does not race with the next one in its place. */
static void remapped(void)
{
	block = map(NULL);
	pthread_t t = start(use_mapped);
	wait_told();
	if (!planted && (munmap(block, 8192) || map(block) != block))
		abort();
	block[100] = 2;
	pthread_join(t, NULL);
}

/* Datagrams order as a stream does. */
static int pair[2];

static void send_one(void)
{
	touch();
	if (!planted && sendto(pair[1], "x", 1, 0, NULL, 0) != 1)
		abort();
	tell();
}

static void datagram(void)
{
	char byte;
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		abort();
	pthread_t t = start(send_one);
	wait_told();
	if (!planted && recvfrom(pair[0], &byte, 1, 0, NULL, NULL) != 1)
		abort();
	touch();
	pthread_join(t, NULL);
}

static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;

static struct timespec soon(void)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += 60;
	return at;
}

static void write_clocked(void)
{
	struct timespec at = soon();
	if (!planted && pthread_rwlock_clockwrlock(&rw, CLOCK_MONOTONIC, &at))
		abort();
	touch();
	if (!planted)
		pthread_rwlock_unlock(&rw);
	tell();
}

/* Locks and joins that wait until a time of another clock. */
static void clocked(void)
{
	struct timespec at = soon();
	pthread_t t = start(write_clocked);
	wait_told();
	if (!planted && pthread_rwlock_clockrdlock(&rw, CLOCK_MONOTONIC, &at))
		abort();
	touch();
	if (!planted)
		pthread_rwlock_unlock(&rw);
	if (pthread_clockjoin_np(t, NULL, CLOCK_MONOTONIC, &at))
		abort();
	touch();
}

#define READERS 64
#define READS   2000

static int over[2];
static _Atomic long sum;

static void read_often(void)
{
	for (int i = 0; i < READS; i++) {
		pthread_mutex_lock(&mu);
		sum += shared;
		pthread_mutex_unlock(&mu);
	}
}

static NOINLINE void first_write(void)
{
	pthread_mutex_lock(&mu);
	shared = 1;
	pthread_mutex_unlock(&mu);
	tell();
}

static NOINLINE void last_read(void)
{
	char byte;
	if (syscall(SYS_read, over[0], &byte, 1) != 1)
		abort();
	if (!planted)
		pthread_mutex_lock(&mu);
	sum += shared;
	if (!planted)
		pthread_mutex_unlock(&mu);
}

/* One write, then 64 threads that read very often and in order, then a read that is not. */
static void readers(void)
{
	pthread_t reading[READERS];
	if (syscall(SYS_pipe2, over, 0))
		abort();
	pthread_t last = start(last_read), first = start(first_write);
	wait_told();
	for (int i = 0; i < READERS; i++)
		reading[i] = start(read_often);
	for (int i = 0; i < READERS; i++)
		pthread_join(reading[i], NULL);
	if (syscall(SYS_write, over[1], "x", 1) != 1)
		abort();
	pthread_join(last, NULL);
	pthread_join(first, NULL);
}

static const struct {
	const char *name;
	void (*fn)(void);
} cases[] = {
	{"keys", keys},
	{"cancel", cancel},
	{"exits", exits},
	{"registered", registered},
	{"vforked", vforked},
	{"loaded", loaded},
	{"freed", freed},
	{"remapped", remapped},
	{"datagram", datagram},
	{"clocked", clocked},
	{"readers", readers},
};

int main(int argc, char **argv)
{
	planted = argc > 2 && !strcmp(argv[2], "race");
	if (telling_begins())
		return 3;
	for (unsigned i = 0; argc > 1 && i < sizeof cases / sizeof *cases; i++) {
		if (strcmp(cases[i].name, argv[1]))
			continue;
		cases[i].fn();
		printf("done\n");
		return 0;
	}
	return 3;
}
