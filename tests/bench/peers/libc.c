/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libc.c - the same operations by what a C program has without a library for goroutines: threads,
 * swapcontext, blocking system calls and, for the echo rows, one thread with one epoll set. It has
 * no Ps, so it answers for one only.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <ucontext.h>
#include <unistd.h>

#include "../measure.h"

/* ---- two contexts that switch to each other ---- */

static ucontext_t here, there;
static char stack[64 << 10] __attribute__((aligned(16)));

static void switch_back(void)
{
	for (;;)
		swapcontext(&there, &here);
}

static void yield_2_setup(void)
{
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = sizeof(stack);
	makecontext(&there, switch_back, 0);
}

static void yield_2(long n)
{
	for (long i = 0; i < n; i += 2)
		swapcontext(&here, &there);
}

/* ---- threads ---- */

static void *nothing(void *arg)
{
	return arg;
}

static void spawn_exit(long n)
{
	pthread_t t;
	for (long i = 0; i < n; i++) {
		pthread_create(&t, NULL, nothing, NULL);
		pthread_join(t, NULL);
	}
}

static void mutex(long n)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	for (long i = 0; i < n; i++) {
		pthread_mutex_lock(&m);
		pthread_mutex_unlock(&m);
	}
}

static void rlock(long n)
{
	pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
	for (long i = 0; i < n; i++) {
		pthread_rwlock_rdlock(&rw);
		pthread_rwlock_unlock(&rw);
	}
}

struct table {
	pthread_mutex_t m;
	pthread_cond_t c;
	int turn;
	long n;
};

static void play(struct table *t, int me)
{
	pthread_mutex_lock(&t->m);
	for (long i = 0; i < t->n; i++) {
		while (t->turn != me)
			pthread_cond_wait(&t->c, &t->m);
		t->turn = !me;
		pthread_cond_signal(&t->c);
	}
	pthread_mutex_unlock(&t->m);
}

static void *opponent(void *arg)
{
	play(arg, 1);
	return NULL;
}

static void cond_pingpong(long n)
{
	struct table t = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, n};
	pthread_t other;
	pthread_create(&other, NULL, opponent, &t);
	play(&t, 0);
	pthread_join(other, NULL);
}

static void sleep_1us(long n)
{
	const struct timespec us = {0, 1000};
	for (long i = 0; i < n; i++)
		nanosleep(&us, NULL);
}

/* ---- system calls ---- */

static void pass(int from, int to)
{
	char byte;
	if (read(from, &byte, 1) != 1 || write(to, &byte, 1) != 1)
		exit(1);
}

struct pipes {
	int there[2], back[2];
	long n;
};

static void *mirror(void *arg)
{
	struct pipes *p = arg;
	for (long i = 0; i < p->n; i++)
		pass(p->there[0], p->back[1]);
	return NULL;
}

static void pipe_pingpong(long n)
{
	struct pipes p = {.n = n};
	pthread_t t;
	if (pipe(p.there) < 0 || pipe(p.back) < 0 || write(p.there[1], "", 1) != 1)
		exit(1);
	pthread_create(&t, NULL, mirror, &p);
	for (long i = 1; i < n; i++)
		pass(p.back[0], p.there[1]);
	pthread_join(t, NULL);
	for (int i = 0; i < 2; i++) {
		close(p.there[i]);
		close(p.back[i]);
	}
}

static int listen_local(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t size = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, size) < 0 || listen(fd, 4096) < 0 ||
		getsockname(fd, (struct sockaddr *)&addr, &size) < 0)
		exit(1);
	report("port", ntohs(addr.sin_port));
	return fd;
}

static void watch(int ep, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}

static void take(int ep, int listener)
{
	int on = 1, fd = accept(listener, NULL, NULL);
	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	watch(ep, fd);
}

static void answer(int fd)
{
	char buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n <= 0 || send(fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
		close(fd);
}

static void echo_server(void)
{
	struct epoll_event ready[512];
	int ep = epoll_create1(0), listener = listen_local();
	watch(ep, listener);
	for (;;) {
		int n = epoll_wait(ep, ready, 512, -1);
		for (int i = 0; i < n; i++) {
			if (ready[i].data.fd == listener)
				take(ep, listener);
			else
				answer(ready[i].data.fd);
		}
	}
}

int main(int argc, char **argv)
{
	static const struct bench benches[] = {
		{.id = "yield_2", .run = yield_2, .setup = yield_2_setup},
		{.id = "spawn_exit", .run = spawn_exit},
		{.id = "mutex", .run = mutex},
		{.id = "rlock", .run = rlock},
		{.id = "cond_pingpong", .run = cond_pingpong},
		{.id = "sleep_1us", .run = sleep_1us},
		{.id = "pipe_pingpong", .run = pipe_pingpong},
		{.id = "echo_server", .once = echo_server},
		{0},
	};
	const struct bench *tables = benches;
	return bench_main(argc, argv, &tables, env_number("GOMAXPROCS", 1) == 1);
}
