/* SPDX-License-Identifier: BSD-2-Clause */
/* conn_test.c - datagrams, halves of connections, options, and running out of descriptors. */
#include "netprog.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* ---- datagrams ---- */

static void echo_packets(gort_conn c)
{
	char buf[2048];
	gort_addr from;
	for (ssize_t n; (n = gort_conn_read_from(c, buf, sizeof buf, &from)) >= 0;)
		CLAIM(gort_conn_write_to(c, buf, (size_t)n, &from) == n);
}

/* A socket that is not connected talks to server; the answer comes from there. */
static void ask(const char *network, const char *local, const char *server)
{
	char buf[2048], text[128];
	gort_conn c;
	gort_addr to, from;
	CLAIM(gort_net_listen_packet(network, local, &c) == 0);
	CLAIM(gort_addr_parse(network, server, &to) == 0);
	for (size_t size = 0; size < sizeof buf; size = size * 2 + 1) {
		memset(buf, (int)size, size);
		CLAIM(gort_conn_write_to(c, buf, size, &to) == (ssize_t)size);
		memset(buf, -1, sizeof buf);
		CLAIM(gort_conn_read_from(c, buf, sizeof buf, &from) == (ssize_t)size);
		CLAIM(size == 0 || buf[size - 1] == (char)size);
		CLAIM(gort_addr_format(&from, text, sizeof text) == 0);
		CLAIM(!strcmp(text, server));
	}
	CLAIM(gort_conn_close(c) == 0);
}

/* A connected one reads and writes; a datagram is cut to what is asked for; empty ones count. */
static void ask_connected(const char *network, const char *server)
{
	char buf[8];
	gort_conn c;
	CLAIM(gort_net_dial(network, server, &c) == 0);
	CLAIM(gort_conn_write(c, "one", 3) == 3);
	CLAIM(gort_conn_read(c, buf, sizeof buf) == 3 && !memcmp(buf, "one", 3));
	CLAIM(gort_conn_write(c, "cut here", 8) == 8);
	CLAIM(gort_conn_read(c, buf, 3) == 3 && !memcmp(buf, "cut", 3));
	CLAIM(gort_conn_write(c, "", 0) == 0);
	CLAIM(gort_conn_read(c, buf, sizeof buf) == 0);
	CLAIM(gort_conn_write(c, "two", 3) == 3);
	CLAIM(gort_conn_read(c, buf, sizeof buf) == 3 && !memcmp(buf, "two", 3));
	CLAIM(gort_conn_set_read_deadline(c, now() + 5 * ms) == 0);
	CLAIM(gort_conn_read(c, buf, sizeof buf) == -ETIMEDOUT);
	CLAIM(gort_conn_close(c) == 0);
}

static int udp(int argc, char **argv)
{
	(void)argc, (void)argv;
	char server[128], b;
	gort_conn c, gone;
	CLAIM(gort_net_listen_packet("udp", "127.0.0.1:0", &c) == 0);
	CLAIM(gort_conn_local_addr(c, server, sizeof server) == 0);
	go(echo_packets, c);
	ask("udp", "127.0.0.1:0", server);
	ask("udp4", ":0", server);
	ask_connected("udp", server);
	/* Nobody there: told by the answer to a datagram. */
	CLAIM(gort_net_listen_packet("udp", "127.0.0.1:0", &gone) == 0);
	CLAIM(gort_conn_local_addr(gone, server, sizeof server) == 0);
	CLAIM(gort_conn_close(gone) == 0);
	CLAIM(gort_net_dial("udp", server, &c) == 0);
	CLAIM(gort_conn_write(c, "?", 1) == 1);
	CLAIM(gort_conn_read(c, &b, 1) == -ECONNREFUSED);
	return 0;
}

