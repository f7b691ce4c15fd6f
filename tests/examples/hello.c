/* SPDX-License-Identifier: BSD-2-Clause */
/* hello.c - the smallest program on libgort: one goroutine, one channel. */
#include <gort/go.h>

static void greet(chan(string) out)
{
	chan_send(out, S("hello from a goroutine"));
}

int gort_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(string) out = make_chan(string, 0);
	go(greet, out);
	println(chan_recv(out));
	return 0;
}
