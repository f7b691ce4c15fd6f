/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race_fixed.c - race_counter.c mended: the total is counted under the lock that guards the table,
 * so a race detector has nothing to report.
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
	total++;
	pthread_mutex_unlock(&lock);
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