static int unixgram(int argc, char **argv)
{
	(void)argc, (void)argv;
	char server[64], local[64];
	gort_conn c;
	snprintf(server, sizeof server, "@gort-packet-%d", (int)getpid());
	snprintf(local, sizeof local, "@gort-packet-%d-client", (int)getpid());
	CLAIM(gort_net_listen_packet("unixgram", server, &c) == 0);
	go(echo_packets, c);
	ask("unixgram", local, server);
	CLAIM(gort_conn_close(c) == 0);
	CLAIM(gort_net_dial("unixgram", server, &c) == -ECONNREFUSED);
	return 0;
}

/* ---- halves and options ---- */

static void sum_until_end(gort_conn c, chan(int) result)
{
	char buf[100];
	int sum = 0;
	for (ssize_t n; (n = gort_conn_read(c, buf, sizeof buf)) != 0;) {
		CLAIM(n > 0);
		for (ssize_t i = 0; i < n; i++)
			sum += buf[i];
	}
	CLAIM(gort_conn_write(c, "end", 3) == 3);
	chan_send(result, sum);
}

/*
 * The end of a stream may come with the last bytes, or later while the reader, which got less than
 * it asked for, waits without asking the kernel: both at many distances.
 */
static int half_close(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) result = make_chan(int, 0);
	gort_listener l = listen_any();
	for (int i = 0; i < 200; i++) {
		char buf[8];
		gort_conn in, out = dial();
		CLAIM(gort_net_accept(l, &in) == 0);
		go(sum_until_end, in, result);
		if (i % 4 == 1)
			gort_gosched();
		CLAIM(gort_conn_write(out, "\1\2\3", 3) == 3);
		if (i % 4 == 2)
			gort_gosched();
		if (i % 4 == 3)
			gort_sleep(i * us);
		CLAIM(gort_conn_close_write(out) == 0);
		CLAIM(chan_recv(result) == 6);
		CLAIM(gort_conn_read(out, buf, sizeof buf) == 3);
		CLAIM(gort_conn_write(out, "x", 1) == -EPIPE);
		CLAIM(gort_conn_close(in) == 0);
		CLAIM(gort_conn_read(out, buf, sizeof buf) == 0);
		CLAIM(gort_conn_close(out) == 0);
		CLAIM(gort_conn_close_write(out) == -EBADF);
	}
	return 0;
}

static void read_end(gort_conn c, chan(int) result)
{
	char b;
	chan_send(result, (int)gort_conn_read(c, &b, 1));
}

static int close_read(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) result = make_chan(int, 0);
	gort_listener l = listen_any();
	gort_conn in, out = dial();
	CLAIM(gort_net_accept(l, &in) == 0);
	go(read_end, in, result);
	gort_sleep(2 * ms);
	CLAIM(gort_conn_close_read(in) == 0);
	CLAIM(chan_recv(result) == 0);
	CLAIM(gort_conn_write(in, "w", 1) == 1);
	go(read_end, out, result);
	CLAIM(chan_recv(result) == 1);
	return 0;
}

static void accept_nobody(gort_listener l)
{
	gort_conn c;
	gort_net_accept(l, &c);
}

/*
 * Urgent data cuts a read short although more bytes are there. The poller, in which somebody else
 * waits, has seen all edges before the first read.
 */
static int urgent(int argc, char **argv)
{
	(void)argc, (void)argv;
	go(accept_nobody, listen_any());
	gort_listener l = listen_any();
	for (int i = 0; i < 50; i++) {
		char buf[64];
		gort_conn in, out = dial();
		CLAIM(gort_net_accept(l, &in) == 0);
		CLAIM(gort_conn_write(out, "before", 6) == 6);
		if (i % 2)
			CLAIM(gort_conn_read(in, buf, sizeof buf) == 6);
		CLAIM(send(gort_conn_fd(out), "!", 1, MSG_OOB) == 1);
		CLAIM(gort_conn_write(out, "after", 5) == 5);
		gort_sleep(ms);
		for (size_t at = i % 2 ? 6 : 0; at < 11;) {
			ssize_t n = gort_conn_read(in, buf + at, sizeof buf - at);
			CLAIM(n > 0);
			at += (size_t)n;
		}
		CLAIM(gort_conn_close(in) == 0);
		CLAIM(gort_conn_close(out) == 0);
	}
	return 0;
}

