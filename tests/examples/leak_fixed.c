/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leak_fixed.c - leak.c mended: the channel has room for every answer, so the mirrors that come too
 * late end as well.
 */
#include <gort/go.h>

static void ask_mirror(chan(int) answers, int mirror)
{
	gort_sleep(mirror * ms);
	chan_send(answers, mirror);
}

static int first_answer(void)
{
	chan(int) answers = make_chan(int, 3);
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
