/* SPDX-License-Identifier: BSD-2-Clause */
/* file_test.c - pipes, and descriptors that libgort did not open. */
#include "netprog.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* ---- pipes ---- */

static void mirror(gort_conn in, gort_conn out)
{
	char b;
	while (gort_conn_read(in, &b, 1) == 1)
		CLAIM(gort_conn_write(out, &b, 1) == 1);
	CLAIM(gort_conn_close(out) == 0);
	CLAIM(gort_conn_close(in) == 0);
}

static int pingpong(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_conn r[2], w[2];
	char b;
	CLAIM(gort_pipe(&r[0], &w[0]) == 0 && gort_pipe(&r[1], &w[1]) == 0);
	go(mirror, r[0], w[1]);
	for (int i = 0; i < 20000; i++) {
		b = (char)i;
		CLAIM(gort_conn_write(w[0], &b, 1) == 1);
		CLAIM(gort_conn_read(r[1], &b, 1) == 1 && b == (char)i);
	}
	CLAIM(gort_conn_close(w[0]) == 0);
	CLAIM(gort_conn_read(r[1], &b, 1) == 0);
	CLAIM(gort_conn_close(r[1]) == 0);
	CLAIM(gort_conn_write(w[0], &b, 1) == -EBADF);
	return 0;
}

enum { BULK = 4 << 20 };

static void pour(gort_conn w)
{
	char *bytes = malloc(BULK);
	for (int i = 0; i < BULK; i++)
		bytes[i] = (char)(i * 7 + i / 1021);
	CLAIM(gort_conn_write(w, bytes, BULK) == BULK);
	CLAIM(gort_conn_close(w) == 0);
	free(bytes);
}

static void drain(gort_conn r)
{
	char buf[30000];
	int at = 0;
	for (ssize_t n; (n = gort_conn_read(r, buf, sizeof buf)) != 0;) {
		CLAIM(n > 0);
		for (ssize_t i = 0; i < n; i++, at++)
			CLAIM(buf[i] == (char)(at * 7 + at / 1021));
	}
	CLAIM(at == BULK);
	CLAIM(gort_conn_close(r) == 0);
}

static int pipe_bulk(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_conn r, w;
	CLAIM(gort_pipe(&r, &w) == 0);
	go(pour, w);
	drain(r);
	return 0;
}

static void read_byte(gort_conn c, chan(int) result)
{
	char b;
	chan_send(result, (int)gort_conn_read(c, &b, 1));
}

static void write_much(gort_conn c, chan(int) result)
{
	static char much[1 << 20];
	chan_send(result, (int)gort_conn_write(c, much, sizeof much));
}

/* Closing one end ends the wait at the other, and its own; a deadline does too. */
static int pipe_ends(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) result = make_chan(int, 0);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 20; i++) {
		gort_conn r, w;
		char b;
		CLAIM(gort_pipe(&r, &w) == 0);
		bool reads = i % 2;
		if (reads)
			go(read_byte, r, result);
		else
			go(write_much, w, result);
		if (i % 4 < 2)
			gort_sleep(ms);
		CLAIM(gort_conn_close(reads == (i % 3 != 0) ? w : r) == 0);
		int got = chan_recv(result);
		if (reads)
			CLAIM(got == (i % 3 != 0 ? 0 : -EBADF));
		else
			CLAIM(got == (i % 3 != 0 ? -EPIPE : -EBADF));
		gort_conn_close(r);
		gort_conn_close(w);
		CLAIM(gort_pipe(&r, &w) == 0);
		CLAIM(gort_conn_set_read_deadline(r, now() + ms) == 0);
		CLAIM(gort_conn_read(r, &b, 1) == -ETIMEDOUT);
		CLAIM(gort_conn_close(r) == 0 && gort_conn_close(w) == 0);
	}
	return 0;
}

/* ---- descriptors of others ---- */

static void tick(_Atomic int *ticks)
{
	for (;;) {
		++*ticks;
		gort_sleep(ms);
	}
}

/* Both ends are blocking ones: a goroutine waits, others run, and the flags stay as they were. */
static void exchange(int in, int out)
{
	static _Atomic int ticks;
	gort_conn r, w;
	chan(int) result = make_chan(int, 0);
	char b;
	go(tick, &ticks);
	CLAIM(gort_conn_from_fd(in, &r) == 0 && gort_conn_from_fd(out, &w) == 0);
	for (int i = 0; i < 5; i++) {
		go(read_byte, r, result);
		for (int before = ticks; ticks < before + 2;)
			gort_sleep(ms);
		CLAIM(gort_conn_write(w, "x", 1) == 1);
		CLAIM(chan_recv(result) == 1);
	}
	CLAIM(!(fcntl(in, F_GETFL) & O_NONBLOCK) && !(fcntl(out, F_GETFL) & O_NONBLOCK));
	CLAIM(gort_conn_close(w) == 0);
	CLAIM(gort_conn_read(r, &b, 1) == 0);
	CLAIM(gort_conn_close(r) == 0);
}

