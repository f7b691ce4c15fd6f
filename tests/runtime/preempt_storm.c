/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preempt_storm SECONDS - goroutines that live in libc and libgort, under GORT_DEBUG=preempt=50us:
 * where the handler must say no. A goroutine switched out inside malloc would let the next one on
 * the same thread into a heap that is half changed; inside libgort, into a half changed queue.
 */
#include <gort/go.h>
#include <stdatomic.h>
#include <time.h>

static volatile _Atomic int stop;
static _Atomic long rounds[4];

static void require(bool so, const char *what)
{
	if (so)
		return;
	fprintf(stderr, "preempt_storm: %s\n", what);
	_Exit(1);
}

static void allocator(unsigned seed, waitgroup *wg)
{
	unsigned char *blocks[32] = {nil};
	size_t sizes[32] = {0};
	for (unsigned rnd = seed; !stop; rounds[0]++) {
		rnd = rnd * 1664525 + 1013904223;
		unsigned i = rnd >> 27;
		for (size_t k = 0; k < sizes[i]; k += 61)
			require(blocks[i][k] == (unsigned char)(i + seed),
				"a block was overwritten");
		free(blocks[i]);
		sizes[i] = 1 + (rnd >> 8) % 3000;
		blocks[i] = malloc(sizes[i]);
		require(blocks[i] != nil, "no memory");
		memset(blocks[i], (int)(i + seed), sizes[i]);
	}
	for (int i = 0; i < 32; i++)
		free(blocks[i]);
	wg_done(wg);
}

static void printer(unsigned seed, waitgroup *wg)
{
	for (unsigned n = seed; !stop; n++, rounds[1]++) {
		char text[64];
		unsigned back;
		snprintf(text, sizeof(text), "%u %s %.3f", n, "text", n * 0.25);
		require(sscanf(text, "%u", &back) == 1 && back == n, "a number changed");
	}
	wg_done(wg);
}

static void sender(chan(long) c, waitgroup *wg)
{
	for (long i = 0; !stop; i++)
		chan_send(c, i);
	chan_close(c);
	wg_done(wg);
}

static void receiver(chan(long) c, waitgroup *wg)
{
	long expected = 0;
	chan_range (v, c) {
		require(v == expected++, "a message is out of order");
		rounds[2]++;
	}
	wg_done(wg);
}

static long counter;

static void locker(mutex *m, waitgroup *wg)
{
	for (long mine = 0; !stop; rounds[3]++) {
		mutex_lock(m);
		mine = counter;
		for (volatile int spin = 0; spin < 20; spin++)
			;
		counter = mine + 1;
		mutex_unlock(m);
	}
	wg_done(wg);
}

int gort_main(int argc, char **argv)
{
	static waitgroup wg;
	static mutex m;
	long seconds = argc > 1 ? atol(argv[1]) : 1;
	for (unsigned i = 0; i < 3; i++) {
		chan(long) c = make_chan(long, (int)i * 4);
		wg_add(&wg, 5);
		go(allocator, i, &wg);
		go(printer, i * 1000, &wg);
		go(sender, c, &wg);
		go(receiver, c, &wg);
		go(locker, &m, &wg);
	}
	gort_sleep(seconds * sec);
	while (!rounds[0] || !rounds[1] || !rounds[2] || !rounds[3])
		gort_sleep(ms);
	stop = 1;
	wg_wait(&wg);
	require(counter == rounds[3], "an increment was lost");
	printf("rounds %ld %ld %ld %ld\n", rounds[0], rounds[1], rounds[2], rounds[3]);
	return 0;
}
