/* SPDX-License-Identifier: BSD-2-Clause */
/* bench_net.c - the echo server and pipes; go/net.go in C. */
#include <gort/net.h>

#include "bench.h"

static void serve(gort_conn c)
{
	char buf[4096];
	for (;;) {
		ssize_t n = gort_conn_read(c, buf, sizeof(buf));
		if (n <= 0 || gort_conn_write(c, buf, (size_t)n) < 0)
			break;
	}
	gort_conn_close(c);
}

/* Prints the port it listens on and serves until it is killed. A handler needs no large stack. */
static void echo_server(void)
{
	gort_listener l;
	gort_conn c;
	char addr[64];
	if (gort_net_listen("tcp", "127.0.0.1:0", &l) < 0 ||
		gort_listener_addr(l, addr, sizeof(addr)) < 0)
		panic("echo_server: cannot listen");
	report("port", atof(strrchr(addr, ':') + 1));
	while (gort_net_accept(l, &c) == 0)
		go_small(serve, c);
}

/* Sends each byte back. */
static void mirror(gort_conn in, gort_conn out)
{
	char b;
	while (gort_conn_read(in, &b, 1) == 1)
		gort_conn_write(out, &b, 1);
	gort_conn_close(in);
	gort_conn_close(out);
}

static void pipe_pingpong(long n)
{
	gort_conn there[2], back[2];
	char b = 0;
	if (gort_pipe(&there[0], &there[1]) || gort_pipe(&back[0], &back[1]))
		panic("pipe_pingpong: no pipe");
	go(mirror, there[0], back[1]);
	for (long i = 0; i < n; i++) {
		gort_conn_write(there[1], &b, 1);
		gort_conn_read(back[0], &b, 1);
	}
	gort_conn_close(there[1]);
	gort_conn_close(back[0]);
}

const struct bench net_benches[] = {
	{.id = "echo_server", .once = echo_server},
	{.id = "pipe_pingpong", .run = pipe_pingpong},
	{0},
};