static int blocking_pipe(int argc, char **argv)
{
	(void)argc, (void)argv;
	int fds[2];
	gort_conn r, w;
	CLAIM(pipe(fds) == 0);
	exchange(fds[0], fds[1]);
	CLAIM(pipe(fds) == 0);
	CLAIM(gort_conn_from_fd(fds[0], &r) == 0 && gort_conn_from_fd(fds[1], &w) == 0);
	go(pour, w);
	drain(r);
	return 0;
}

static int blocking_socket(int argc, char **argv)
{
	(void)argc, (void)argv;
	int fds[2];
	CLAIM(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	exchange(fds[0], fds[1]);
	return 0;
}

static int named_pipe(int argc, char **argv)
{
	(void)argc, (void)argv;
	char path[64];
	snprintf(path, sizeof path, "/tmp/gort-fifo-%d", (int)getpid());
	CLAIM(mkfifo(path, 0600) == 0);
	int in = open(path, O_RDONLY | O_NONBLOCK), out = open(path, O_WRONLY);
	CLAIM(in >= 0 && out >= 0);
	CLAIM(unlink(path) == 0);
	CLAIM(fcntl(in, F_SETFL, 0) == 0);
	exchange(in, out);
	return 0;
}

static int regular_file(int argc, char **argv)
{
	(void)argc, (void)argv;
	char path[] = "/tmp/gort-file-XXXXXX", buf[8];
	gort_conn c;
	int fd = mkstemp(path);
	CLAIM(fd >= 0 && unlink(path) == 0);
	CLAIM(gort_conn_from_fd(fd, &c) == 0);
	CLAIM(gort_conn_write(c, "content", 7) == 7);
	CLAIM(lseek(fd, 0, SEEK_SET) == 0);
	CLAIM(gort_conn_read(c, buf, sizeof buf) == 7 && !memcmp(buf, "content", 7));
	CLAIM(gort_conn_read(c, buf, sizeof buf) == 0);
	CLAIM(gort_conn_set_deadline(c, 1) == -EOPNOTSUPP);
	CLAIM(gort_conn_local_addr(c, buf, sizeof buf) == -ENOTSOCK);
	CLAIM(gort_conn_close(c) == 0);
	CLAIM(fcntl(fd, F_GETFD) == -1);
	CLAIM(gort_conn_from_fd(open("/dev/null", O_RDWR), &c) == 0);
	CLAIM(gort_conn_write(c, "gone", 4) == 4);
	CLAIM(gort_conn_read(c, buf, 1) == 0);
	CLAIM(gort_conn_close(c) == 0);
	return 0;
}

static int refused(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_conn c;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	CLAIM(listen(fd, 1) == 0);
	CLAIM(gort_conn_from_fd(fd, &c) == -EINVAL);
	CLAIM(close(fd) == 0);
	CLAIM(gort_conn_from_fd(fd, &c) == -EBADF);
	CLAIM(gort_conn_from_fd(-1, &c) == -EBADF);
	return 0;
}

PROGRAM(pingpong)
PROGRAM(pipe_bulk)
PROGRAM(pipe_ends)
PROGRAM(blocking_pipe)
PROGRAM(blocking_socket)
PROGRAM(named_pipe)
PROGRAM(regular_file)
PROGRAM(refused)

static Suite *test_suite(void)
{
	Suite *suite = suite_create("file");
	TCase *pipes = tcase_create("pipe"), *others = tcase_create("others");
	suite_add_tcase(suite, pipes);
	suite_add_tcase(suite, others);
	tcase_set_timeout(pipes, 60);
	tcase_set_timeout(others, 60);
	tcase_add_loop_exit_test(pipes, test_pingpong, 0, 0, 2);
	tcase_add_loop_exit_test(pipes, test_pipe_bulk, 0, 0, 2);
	tcase_add_loop_exit_test(pipes, test_pipe_ends, 0, 0, 2);
	tcase_add_loop_exit_test(others, test_blocking_pipe, 0, 0, 2);
	tcase_add_loop_exit_test(others, test_blocking_socket, 0, 0, 2);
	tcase_add_loop_exit_test(others, test_named_pipe, 0, 0, 2);
	tcase_add_loop_exit_test(others, test_regular_file, 0, 0, 2);
	tcase_add_loop_exit_test(others, test_refused, 0, 0, 2);
	return suite;
}

#include "check_main.h"
