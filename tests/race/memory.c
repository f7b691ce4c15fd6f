/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.c - programs that use memory after its end or before its beginning, that make system calls
 * themselves, that count on sleep(), or that ask the detector about its reports.
 *
 * memory NAME runs the clean form, memory NAME race the other. Threads that must not be ordered in
 * the detector's eyes wait for each other by system calls that it is not told of.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "telling.h"

#define NOINLINE  __attribute__((noinline))
#define UNWATCHED __attribute__((no_sanitize("thread")))

static bool planted;
static int data[2];
static char *volatile block;
static volatile char sink;
static char buffer[16];

static void *run(void *arg)
{
	((void (*)(void))arg)();
	return NULL;
}

static void in_thread(void (*fn)(void))
{
	pthread_t t;
	pthread_create(&t, NULL, run, (void *)fn);
	pthread_join(t, NULL);
}

static void together(void (*first)(void), void (*second)(void))
{
	pthread_t t;
	pthread_create(&t, NULL, run, (void *)second);
	in_thread(first);
	pthread_join(t, NULL);
}

static void nothing(void)
{
}

static NOINLINE void free_block(void)
{
	free(block);
}

static NOINLINE void touch_block(void)
{
	block[9] = 1;
}

/* What another owner does with the same memory, and with blocks made of several freed ones. */
static NOINLINE void use_again(void)
{
	static char *small[200];
	for (int i = 0; i < 200; i++)
		memset(small[i] = malloc(16 + i * 8), 1, 16 + i * 8);
	for (int i = 0; i < 200; i++)
		free(small[i]);
	char *large = malloc(100000), *zeroes = calloc(100, 300), *aligned = memalign(256, 5000);
	memset(large, 1, malloc_usable_size(large));
	memset(aligned, 1, malloc_usable_size(aligned));
	for (int i = 0; i < 30000; i++)
		sink = zeroes[i];
	large = realloc(large, 300000);
	memset(large, 1, 300000);
	free(large);
	free(zeroes);
	free(aligned);
}

static void freed(void)
{
	in_thread(nothing);
	use_again();
	block = malloc(48);
	free_block();
	if (!planted)
		block = malloc(48);
	touch_block();
	in_thread(use_again);
}

/* Ordered by the joins, and yet too late. */
static void freed_there(void)
{
	block = malloc(48);
	in_thread(free_block);
	if (!planted)
		block = malloc(48);
	in_thread(touch_block);
}

static NOINLINE void map_block(void)
{
	char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	__atomic_store_n(&block, p, planted ? __ATOMIC_RELAXED : __ATOMIC_RELEASE);
	tell();
}

static NOINLINE void fill_mapped(void)
{
	wait_told();
	char *p = __atomic_load_n(&block, planted ? __ATOMIC_RELAXED : __ATOMIC_ACQUIRE);
	p[100] = 1;
}

static void mapped(void)
{
	together(map_block, fill_mapped);
	munmap(block, 1 << 20);
}

void __sanitizer_syscall_pre_impl_read(long fd, long buf, long n);
void __sanitizer_syscall_post_impl_read(long result, long fd, long buf, long n);
void __sanitizer_syscall_pre_impl_write(long fd, long buf, long n);
void __sanitizer_syscall_post_impl_write(long result, long fd, long buf, long n);
void __sanitizer_syscall_pre_impl_getpid(void);

static NOINLINE void raw_read(int fd, void *buf, size_t n)
{
	__sanitizer_syscall_pre_impl_read(fd, (long)buf, (long)n);
	long got = syscall(SYS_read, fd, buf, n);
	__sanitizer_syscall_post_impl_read(got, fd, (long)buf, (long)n);
}

static NOINLINE void raw_write(int fd, void *buf, size_t n)
{
	__sanitizer_syscall_pre_impl_write(fd, (long)buf, (long)n);
	long put = syscall(SYS_write, fd, buf, n);
	__sanitizer_syscall_post_impl_write(put, fd, (long)buf, (long)n);
}

static void receive(void)
{
	raw_read(data[0], buffer, sizeof buffer);
	if (planted)
		tell();
	else
		raw_write(told[1], &(char){0}, 1);
}

