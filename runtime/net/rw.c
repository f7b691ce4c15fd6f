/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rw.c - reading and writing: the calls of each kind of descriptor, and gort/net.h on them (Go's
 * internal/poll fd_unix.go Read, Write, ReadFrom, WriteTo).
 *
 * O_NONBLOCK belongs to the open file description, which other processes may share, such as a
 * user's shell: it is never set on a descriptor that libgort did not open. Sockets are asked not to
 * block call by call (MSG_DONTWAIT), pipes with RWF_NOWAIT; what knows neither (terminals, named
 * pipes) is read and written in a blocking system call.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/syscall.h"
#include "gort/net.h"
#include "net/sock.h"

/* ---- calls ---- */

static ssize_t do_recv(int fd, void *arg)
{
	struct span *s = arg;
	return rawsyscall6(SYS_recvfrom, fd, (long)s->at, (long)s->left, MSG_DONTWAIT, 0, 0);
}

static ssize_t sys_send(int fd, struct span *s)
{
	const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	return rawsyscall6(SYS_sendto, fd, (long)s->at, (long)s->left, flags, 0, 0);
}

static ssize_t do_read(int fd, void *arg)
{
	struct span *s = arg;
	return rawsyscall(SYS_read, fd, (long)s->at, (long)s->left, 0);
}

static ssize_t sys_write(int fd, struct span *s)
{
	return rawsyscall(SYS_write, fd, (long)s->at, (long)s->left, 0);
}

static ssize_t blocking(long nr, int fd, struct span *s)
{
	gort_blocking_begin();
	ssize_t n = rawsyscall(nr, fd, (long)s->at, (long)s->left, 0);
	gort_blocking_end();
	return n;
}

static ssize_t do_read_blocking(int fd, void *arg)
{
	return blocking(SYS_read, fd, arg);
}

static ssize_t sys_write_blocking(int fd, struct span *s)
{
	return blocking(SYS_write, fd, s);
}

static ssize_t nowait(long nr, int fd, struct span *s)
{
	struct iovec v = {s->at, s->left};
	return rawsyscall6(nr, fd, (long)&v, 1, -1, -1, RWF_NOWAIT);
}

static ssize_t do_read_nowait(int fd, void *arg)
{
	ssize_t n = nowait(SYS_preadv2, fd, arg);
	return n == -EOPNOTSUPP ? do_read_blocking(fd, arg) : n;
}

static ssize_t sys_write_nowait(int fd, struct span *s)
{
	ssize_t n = nowait(SYS_pwritev2, fd, s);
	return n == -EOPNOTSUPP ? sys_write_blocking(fd, s) : n;
}

/* As much as it can; 0 only when all is written. An empty span is written too: a datagram. */
static inline ssize_t write_all(int fd, struct span *s, ssize_t (*sys)(int, struct span *))
{
	do {
		ssize_t n = sys(fd, s);
		if (n < 0)
			return n;
		s->at += n;
		s->left -= (size_t)n;
	} while (s->left);
	return 0;
}

static ssize_t do_send(int fd, void *arg)
{
	return write_all(fd, arg, sys_send);
}

static ssize_t do_write(int fd, void *arg)
{
	return write_all(fd, arg, sys_write);
}

static ssize_t do_write_blocking(int fd, void *arg)
{
	return write_all(fd, arg, sys_write_blocking);
}

static ssize_t do_write_nowait(int fd, void *arg)
{
	return write_all(fd, arg, sys_write_nowait);
}

const struct fdops tcp_ops = {do_recv, do_send, .drains = true};
const struct fdops socket_ops = {do_recv, do_send, .drains = false};
const struct fdops file_ops = {do_read, do_write, .drains = false};
const struct fdops nowait_ops = {do_read_nowait, do_write_nowait, .drains = false};
const struct fdops blocking_ops = {do_read_blocking, do_write_blocking, .blocks = true};

/* ---- gort/net.h ---- */

ssize_t gort_conn_read(gort_conn c, void *buf, size_t size)
{
	struct span s = {.at = buf, .left = size};
	return size ? netfdread((fdhandle)c, &s) : 0;
}

ssize_t gort_conn_write(gort_conn c, const void *buf, size_t size)
{
	struct span s = {.at = (char *)(uintptr_t)buf, .left = size};
	ssize_t err = netfdwrite((fdhandle)c, &s);
	return err ? err : (ssize_t)size;
}

static ssize_t do_recvfrom(int fd, void *arg)
{
	struct span *s = arg;
	s->peer->len = sizeof s->peer->addr;
	return rawsyscall6(SYS_recvfrom, fd, (long)s->at, (long)s->left, MSG_DONTWAIT,
		(long)&s->peer->addr, (long)&s->peer->len);
}

ssize_t gort_conn_read_from(gort_conn c, void *buf, size_t size, gort_addr *from)
{
	struct endpoint unwanted;
	struct span s = {.at = buf, .left = size};
	s.peer = from ? (struct endpoint *)from : &unwanted;
	return netfddo((fdhandle)c, POLL_READ, do_recvfrom, &s);
}

static ssize_t do_sendto(int fd, void *arg)
{
	struct span *s = arg;
	const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	return rawsyscall6(SYS_sendto, fd, (long)s->at, (long)s->left, flags, (long)&s->peer->addr,
		s->peer->len);
}

ssize_t gort_conn_write_to(gort_conn c, const void *buf, size_t size, const gort_addr *to)
{
	struct endpoint e = *(const struct endpoint *)to;
	struct span s = {.at = (char *)(uintptr_t)buf, .left = size, .peer = &e};
	return netfddo((fdhandle)c, POLL_WRITE, do_sendto, &s);
}
