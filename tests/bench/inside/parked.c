/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parked.c - the program on libgort that scripts/bench --inside looks into, as ../leaks/main.go is
 * in Go: argv[1] goroutines wait, and one that sleeps for 50 us measures how long it stood still.
 * It says "ready", and for each line that it reads how many ns at most since the line before.
 */
#include <gort/go.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static chan(int) never;
static _Atomic long long longest;

static void parked(void)
{
	(void)chan_recv(never);
}

static void sleeper(void)
{
	for (gort_time before = gort_now();;) {
		gort_sleep(50 * us);
		gort_time now = gort_now();
		if (now - before > longest)
			longest = now - before;
		before = now;
	}
}

int gort_main(int argc, char **argv)
{
	char line[16];
	never = make_chan(int, 0);
	for (int n = argc > 1 ? atoi(argv[1]) : 0; n > 0; n--)
		go(parked);
	go(sleeper);
	gort_sleep(100 * ms);
	printf("ready\n");
	fflush(stdout);
	while (fgets(line, sizeof line, stdin)) {
		printf("%lld\n", atomic_exchange(&longest, 0));
		fflush(stdout);
	}
	return 0;
}
