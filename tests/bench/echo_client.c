/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * echo_client.c - the load of the echo rows, the same for every server: one thread, one epoll
 * set, plain system calls.
 *
 *	echo_client PORT CONNECTIONS MS
 *
 * Each connection sends 64 bytes, waits until all of them are back and sends again. After a
 * warm-up of a quarter of the time it counts replies for MS milliseconds and prints the
 * nanoseconds that passed for each. Exit status: 0, 1 when the server failed, 2 usage.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#define MESSAGE 64
#define EVENTS  512

struct conn {
	int fd;
	size_t missing; /* bytes of the reply */
};

static void fail(const char *what)
{
	fprintf(stderr, "echo_client: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t nanotime(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void dial(struct conn *c, int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int on = 1;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		fail("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void ask(struct conn *c)
{
	static const char message[MESSAGE];
	if (send(c->fd, message, MESSAGE, MSG_NOSIGNAL) != MESSAGE)
		fail("send");
	c->missing = MESSAGE;
}

/* Whether this completed a reply; the next question is on its way then. */
static long hear(struct conn *c)
{
	char buf[MESSAGE];
	ssize_t n = recv(c->fd, buf, c->missing, MSG_DONTWAIT);
	if (n <= 0)
		fail(n ? "recv" : "the server closed a connection");
	c->missing -= (size_t)n;
	if (c->missing)
		return 0;
	ask(c);
	return 1;
}

/* Replies until the deadline. */
static long converse(int ep, int64_t deadline)
{
	struct epoll_event ready[EVENTS];
	long replies = 0;
	while (nanotime() < deadline) {
		int n = epoll_wait(ep, ready, EVENTS, 1000);
		if (n < 0)
			fail("epoll_wait");
		for (int i = 0; i < n; i++)
			replies += hear(ready[i].data.ptr);
	}
	return replies;
}

int main(int argc, char **argv)
{
	if (argc != 4 || atoi(argv[2]) < 1 || atoi(argv[3]) < 1) {
		fprintf(stderr, "usage: echo_client PORT CONNECTIONS MS\n");
		return 2;
	}
	int count = atoi(argv[2]), ep = epoll_create1(0);
	int64_t span = atoi(argv[3]) * INT64_C(1000000);
	struct conn *conns = calloc((size_t)count, sizeof(*conns));
	if (ep < 0 || !conns)
		fail("start");
	for (int i = 0; i < count; i++) {
		struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &conns[i]};
		dial(&conns[i], atoi(argv[1]));
		if (epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &ev) < 0)
			fail("epoll_ctl");
	}
	for (int i = 0; i < count; i++)
		ask(&conns[i]);
	converse(ep, nanotime() + span / 4);
	int64_t start = nanotime();
	long replies = converse(ep, start + span);
	if (replies == 0)
		fail("no reply");
	printf("echo %.2f\n", (double)(nanotime() - start) / (double)replies);
	free(conns); /* a sanitizer asks */
	return 0;
}
