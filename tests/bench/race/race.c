/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race.c - what programs do, compiled with -fsanitize=thread and run under one race detector or
 * another: race ROW prints "ROW ns", the CPU time of one operation, and "ROW_kib", the peak of
 * memory. Two threads, except where the row is about starting them; nothing races.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NTHREADS 2
#define STREAM   (1 << 20)
#define MATRIX   200
#define BUCKETS  4096
#define STRIPES  64

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t stripes[STRIPES];
static uint64_t table[BUCKETS], counter;
static uint64_t *shared;
static double matrices[3][MATRIX][MATRIX];
static volatile uint64_t sink[NTHREADS]; /* or its sums would not be computed */

/* The compiler must not take accesses out of a loop. */
#define AGAIN() __asm__ volatile("" ::: "memory")

/* Each works on its own part and returns how many operations it was. */
static uint64_t mem(int id)
{
	uint64_t *p = calloc(STREAM, sizeof *p);
	for (int round = 0; round < 8; round++) {
		for (int i = 0; i < STREAM; i++) {
			p[i] += (uint64_t)id;
			AGAIN();
		}
	}
	sink[id] = p[id];
	free(p);
	return 8 * STREAM;
}

static uint64_t hot(int id)
{
	uint64_t *p = calloc(32, sizeof *p);
	for (int i = 0; i < 8000000; i++) {
		p[i & 31] += (uint64_t)id;
		AGAIN();
	}
	sink[id] = p[0];
	free(p);
	return 8000000;
}

static uint64_t matmul(int id)
{
	int half = MATRIX / NTHREADS;
	for (int i = id * half; i < (id + 1) * half; i++) {
		for (int j = 0; j < MATRIX; j++) {
			double sum = 0;
			for (int k = 0; k < MATRIX; k++) {
				sum += matrices[0][i][k] * matrices[1][k][j];
				AGAIN();
			}
			matrices[2][i][j] = sum;
		}
	}
	return (uint64_t)half * MATRIX * MATRIX;
}

static uint64_t readshared(int id)
{
	uint64_t sum = (uint64_t)id;
	for (int round = 0; round < 1000; round++) {
		for (int i = 0; i < 8192; i++) {
			sum += shared[i];
			AGAIN();
		}
	}
	sink[id] = sum;
	return 1000 * 8192;
}

static __attribute__((noinline)) uint64_t fib(uint64_t n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint64_t calls(int id)
{
	sink[id] = fib(30);
	return 2692537;
}

static uint64_t mutex(int id)
{
	for (int i = 0; i < 300000; i++) {
		pthread_mutex_lock(&mu);
		counter += (uint64_t)id;
		pthread_mutex_unlock(&mu);
	}
	return 300000;
}

static uint64_t hashmap(int id)
{
	uint64_t x = (uint64_t)id + 1;
	for (int i = 0; i < 300000; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		uint64_t b = x >> 52;
		pthread_mutex_lock(&stripes[b / 4 % STRIPES]);
		for (uint64_t k = 0; k < 4; k++)
			table[(b & ~3ull) + k] += x >> (40 + k);
		pthread_mutex_unlock(&stripes[b / 4 % STRIPES]);
	}
	return 300000;
}

static uint64_t atomics(int id)
{
	for (int i = 0; i < 500000; i++)
		__atomic_fetch_add(&counter, (uint64_t)id, __ATOMIC_ACQ_REL);
	return 500000;
}

static void *nothing(void *arg)
{
	return arg;
}

static uint64_t spawn(int id)
{
	for (int i = 0; i < 3000; i++) {
		pthread_t t;
		if (pthread_create(&t, NULL, nothing, &id) || pthread_join(t, NULL))
			abort();
	}
	return 3000;
}

static const struct row {
	const char *name;
	uint64_t (*run)(int id);
} rows[] = {{"mem", mem}, {"hot", hot}, {"matmul", matmul}, {"readshared", readshared},
	{"fib", calls}, {"mutex", mutex}, {"hashmap", hashmap}, {"atomic", atomics},
	{"spawn", spawn}};

struct thread {
	pthread_t t;
	const struct row *row;
	int id;
	uint64_t ops;
};

static void *work(void *arg)
{
	struct thread *t = arg;
	t->ops = t->row->run(t->id);
	return NULL;
}

static double cpu_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* VmHWM: ru_maxrss would be the parent's at first. */
static long peak_kib(void)
{
	char line[128];
	long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof line, f)) {
		if (!strncmp(line, "VmHWM:", 6))
			kib = atol(line + 6);
	}
	if (f)
		fclose(f);
	return kib;
}

static void measure(const struct row *row)
{
	struct thread threads[NTHREADS];
	uint64_t ops = 0;
	double start = cpu_ns();
	for (int i = 0; i < NTHREADS; i++) {
		threads[i] = (struct thread){.row = row, .id = i};
		if (pthread_create(&threads[i].t, NULL, work, &threads[i]))
			abort();
	}
	for (int i = 0; i < NTHREADS; i++) {
		pthread_join(threads[i].t, NULL);
		ops += threads[i].ops;
	}
	double ns = cpu_ns() - start;
	printf("%s %.3f\n%s_kib %ld\n", row->name, ns / (double)ops, row->name, peak_kib());
}

int main(int argc, char **argv)
{
	shared = calloc(8192, sizeof *shared);
	for (int i = 0; i < STRIPES; i++)
		pthread_mutex_init(&stripes[i], NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (argc < 2)
			printf("%s\n", rows[i].name);
		else if (!strcmp(argv[1], rows[i].name))
			measure(&rows[i]);
	}
	return 0;
}
