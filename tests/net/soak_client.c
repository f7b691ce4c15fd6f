/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * soak_client.c - opens many connections to one server and keeps them open, all echoing.
 *
 *	soak_client PORT CONNECTIONS ROUNDS PID
 *
 * One thread, one epoll set, plain system calls. Sources are 127.0.0.2, .3 and so on, as one
 * address has too few ports. When all are open, each sends a message of its own ROUNDS times and
 * must hear it back. Then prints, for each connection, what process PID, the server, occupies: its
 * resident memory and page tables, less what it occupied before. Exit status: 0, 1 failed, 2 usage,
 * 77 when the limit of open files cannot be raised.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* IN_ONE_SOURCE: connections from one address, fewer than it has free ports. */
enum { MESSAGE = 64, EVENTS = 512, IN_ONE_SOURCE = 4000, WAIT_MS = 60000 };

struct conn {
	int fd;
	uint32_t round;   /* that it is in */
	uint32_t missing; /* bytes of its reply */
};

static void fail(const char *what)
{
	fprintf(stderr, "soak_client: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t nanotime(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void allow_files(uint32_t n)
{
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur >= n)
		return;
	limit.rlim_cur = n;
	if (limit.rlim_max < n)
		limit.rlim_max = n;
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return;
	fprintf(stderr, "soak_client: at most %lu open files are allowed here\n",
		(unsigned long)limit.rlim_max);
	exit(77);
}

/* Kilobytes of VmRSS and VmPTE. */
static long occupied(const char *pid)
{
	char path[64], line[256];
	long sum = 0, kb;
	snprintf(path, sizeof path, "/proc/%s/status", pid);
	FILE *f = fopen(path, "r");
	if (!f)
		fail("the server is gone");
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "VmRSS: %ld", &kb) == 1 || sscanf(line, "VmPTE: %ld", &kb) == 1)
			sum += kb;
	fclose(f);
	return sum;
}

static int dial(uint32_t i, int port)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + i / IN_ONE_SOURCE);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		fail("socket");
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&from, sizeof from))
		fail("bind");
	if (connect(fd, (struct sockaddr *)&to, sizeof to))
		fail("connect");
	return fd;
}

static void message(const struct conn *conns, const struct conn *c, uint32_t *out)
{
	for (uint32_t i = 0; i < MESSAGE / 4; i++)
		out[i] = (uint32_t)(c - conns) * 2654435761u + c->round * 97 + i;
}

static void ask(struct conn *conns, struct conn *c)
{
	uint32_t out[MESSAGE / 4];
	message(conns, c, out);
	if (send(c->fd, out, MESSAGE, MSG_NOSIGNAL) != MESSAGE)
		fail("send");
	c->missing = MESSAGE;
}

/* Whether that was the end of its last round. */
static int hear(struct conn *conns, struct conn *c, uint32_t rounds)
{
	uint32_t want[MESSAGE / 4];
	char got[MESSAGE];
	ssize_t n = recv(c->fd, got, c->missing, MSG_DONTWAIT);
	if (n <= 0)
		fail(n ? "recv" : "the server closed a connection");
	message(conns, c, want);
	if (memcmp(got, (char *)want + MESSAGE - c->missing, (size_t)n) != 0) {
		fprintf(stderr, "soak_client: connection %ld heard what it has not said\n",
			(long)(c - conns));
		exit(1);
	}
	c->missing -= (uint32_t)n;
	if (c->missing)
		return 0;
	if (++c->round == rounds)
		return 1;
	ask(conns, c);
	return 0;
}

static void open_all(struct conn *conns, uint32_t count, int ep, int port)
{
	for (uint32_t i = 0; i < count; i++) {
		struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &conns[i]};
		conns[i].fd = dial(i, port);
		if (epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &ev) < 0)
			fail("epoll_ctl");
	}
}

static void converse(struct conn *conns, uint32_t count, int ep, uint32_t rounds)
{
	struct epoll_event ready[EVENTS];
	for (uint32_t i = 0; i < count; i++)
		ask(conns, &conns[i]);
	for (uint32_t done = 0; done < count;) {
		int n = epoll_wait(ep, ready, EVENTS, WAIT_MS);
		if (n == 0)
			errno = ETIMEDOUT;
		if (n <= 0)
			fail("waiting for replies");
		for (int i = 0; i < n; i++)
			done += (uint32_t)hear(conns, ready[i].data.ptr, rounds);
	}
}

int main(int argc, char **argv)
{
	if (argc != 5 || atoi(argv[2]) < 1 || atoi(argv[3]) < 1) {
		fprintf(stderr, "usage: soak_client PORT CONNECTIONS ROUNDS PID\n");
		return 2;
	}
	uint32_t count = (uint32_t)atoi(argv[2]), rounds = (uint32_t)atoi(argv[3]);
	struct conn *conns = calloc(count, sizeof(*conns));
	int ep = epoll_create1(0);
	if (!conns || ep < 0)
		fail("start");
	allow_files(count + 100);
	long before = occupied(argv[4]);
	int64_t start = nanotime();
	open_all(conns, count, ep, atoi(argv[1]));
	int64_t opened = nanotime();
	converse(conns, count, ep, rounds);
	int64_t end = nanotime();
	long kb = occupied(argv[4]) - before;
	printf("bytes_per_connection %.0f\n", (double)kb * 1024 / count);
	printf("us_per_connection %.1f\n", (double)(opened - start) / 1e3 / count);
	printf("us_per_reply %.1f\n", (double)(end - opened) / 1e3 / count / rounds);
	free(conns);
	return 0;
}