static int option(gort_conn c, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof value;
	CLAIM(getsockopt(gort_conn_fd(c), level, name, &value, &len) == 0);
	return value;
}

static int options(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_conn ends[2];
	gort_listener l = listen_any();
	ends[0] = dial();
	CLAIM(gort_net_accept(l, &ends[1]) == 0);
	for (int i = 0; i < 2; i++) {
		gort_conn c = ends[i];
		CLAIM(option(c, IPPROTO_TCP, TCP_NODELAY) == 1);
		CLAIM(option(c, SOL_SOCKET, SO_KEEPALIVE) == 1);
		CLAIM(option(c, IPPROTO_TCP, TCP_KEEPIDLE) == 15);
		CLAIM(option(c, IPPROTO_TCP, TCP_KEEPINTVL) == 15);
		CLAIM(option(c, IPPROTO_TCP, TCP_KEEPCNT) == 9);
		CLAIM(gort_conn_set_nodelay(c, false) == 0);
		CLAIM(option(c, IPPROTO_TCP, TCP_NODELAY) == 0);
		CLAIM(gort_conn_set_keepalive(c, 1500 * ms) == 0);
		CLAIM(option(c, IPPROTO_TCP, TCP_KEEPIDLE) == 2);
		CLAIM(gort_conn_set_keepalive(c, 0) == 0);
		CLAIM(option(c, SOL_SOCKET, SO_KEEPALIVE) == 0);
		CLAIM(gort_conn_close(c) == 0);
		CLAIM(gort_conn_fd(c) == -EBADF);
		CLAIM(gort_conn_set_nodelay(c, true) == -EBADF);
	}
	return 0;
}

/* No descriptor left: accept says so, and gets the same client when there is one again. */
static int out_of_descriptors(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct rlimit old, none = {3, 3};
	gort_listener l = listen_any();
	gort_conn out = dial(), in;
	CLAIM(getrlimit(RLIMIT_NOFILE, &old) == 0);
	none.rlim_max = old.rlim_max;
	CLAIM(setrlimit(RLIMIT_NOFILE, &none) == 0);
	CLAIM(gort_net_accept(l, &in) == -EMFILE);
	CLAIM(gort_net_dial("tcp", addr, &in) == -EMFILE);
	CLAIM(setrlimit(RLIMIT_NOFILE, &old) == 0);
	CLAIM(gort_net_accept(l, &in) == 0);
	CLAIM(gort_conn_write(out, "q", 1) == 1);
	char b;
	CLAIM(gort_conn_read(in, &b, 1) == 1 && b == 'q');
	return 0;
}

PROGRAM(udp)
PROGRAM(unixgram)
PROGRAM(half_close)
PROGRAM(close_read)
PROGRAM(urgent)
PROGRAM(options)
PROGRAM(out_of_descriptors)

static Suite *test_suite(void)
{
	Suite *suite = suite_create("conn");
	TCase *packet = tcase_create("packet"), *half = tcase_create("half");
	TCase *opts = tcase_create("options");
	suite_add_tcase(suite, packet);
	suite_add_tcase(suite, half);
	suite_add_tcase(suite, opts);
	tcase_add_loop_exit_test(packet, test_udp, 0, 0, 2);
	tcase_add_loop_exit_test(packet, test_unixgram, 0, 0, 2);
	tcase_add_loop_exit_test(half, test_half_close, 0, 0, 2);
	tcase_add_loop_exit_test(half, test_close_read, 0, 0, 2);
	tcase_add_loop_exit_test(half, test_urgent, 0, 0, 2);
	tcase_add_loop_exit_test(opts, test_options, 0, 0, 2);
	tcase_add_loop_exit_test(opts, test_out_of_descriptors, 0, 0, 2);
	return suite;
}

#include "check_main.h"
