/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net.c - gort/net.h: stream sockets (Go's net package, the parts net/sock_posix.go, fd_unix.go).
 *
 * Sockets are born non-blocking (SOCK_NONBLOCK), which is allowed here because libgort opened them:
 * no other process shares the open file description unless the program hands it over. System calls
 * go to the kernel directly, as libc's wrappers of the same names may be libgort's own.
 */
#include "gort/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/syscall.h"
#include "net/fd.h"

enum { BACKLOG = 4096 }; /* the kernel lowers it to net.core.somaxconn, which is what Go uses */

union sockaddr_any {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

struct endpoint {
	union sockaddr_any addr;
	socklen_t len;
};

/* ---- addresses ---- */

static int parse_port(const char *text, in_port_t *out)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || port > 65535)
		return -EINVAL;
	*out = htons((uint16_t)port);
	return 0;
}

/* host is without brackets; "" is every address, of both families where the kernel allows it. */
static int parse_host(const char *host, bool bracketed, in_port_t port, struct endpoint *e)
{
	struct sockaddr_in *in = &e->addr.in;
	struct sockaddr_in6 *in6 = &e->addr.in6;
	if (!strcmp(host, "localhost"))
		host = "127.0.0.1";
	if (!bracketed && inet_pton(AF_INET, *host ? host : "0.0.0.0", &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = port;
		e->len = sizeof *in;
		return 0;
	}
	if (bracketed && inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = port;
		e->len = sizeof *in6;
		return 0;
	}
	return -EADDRNOTAVAIL;
}

static int parse_tcp(const char *addr, struct endpoint *e)
{
	char host[INET6_ADDRSTRLEN + 1];
	const char *colon = strrchr(addr, ':');
	in_port_t port;
	if (!colon || parse_port(colon + 1, &port))
		return -EINVAL;
	size_t len = (size_t)(colon - addr);
	bool bracketed = len >= 2 && addr[0] == '[' && addr[len - 1] == ']';
	if (bracketed) {
		addr++;
		len -= 2;
	}
	if (len >= sizeof host)
		return -EADDRNOTAVAIL;
	memcpy(host, addr, len);
	host[len] = '\0';
	return parse_host(host, bracketed, port, e);
}

static int parse_unix(const char *addr, struct endpoint *e)
{
	struct sockaddr_un *un = &e->addr.un;
	size_t len = strlen(addr);
	if (len == 0 || len >= sizeof un->sun_path)
		return -EINVAL;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, addr, len + 1);
	e->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	if (addr[0] == '@') { /* abstract names are not NUL-terminated */
		un->sun_path[0] = '\0';
		e->len--;
	}
	return 0;
}

static int parse_endpoint(const char *network, const char *addr, struct endpoint *e)
{
	memset(e, 0, sizeof *e);
	if (!strcmp(network, "tcp"))
		return parse_tcp(addr, e);
	if (!strcmp(network, "unix"))
		return parse_unix(addr, e);
	return -EPROTONOSUPPORT;
}

static int format_endpoint(const struct endpoint *e, char *buf, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "";
	const union sockaddr_any *a = &e->addr;
	int n;
	if (a->sa.sa_family == AF_UNIX) {
		size_t len = e->len - offsetof(struct sockaddr_un, sun_path);
		bool abstract = len && !a->un.sun_path[0];
		n = snprintf(buf, size, "%s%.*s", abstract ? "@" : "", (int)len - abstract,
			a->un.sun_path + abstract);
	} else if (a->sa.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &a->in6.sin6_addr, host, sizeof host);
		n = snprintf(buf, size, "[%s]:%u", host, ntohs(a->in6.sin6_port));
	} else {
		inet_ntop(AF_INET, &a->in.sin_addr, host, sizeof host);
		n = snprintf(buf, size, "%s:%u", host, ntohs(a->in.sin_port));
	}
	return n >= 0 && (size_t)n < size ? 0 : -ENOSPC;
}

/* ---- sockets ---- */

static int sys_socket(const struct endpoint *e)
{
	int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
	return (int)rawsyscall(SYS_socket, e->addr.sa.sa_family, type, 0, 0);
}

/* As Go does for every connection: small writes are not held back. */
static void set_nodelay(int fd)
{
	int one = 1;
	rawsyscall6(SYS_setsockopt, fd, IPPROTO_TCP, TCP_NODELAY, (long)&one, sizeof one, 0);
}

static int bind_and_listen(int fd, const struct endpoint *e)
{
	int one = 1;
	if (e->addr.sa.sa_family != AF_UNIX)
		rawsyscall6(
			SYS_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, (long)&one, sizeof one, 0);
	long err = rawsyscall(SYS_bind, fd, (long)&e->addr, e->len, 0);
	return (int)(err ? err : rawsyscall(SYS_listen, fd, BACKLOG, 0, 0));
}

