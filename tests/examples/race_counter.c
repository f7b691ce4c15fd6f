/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race_counter.c - a data race on purpose: two threads count hits in one table, and the total is
 * kept outside the lock that guards the table. race_fixed.c is the mended program.
 */
#include <pthread.h>
#include <stdio.h>

enum { HITS = 1000, PAGES = 4 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long pages[PAGES];
static long total;

static void hit(int page)
{
	pthread_mutex_lock(&lock);
	pages[page]++;
	pthread_mutex_unlock(&lock);
	total++; /* the race: the lock is already released */
}

static void *visitor(void *arg)
{
	for (int i = 0; i < HITS; i++)
		hit((int)((i + *(int *)arg) % PAGES));
	return NULL;
}

int main(void)
{
	pthread_t threads[2];
	int start[2] = {0, 1};
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, visitor, &start[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("%ld of %d hits counted\n", total, 2 * HITS);
	return 0;
}
