/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * st.c - the same operations on State Threads (libst-dev), the C library of Debian that comes
 * nearest: user-space threads of one OS thread, which is why it answers for one P only. It has no
 * channels, no select and no wait group.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <st.h>
#include <unistd.h>

#include "../measure.h"

#define BATCH   1000
#define LOCKERS 100
#define STACK   (64 << 10)

static st_thread_t start(void *(*fn)(void *), void *arg)
{
	st_thread_t t = st_thread_create(fn, arg, 1, STACK);
	if (!t)
		exit(1);
	return t;
}

/* Starts count threads that each get a share of n, and waits for them. */
static void run_all(void *(*fn)(void *), long count, long n)
{
	static st_thread_t all[BATCH];
	for (long i = 0; i < count; i++)
		all[i] = start(fn, (void *)(n / count + (i < n % count)));
	for (long i = 0; i < count; i++)
		st_thread_join(all[i], NULL);
}

/* ---- starting and switching ---- */

static void *nothing(void *arg)
{
	return arg;
}

static void spawn_exit(long n)
{
	for (; n > 0; n -= BATCH)
		run_all(nothing, n < BATCH ? n : BATCH, 0);
}

static void *yielder(void *arg)
{
	for (long n = (long)arg; n > 0; n--)
		st_usleep(0); /* its way to yield */
	return NULL;
}

static void yield_2(long n)
{
	run_all(yielder, 2, n);
}

static void yield_1000(long n)
{
	run_all(yielder, 1000, n);
}

static void sleep_1us(long n)
{
	for (long i = 0; i < n; i++)
		st_usleep(1);
}

/* ---- locks ---- */

static st_mutex_t lock;

static void *locker(void *arg)
{
	for (long n = (long)arg; n > 0; n--) {
		st_mutex_lock(lock);
		st_mutex_unlock(lock);
	}
	return NULL;
}

static void lock_setup(void)
{
	lock = st_mutex_new();
}

static void mutex(long n)
{
	locker((void *)n);
}

static void mutex_contended(long n)
{
	run_all(locker, LOCKERS, n);
}

static struct {
	st_cond_t c;
	int turn, players;
} table;

static void *player(void *arg)
{
	int me = table.players++ % 2;
	for (long n = (long)arg; n > 0; n--) {
		while (table.turn != me)
			st_cond_wait(table.c);
		table.turn = !me;
		st_cond_signal(table.c);
	}
	return NULL;
}

static void table_setup(void)
{
	table.c = st_cond_new();
}

static void cond_pingpong(long n)
{
	table.turn = 0;
	run_all(player, 2, 2 * n);
}

/* ---- descriptors ---- */

static void pass(st_netfd_t from, st_netfd_t to)
{
	char byte;
	if (st_read(from, &byte, 1, ST_UTIME_NO_TIMEOUT) != 1 ||
		st_write(to, &byte, 1, ST_UTIME_NO_TIMEOUT) != 1)
		exit(1);
}

static struct {
	st_netfd_t there[2], back[2];
} pipes;

static void *mirror(void *arg)
{
	for (long n = (long)arg; n > 0; n--)
		pass(pipes.there[0], pipes.back[1]);
	return NULL;
}

static void open_pipe(st_netfd_t ends[2])
{
	int fd[2];
	if (pipe(fd) < 0)
		exit(1);
	for (int i = 0; i < 2; i++)
		ends[i] = st_netfd_open(fd[i]);
}

static void pipes_setup(void)
{
	open_pipe(pipes.there);
	open_pipe(pipes.back);
}

static void pipe_pingpong(long n)
{
	st_thread_t t = start(mirror, (void *)n);
	char byte = 0;
	for (long i = 0; i < n; i++) {
		if (st_write(pipes.there[1], &byte, 1, ST_UTIME_NO_TIMEOUT) != 1 ||
			st_read(pipes.back[0], &byte, 1, ST_UTIME_NO_TIMEOUT) != 1)
			exit(1);
	}
	st_thread_join(t, NULL);
}

static void *serve(void *arg)
{
	char buf[4096];
	ssize_t n;
	while ((n = st_read(arg, buf, sizeof(buf), ST_UTIME_NO_TIMEOUT)) > 0)
		if (st_write(arg, buf, (size_t)n, ST_UTIME_NO_TIMEOUT) != n)
			break;
	st_netfd_close(arg);
	return NULL;
}

static void echo_server(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t size = sizeof(addr);
	int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, size) < 0 || listen(fd, 4096) < 0 ||
		getsockname(fd, (struct sockaddr *)&addr, &size) < 0)
		exit(1);
	report("port", ntohs(addr.sin_port));
	st_netfd_t listener = st_netfd_open_socket(fd), c;
	while ((c = st_accept(listener, NULL, NULL, ST_UTIME_NO_TIMEOUT))) {
		setsockopt(st_netfd_fileno(c), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (!st_thread_create(serve, c, 0, STACK))
			exit(1);
	}
}

int main(int argc, char **argv)
{
	static const struct bench benches[] = {
		{.id = "spawn_exit", .run = spawn_exit},
		{.id = "yield_2", .run = yield_2},
		{.id = "yield_1000", .run = yield_1000, .least = 50 * 1000},
		{.id = "sleep_1us", .run = sleep_1us},
		{.id = "mutex", .run = mutex, .setup = lock_setup},
		{.id = "mutex_contended_100", .run = mutex_contended, .setup = lock_setup},
		{.id = "cond_pingpong", .run = cond_pingpong, .setup = table_setup},
		{.id = "pipe_pingpong", .run = pipe_pingpong, .setup = pipes_setup},
		{.id = "echo_server", .once = echo_server},
		{0},
	};
	const struct bench *tables = benches;
	if (st_set_eventsys(ST_EVENTSYS_ALT) < 0 || st_init() < 0)
		return 1;
	return bench_main(argc, argv, &tables, env_number("GOMAXPROCS", 1) == 1);
}
