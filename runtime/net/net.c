/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net.c - gort/net.h: making, using and closing sockets (Go's net package: sock_posix.go,
 * fd_unix.go, tcpsockopt_posix.go).
 *
 * Sockets are born non-blocking (SOCK_NONBLOCK), which is allowed here because libgort opened them:
 * no other process shares the open file description unless the program hands it over. System calls
 * go to the kernel directly, as libc's wrappers of the same names may be libgort's own.
 *
 * Options that every TCP connection has are set on the listener: the kernel hands them down to what
 * it accepts, which saves five calls a connection.
 */
#include "gort/net.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>

#include "base/syscall.h"
#include "net/sock.h"

/* The kernel lowers it to net.core.somaxconn, which is what Go asks for. */
enum { BACKLOG = INT_MAX };

/* Go's net.KeepAliveConfig when nothing is said. */
enum { KEEPALIVE_SECONDS = 15, KEEPALIVE_PROBES = 9 };

_Static_assert(sizeof(struct endpoint) <= sizeof(gort_addr), "gort_addr is too small");

/* ---- options ---- */

static int setint(int fd, int level, int option, int value)
{
	return (int)rawsyscall6(SYS_setsockopt, fd, level, option, (long)&value, sizeof value, 0);
}

static int set_keepalive(int fd, int seconds)
{
	int err = setint(fd, SOL_SOCKET, SO_KEEPALIVE, seconds > 0);
	if (err || seconds <= 0)
		return err;
	err = setint(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
	if (!err)
		err = setint(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds);
	return err;
}

/* As Go does for every connection: small writes are not held back, a dead peer is noticed. */
static void tcp_defaults(int fd)
{
	setint(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_keepalive(fd, KEEPALIVE_SECONDS);
	setint(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
}

/* ---- making sockets ---- */

/* A socket that can reach e, with the options that Go sets; or a negative errno. */
static int newsocket(const struct network *n, const struct endpoint *e)
{
	int family = e->addr.sa.sa_family;
	int fd = (int)rawsyscall(SYS_socket, family, n->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, 0);
	if (fd < 0)
		return fd;
	if (family == AF_INET6)
		setint(fd, IPPROTO_IPV6, IPV6_V6ONLY, n->family == AF_INET6);
	if (n->type == SOCK_DGRAM && family != AF_UNIX)
		setint(fd, SOL_SOCKET, SO_BROADCAST, 1);
	if (n->type == SOCK_STREAM && family != AF_UNIX)
		tcp_defaults(fd);
	return fd;
}

static int bindto(int fd, const struct network *n, const struct endpoint *e)
{
	bool listens = n->type == SOCK_STREAM;
	if (listens && n->family != AF_UNIX)
		setint(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	int err = (int)rawsyscall(SYS_bind, fd, (long)&e->addr, e->len, 0);
	return err || !listens ? err : (int)rawsyscall(SYS_listen, fd, BACKLOG, 0, 0);
}

static int newbound(const struct network *n, const struct endpoint *e)
{
	int fd = newsocket(n, e);
	if (fd < 0)
		return fd;
	int err = bindto(fd, n, e);
	if (!err)
		return fd;
	rawsyscall(SYS_close, fd, 0, 0, 0);
	return err;
}

/* ":80" is every address of both versions, or of IPv4 where there is no IPv6. */
static int listenfd(const struct network *n, const char *addr)
{
	struct endpoint e;
	int err = endpoint_resolve(n, addr, &e);
	if (err)
		return err;
	int fd = newbound(n, &e);
	bool no_ipv6 = fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL;
	if (no_ipv6 && n->family == AF_UNSPEC && *addr == ':' &&
		!endpoint_parse(&(struct network){n->name, n->type, AF_INET}, addr, &e))
		fd = newbound(n, &e);
	return fd;
}

static int listenon(const char *network, int type, const char *addr, fdhandle *out)
{
	const struct network *n = network_named(network);
	if (!n || n->type != type)
		return -EPROTONOSUPPORT;
	int fd = listenfd(n, addr);
	if (fd < 0)
		return fd;
	return netfdadopt(fd, &socket_ops, out);
}

int gort_net_listen(const char *network, const char *addr, gort_listener *out)
{
	fdhandle h;
	int err = listenon(network, SOCK_STREAM, addr, &h);
	if (!err)
		*out = (gort_listener)h;
	return err;
}

int gort_net_listen_packet(const char *network, const char *addr, gort_conn *out)
{
	fdhandle h;
	int err = listenon(network, SOCK_DGRAM, addr, &h);
	if (!err)
		*out = (gort_conn)h;
	return err;
}

/* A connection that its client gave up before it was accepted is no error of the listener. */
static ssize_t do_accept(int fd, void *arg)
{
	sa_family_t *family = arg;
	socklen_t len;
	long r;
	do {
		len = sizeof *family;
		r = rawsyscall(
			SYS_accept4, fd, (long)family, (long)&len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (r == -ECONNABORTED);
	return r;
}

/* The descriptor 0 is a valid result. */
int gort_net_accept(gort_listener l, gort_conn *out)
{
	sa_family_t family = AF_UNSPEC;
	ssize_t fd = netfddo((fdhandle)l, POLL_READ, do_accept, &family);
	fdhandle h;
	if (fd < 0)
		return (int)fd;
	int err = netfdadopt((int)fd, family == AF_UNIX ? &socket_ops : &tcp_ops, &h);
	if (!err)
		*out = (gort_conn)h;
	return err;
}

struct dial {
	const struct endpoint *to;
	bool begun;
	bool full;
};

/* First call: begins to connect. Later, when the socket became writable: how did it go? */
static ssize_t do_connect(int fd, void *arg)
{
	struct dial *d = arg;
	struct endpoint peer;
	int err = 0;
	socklen_t len = sizeof err;
	if (!d->begun) {
		d->begun = true;
		long r = rawsyscall(SYS_connect, fd, (long)&d->to->addr, d->to->len, 0);
		d->full = r == -EAGAIN; /* a Unix listener's backlog: no edge tells of its end */
		return d->full ? 0 : r == -EINPROGRESS || r == -EINTR ? -EAGAIN : r;
	}
	long r = rawsyscall6(SYS_getsockopt, fd, SOL_SOCKET, SO_ERROR, (long)&err, (long)&len, 0);
	if (r || err)
		return r ? r : -err;
	len = sizeof peer.addr;
	r = rawsyscall(SYS_getpeername, fd, (long)&peer.addr, (long)&len, 0);
	return r == -ENOTCONN ? -EAGAIN : r; /* an edge from before the connection */
}

static const struct fdops *ops_of(const struct network *n)
{
	return n->type == SOCK_STREAM && n->family != AF_UNIX ? &tcp_ops : &socket_ops;
}

static int finish_dial(fdhandle h, const struct endpoint *e)
{
	struct dial d = {.to = e};
	int err = (int)netfddo(h, POLL_WRITE, do_connect, &d);
	return d.full ? -EAGAIN : err;
}

/* A connection that is being made. */
static int begin_dial(const char *network, const char *addr, struct endpoint *e, fdhandle *h)
{
	const struct network *n = network_named(network);
	int err = n ? endpoint_resolve(n, addr, e) : -EPROTONOSUPPORT;
	if (err)
		return err;
	int fd = newsocket(n, e);
	return fd < 0 ? fd : netfdadopt(fd, ops_of(n), h);
}

int gort_net_dial(const char *network, const char *addr, gort_conn *out)
{
	struct endpoint e;
	fdhandle h;
	int err = begin_dial(network, addr, &e, &h);
	if (err)
		return err;
	err = finish_dial(h, &e);
	if (err)
		netfdclose(h);
	else
		*out = (gort_conn)h;
	return err;
}

/* ---- contexts ---- */

static int cancelled(gort_context ctx)
{
	gort_error err = gort_ctx_err(ctx);
	if (!err)
		return 0;
	return err == gort_ctx_deadline_exceeded ? -ETIMEDOUT : -ECANCELED;
}

/* The connection may be closed by now: a stale handle harms nobody. */
static void expire(gort_conn c)
{
	gort_conn_set_deadline(c, 1);
}

void gort_conn_cancel_with(gort_conn c, gort_context ctx, struct gort_stop **stop)
{
	struct gort_call call = {.fn = (void (*)(void))expire, .n = 1, .w = {(uintptr_t)c}};
	gort_ctx_after_func(ctx, &call, stop);
}

int gort_net_dial_context(gort_context ctx, const char *network, const char *addr, gort_conn *out)
{
	struct endpoint e;
	struct gort_stop *stop;
	fdhandle h;
	int err = cancelled(ctx);
	if (!err)
		err = begin_dial(network, addr, &e, &h);
	if (err)
		return err;
	gort_conn_cancel_with((gort_conn)h, ctx, &stop);
	err = finish_dial(h, &e);
	gort_stop_now(stop);
	gort_stop_free(stop);
	int late = cancelled(ctx); /* also when the connection was made: it has a deadline now */
	if (late || err) {
		netfdclose(h);
		return late ? late : err;
	}
	*out = (gort_conn)h;
	return 0;
}

/* ---- addresses ---- */

int gort_addr_parse(const char *network, const char *text, gort_addr *out)
{
	const struct network *n = network_named(network);
	return n ? endpoint_resolve(n, text, (struct endpoint *)out) : -EPROTONOSUPPORT;
}

int gort_addr_format(const gort_addr *a, char *buf, size_t size)
{
	return endpoint_format((const struct endpoint *)a, buf, size);
}

static ssize_t do_getsockname(int fd, void *arg)
{
	struct endpoint *e = arg;
	e->len = sizeof e->addr;
	return rawsyscall(SYS_getsockname, fd, (long)&e->addr, (long)&e->len, 0);
}

static ssize_t do_getpeername(int fd, void *arg)
{
	struct endpoint *e = arg;
	e->len = sizeof e->addr;
	return rawsyscall(SYS_getpeername, fd, (long)&e->addr, (long)&e->len, 0);
}

static int format_name(fdhandle h, netfdcall *name, char *buf, size_t size)
{
	struct endpoint e = {0};
	ssize_t err = netfdpeek(h, name, &e);
	return err ? (int)err : endpoint_format(&e, buf, size);
}

int gort_listener_addr(gort_listener l, char *buf, size_t size)
{
	return format_name((fdhandle)l, do_getsockname, buf, size);
}

int gort_conn_local_addr(gort_conn c, char *buf, size_t size)
{
	return format_name((fdhandle)c, do_getsockname, buf, size);
}

int gort_conn_remote_addr(gort_conn c, char *buf, size_t size)
{
	return format_name((fdhandle)c, do_getpeername, buf, size);
}

/* ---- options of one connection ---- */

struct option {
	int (*set)(int fd, int value);
	int value;
};

static ssize_t do_set(int fd, void *arg)
{
	struct option *o = arg;
	return o->set(fd, o->value);
}

static int set(gort_conn c, int (*fn)(int, int), int value)
{
	return (int)netfdpeek((fdhandle)c, do_set, &(struct option){fn, value});
}

static int set_nodelay(int fd, int on)
{
	return setint(fd, IPPROTO_TCP, TCP_NODELAY, on);
}

static int set_shutdown(int fd, int how)
{
	return (int)rawsyscall(SYS_shutdown, fd, how, 0, 0);
}

static int same_fd(int fd, int unused)
{
	(void)unused;
	return fd;
}

int gort_conn_set_nodelay(gort_conn c, bool on)
{
	return set(c, set_nodelay, on);
}

/* Rounded up to seconds, as Go does. */
int gort_conn_set_keepalive(gort_conn c, gort_duration period)
{
	const gort_duration second = 1000000000, most = 32767;
	gort_duration seconds = period / second + (period % second > 0);
	return set(c, set_keepalive, (int)(seconds < most ? seconds : most));
}

int gort_conn_close_read(gort_conn c)
{
	return set(c, set_shutdown, SHUT_RD);
}

int gort_conn_close_write(gort_conn c)
{
	return set(c, set_shutdown, SHUT_WR);
}

int gort_conn_fd(gort_conn c)
{
	return set(c, same_fd, 0);
}

/* ---- deadlines and close ---- */

int gort_conn_set_deadline(gort_conn c, gort_time when)
{
	return netfddeadline((fdhandle)c, POLL_READ | POLL_WRITE, when);
}

int gort_conn_set_read_deadline(gort_conn c, gort_time when)
{
	return netfddeadline((fdhandle)c, POLL_READ, when);
}

int gort_conn_set_write_deadline(gort_conn c, gort_time when)
{
	return netfddeadline((fdhandle)c, POLL_WRITE, when);
}

int gort_listener_set_deadline(gort_listener l, gort_time when)
{
	return netfddeadline((fdhandle)l, POLL_READ, when);
}

/* A Unix listener takes its path away, as in Go. */
int gort_listener_close(gort_listener l)
{
	struct endpoint e = {0};
	ssize_t named = netfdpeek((fdhandle)l, do_getsockname, &e);
	int err = netfdclose((fdhandle)l);
	if (!err && !named && e.addr.sa.sa_family == AF_UNIX && e.addr.un.sun_path[0])
		rawsyscall(SYS_unlink, (long)e.addr.un.sun_path, 0, 0, 0);
	return err;
}

int gort_conn_close(gort_conn c)
{
	return netfdclose((fdhandle)c);
}