static void pass_on(void)
{
	char byte;
	if (planted)
		wait_told();
	else
		raw_read(told[0], &byte, 1);
	raw_write(data[1], buffer, sizeof buffer);
}

static void raw(void)
{
	__sanitizer_syscall_pre_impl_getpid();
	raw_write(data[1], buffer, sizeof buffer);
	together(receive, pass_on);
}

static int shared;
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;

static NOINLINE void set_early(void)
{
	if (!planted)
		pthread_mutex_lock(&guard);
	shared = 1;
	if (!planted)
		pthread_mutex_unlock(&guard);
	tell();
}

static NOINLINE void rest(void)
{
	usleep(1);
}

static NOINLINE void set_late(void)
{
	wait_told();
	rest();
	if (!planted)
		pthread_mutex_lock(&guard);
	shared = 2;
	if (!planted)
		pthread_mutex_unlock(&guard);
}

static void slept(void)
{
	together(set_early, set_late);
}

__attribute__((visibility("default"))) void __tsan_on_report(void *report);
void *__tsan_get_current_report(void);
int __tsan_get_report_data(void *report, const char **description, int *count, int *stacks,
	int *accesses, int *places, int *mutexes, int *threads, int *unique, void **slept_at,
	unsigned long size);
int __tsan_get_report_mop(void *report, unsigned long i, int *tid, void **addr, int *size,
	int *write, int *atomic, void **trace, unsigned long trace_size);
int __tsan_get_report_thread(void *report, unsigned long i, int *tid, uint64_t *os_id, int *running,
	const char **name, int *parent, void **trace, unsigned long size);
const char *__tsan_locate_address(
	void *addr, char *name, size_t name_size, void **start, size_t *size);

static bool asks;
static int told_of;

#define EXPECT(x)                                            \
	do {                                                 \
		if (!(x)) {                                  \
			fprintf(stderr, "not so: %s\n", #x); \
			exit(4);                             \
		}                                            \
	} while (0)

UNWATCHED void __tsan_on_report(void *report)
{
	const char *what, *name;
	int count, stacks, accesses, places, mutexes, threads, unique, tid, size, write, atomic,
		running, parent;
	void *trace[8], *addr;
	uint64_t os_id;
	if (!asks)
		return;
	EXPECT(__tsan_get_current_report() == report);
	EXPECT(__tsan_get_report_data(report, &what, &count, &stacks, &accesses, &places, &mutexes,
		&threads, &unique, trace, 8));
	EXPECT(!strcmp(what, "data-race") && count == 0 && accesses == 2);
	EXPECT(threads == 2 && unique == 2);
	EXPECT(__tsan_get_report_mop(report, 1, &tid, &addr, &size, &write, &atomic, trace, 8));
	EXPECT(addr == &shared && size == 4 && write == 1 && !atomic && trace[0]);
	EXPECT(!__tsan_get_report_mop(report, 2, &tid, &addr, &size, &write, &atomic, trace, 8));
	EXPECT(__tsan_get_report_thread(
		report, 1, &tid, &os_id, &running, &name, &parent, trace, 8));
	EXPECT(tid > 0 && parent == 0);
	told_of++;
}

static void queried(void)
{
	char name[32];
	void *start;
	size_t size;
	EXPECT(!strcmp(__tsan_locate_address(&shared, name, sizeof name, &start, &size), "global"));
	EXPECT(!strcmp(name, "shared") && start == &shared && size == sizeof shared);
	EXPECT(!strcmp(__tsan_locate_address(name, name, sizeof name, &start, &size), "stack"));
	block = malloc(77);
	EXPECT(!strcmp(__tsan_locate_address(block + 5, name, 1, &start, &size), "heap"));
	EXPECT(start == block && size == 77 && !*name);
	free(block);
	asks = true;
	together(set_early, set_late);
	EXPECT(told_of == planted);
}

static const struct {
	const char *name;
	void (*fn)(void);
} cases[] = {
	{"freed", freed},
	{"freed_there", freed_there},
	{"mapped", mapped},
	{"raw", raw},
	{"slept", slept},
	{"queried", queried},
};

int main(int argc, char **argv)
{
	planted = argc > 2 && !strcmp(argv[2], "race");
	if (telling_begins() || syscall(SYS_pipe2, data, 0))
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
