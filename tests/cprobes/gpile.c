/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gpile.c - a program on libgort in which goroutines pile up that somebody could still wake, until
 * its input ends; with an argument none are added.
 */
#include <gort/go.h>
#include <stdio.h>
#include <unistd.h>

static chan(int) queue;

static void served(void)
{
	(void)chan_recv(queue);
}

static void rests(void)
{
	(void)chan_recv(queue);
}

static void piles_up(void)
{
	for (;;) {
		go(served);
		gort_sleep(5 * ms);
	}
}

int gort_main(int argc, char **argv)
{
	char byte;
	(void)argv;
	queue = make_chan(int, 0);
	for (int i = 0; i < 10; i++)
		go(rests);
	if (argc == 1)
		go(piles_up);
	printf("ready\n");
	fflush(stdout);
	gort_blocking_begin();
	(void)!read(0, &byte, 1);
	gort_blocking_end();
	_exit(0);
}
