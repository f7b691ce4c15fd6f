/* SPDX-License-Identifier: BSD-2-Clause */
/* file.c - pipes and descriptors that libgort did not open (os.Pipe, os.NewFile, net.FileConn). */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/syscall.h"
#include "gort/net.h"
#include "net/sock.h"

static int sockopt(int fd, int option)
{
	int value = 0;
	socklen_t len = sizeof value;
	long err = rawsyscall6(SYS_getsockopt, fd, SOL_SOCKET, option, (long)&value, (long)&len, 0);
	return err ? (int)err : value;
}

/* How to call fd without blocking a thread; NULL: -EINVAL, *err otherwise. */
static const struct fdops *ops_of(int fd, int *err)
{
	struct stat st;
	*err = -EINVAL;
	int flags = (int)rawsyscall(SYS_fcntl, fd, F_GETFL, 0, 0);
	if (flags < 0 || fstat(fd, &st)) {
		*err = -EBADF;
		return NULL;
	}
	if (S_ISSOCK(st.st_mode)) {
		if (sockopt(fd, SO_ACCEPTCONN) > 0)
			return NULL;
		return sockopt(fd, SO_PROTOCOL) == IPPROTO_TCP ? &tcp_ops : &socket_ops;
	}
	if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
		return &blocking_ops;
	return flags & O_NONBLOCK ? &file_ops : &nowait_ops;
}

int gort_conn_from_fd(int fd, gort_conn *out)
{
	fdhandle h;
	int err;
	const struct fdops *ops = ops_of(fd, &err);
	if (!ops)
		return err;
	err = netfdopen(fd, ops, &h);
	if (!err)
		*out = (gort_conn)h;
	return err;
}

int gort_pipe(gort_conn *r, gort_conn *w)
{
	int fds[2];
	fdhandle hr, hw;
	int err = (int)rawsyscall(SYS_pipe2, (long)fds, O_NONBLOCK | O_CLOEXEC, 0, 0);
	if (err)
		return err;
	err = netfdadopt(fds[0], &file_ops, &hr);
	if (err) {
		rawsyscall(SYS_close, fds[1], 0, 0, 0);
		return err;
	}
	err = netfdadopt(fds[1], &file_ops, &hw);
	if (err) {
		netfdclose(hr);
		return err;
	}
	netfdlink(hr, hw);
	*r = (gort_conn)hr;
	*w = (gort_conn)hw;
	return 0;
}
