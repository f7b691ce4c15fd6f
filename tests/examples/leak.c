/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leak.c - leaks goroutines on purpose: three mirrors are asked, the first answer is taken, and the
 * other two wait for ever to send theirs into an unbuffered channel. leak_fixed.c is the mended
 * program.
 */
#include <gort/go.h>

static void ask_mirror(chan(int) answers, int mirror)
{
	gort_sleep(mirror * ms);
	chan_send(answers, mirror);
}

static int first_answer(void)
{
	chan(int) answers = make_chan(int, 0);
	for (int mirror = 1; mirror <= 3; mirror++)
		go(ask_mirror, answers, mirror);
	return chan_recv(answers);
}

int gort_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	println("answer from mirror ", first_answer());
	return 0;
}