int gort_net_listen(const char *network, const char *addr, gort_listener *out)
{
	struct endpoint e;
	fdhandle h;
	int err = parse_endpoint(network, addr, &e);
	if (err)
		return err;
	int fd = sys_socket(&e);
	if (fd < 0)
		return fd;
	err = bind_and_listen(fd, &e);
	if (err) {
		rawsyscall(SYS_close, fd, 0, 0, 0);
		return err;
	}
	err = netfdopen(fd, &h);
	if (!err)
		*out = (gort_listener)h;
	return err;
}

/* A connection that its client gave up before it was accepted is no error of the listener. */
static ssize_t do_accept(int fd, void *arg)
{
	(void)arg;
	long r;
	do
		r = rawsyscall(SYS_accept4, fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (r == -ECONNABORTED);
	return r;
}

/* The descriptor 0 is a valid result. */
int gort_net_accept(gort_listener l, gort_conn *out)
{
	ssize_t fd = netfddo((fdhandle)l, POLL_READ, do_accept, NULL);
	fdhandle h;
	if (fd < 0)
		return (int)fd;
	set_nodelay((int)fd);
	int err = netfdopen((int)fd, &h);
	if (!err)
		*out = (gort_conn)h;
	return err;
}

struct dial {
	const struct endpoint *to;
	bool begun;
};

/* First call: begins to connect. Later, when the socket became writable: how did it go? */
static ssize_t do_connect(int fd, void *arg)
{
	struct dial *d = arg;
	int err = 0;
	socklen_t len = sizeof err;
	if (!d->begun) {
		d->begun = true;
		long r = rawsyscall(SYS_connect, fd, (long)&d->to->addr, d->to->len, 0);
		return r == -EINPROGRESS || r == -EINTR ? -EAGAIN : r;
	}
	long r = rawsyscall6(SYS_getsockopt, fd, SOL_SOCKET, SO_ERROR, (long)&err, (long)&len, 0);
	if (r || err)
		return r ? r : -err;
	union sockaddr_any peer;
	len = sizeof peer;
	r = rawsyscall(SYS_getpeername, fd, (long)&peer, (long)&len, 0);
	return r == -ENOTCONN ? -EAGAIN : r; /* an edge from before the connection */
}

int gort_net_dial(const char *network, const char *addr, gort_conn *out)
{
	struct endpoint e;
	fdhandle h;
	int err = parse_endpoint(network, addr, &e);
	if (err)
		return err;
	int fd = sys_socket(&e);
	if (fd < 0)
		return fd;
	set_nodelay(fd);
	err = netfdopen(fd, &h);
	if (err)
		return err;
	err = (int)netfddo(h, POLL_WRITE, do_connect, &(struct dial){.to = &e});
	if (err)
		netfdclose(h);
	else
		*out = (gort_conn)h;
	return err;
}

static ssize_t do_getsockname(int fd, void *arg)
{
	struct endpoint *e = arg;
	e->len = sizeof e->addr;
	return rawsyscall(SYS_getsockname, fd, (long)&e->addr, (long)&e->len, 0);
}

int gort_listener_addr(gort_listener l, char *buf, size_t size)
{
	struct endpoint e = {0};
	ssize_t err = netfdpeek((fdhandle)l, do_getsockname, &e);
	return err ? (int)err : format_endpoint(&e, buf, size);
}

int gort_listener_close(gort_listener l)
{
	return netfdclose((fdhandle)l);
}

struct span {
	char *at;
	size_t left;
};

static ssize_t do_recv(int fd, void *arg)
{
	struct span *s = arg;
	return rawsyscall(SYS_read, fd, (long)s->at, (long)s->left, 0);
}

ssize_t gort_conn_read(gort_conn c, void *buf, size_t size)
{
	struct span s = {buf, size};
	return size ? netfddo((fdhandle)c, POLL_READ, do_recv, &s) : 0;
}

/* Writes as much as it can; done only when all is written. */
static ssize_t do_send(int fd, void *arg)
{
	struct span *s = arg;
	while (s->left) {
		long n =
			rawsyscall6(SYS_sendto, fd, (long)s->at, (long)s->left, MSG_NOSIGNAL, 0, 0);
		if (n < 0)
			return n;
		s->at += n;
		s->left -= (size_t)n;
	}
	return 0;
}

ssize_t gort_conn_write(gort_conn c, const void *buf, size_t size)
{
	struct span s = {(char *)(uintptr_t)buf, size};
	ssize_t err = size ? netfddo((fdhandle)c, POLL_WRITE, do_send, &s) : 0;
	return err ? err : (ssize_t)size;
}

int gort_conn_close(gort_conn c)
{
	return netfdclose((fdhandle)c);
}
