/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * undefined.c - for static.sh: undefined N [race]. N threads read through a pointer whose target is
 * too far; what tells of that looks first whether memory can be read. With race they also race.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static int shared, planted;
static int *pointers[8];

static void *misuse(void *arg)
{
	int i = (int)(long)arg;
	volatile long sink;
	int *p = (int *)((char *)pointers[i] + 1); /* not aligned */
	if (i == 0)
		sink = *p;
	else
		sink = (long)*p << 1;
	(void)sink;
	if (planted)
		shared++;
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t t[8];
	int n = argc > 1 ? atoi(argv[1]) : 0;
	planted = argc > 2;
	(void)argv;
	for (int i = 0; i < n && i < 8; i++)
		pointers[i] = malloc(64);
	for (int i = 0; i < n && i < 8; i++)
		pthread_create(&t[i], NULL, misuse, (void *)(long)i);
	for (int i = 0; i < n && i < 8; i++)
		pthread_join(t[i], NULL);
	puts("done");
	return 0;
}
