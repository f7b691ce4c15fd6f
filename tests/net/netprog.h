/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netprog.h - what the network tests share: claims that end a program, an echo server, a clock.
 * Each test is a program on libgort of its own: Check forks, the child becomes the scheduler and
 * must exit with the expected code.
 */
#ifndef GORT_TESTS_NETPROG_H
#define GORT_TESTS_NETPROG_H

#include <check.h>
#include <errno.h>
#include <time.h>

#include <gort/go.h>
#include <gort/net.h>

/* A failed claim ends the program with 1; goroutines cannot use Check's own. */
#define CLAIM(x)                                                                \
	do {                                                                    \
		if (!(x)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			exit(1);                                                \
		}                                                               \
	} while (0)

/* Check's own memory is known to a stack that is not scanned when a goroutine ends the program. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}

static char addr[128];

static inline void run(int (*fn)(int, char **), const char *procs)
{
	setenv("GOMAXPROCS", procs, 1);
	gort_run(fn, 0, NULL);
}

static inline gort_listener listen_any(void)
{
	gort_listener l;
	CLAIM(gort_net_listen("tcp", "127.0.0.1:0", &l) == 0);
	CLAIM(gort_listener_addr(l, addr, sizeof addr) == 0);
	return l;
}

static inline gort_conn dial(void)
{
	gort_conn c;
	CLAIM(gort_net_dial("tcp", addr, &c) == 0);
	return c;
}

static inline void echo(gort_conn c)
{
	char buf[4096];
	for (ssize_t n; (n = gort_conn_read(c, buf, sizeof buf)) > 0;)
		CLAIM(gort_conn_write(c, buf, (size_t)n) == n);
	CLAIM(gort_conn_close(c) == 0);
}

static inline void echo_server(gort_listener l)
{
	for (gort_conn c; gort_net_accept(l, &c) == 0;)
		go(echo, c);
}

static inline void read_full(gort_conn c, char *buf, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = gort_conn_read(c, buf + at, size - at);
		CLAIM(n > 0);
		at += (size_t)n;
	}
}

static inline int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * sec + t.tv_nsec;
}

/* test_FN: the program FN with one P and with four. */
#define PROGRAM(fn)                      \
	START_TEST(test_##fn)            \
	{                                \
		run(fn, _i ? "4" : "1"); \
	}                                \
	END_TEST

#endif
