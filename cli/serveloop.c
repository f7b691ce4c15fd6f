/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serveloop.c - connections of `gort serve`: one thread, poll, a bounded number of them.
 *
 * A connection reads its request, waits when it asked for a difference over time, writes its answer
 * and is closed. One that does not get on within TIMEOUT_NS is dropped; more than CONNECTIONS wait
 * in the listen queue. Looking into the target happens between polls: two requests never look at
 * the same moment, so that gort costs its host at most one CPU.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "err.h"
#include "interrupt.h"
#include "serve.h"

#define CONNECTIONS 32
#define TIMEOUT_NS  INT64_C(30000000000)
#define CHECK_NS    INT64_C(1000000000) /* how often a target that nobody asks for is checked */

enum phase { FREE, READING, WAITING, WRITING };

struct connection {
	enum phase phase;
	int fd;
	int64_t until; /* READING, WRITING: then it is dropped; WAITING: then it is answered */
	struct pprof_http http;
	struct serve_look look;
	size_t sent;
};

static void drop(struct connection *c)
{
	close(c->fd);
	pprof_http_free(&c->http);
	serve_look_free(&c->look);
	c->phase = FREE;
}

static void answer(struct connection *c)
{
	struct pprof_source source = serve_source(&c->look);
	int rc = pprof_http_end(&c->http, &source);
	serve_look_free(&c->look);
	if (rc) {
		drop(c);
		return;
	}
	c->sent = 0;
	c->phase = WRITING;
	c->until = monotonic_now() + TIMEOUT_NS;
}

static void begin(struct connection *c)
{
	struct pprof_source source = serve_source(&c->look);
	int64_t wait = pprof_http_begin(&c->http, &source);
	c->phase = WAITING;
	c->until = monotonic_now() + wait;
	if (!wait)
		answer(c);
}

static void on_readable(struct connection *c)
{
	char buf[4096];
	ssize_t n = read(c->fd, buf, sizeof buf);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(c); /* also while it waits for a delta: nobody wants the answer any more */
		return;
	}
	if (c->phase == READING && pprof_http_feed(&c->http, buf, (size_t)n) == PPROF_HTTP_READY)
		begin(c);
}

/*
 * Closing a socket that has unread input resets the connection, and the client loses the answer; so
 * what has come by now is read first.
 */
static void finish(struct connection *c)
{
	char rest[4096];
	shutdown(c->fd, SHUT_WR);
	while (recv(c->fd, rest, sizeof rest, MSG_DONTWAIT) > 0)
		;
	drop(c);
}

static void on_writable(struct connection *c)
{
	size_t left = c->http.outlen - c->sent;
	ssize_t n = send(c->fd, c->http.out + c->sent, left, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		drop(c);
		return;
	}
	c->sent += (size_t)n;
	c->until = monotonic_now() + TIMEOUT_NS;
	if (c->sent == c->http.outlen)
		finish(c);
}

static void on_time(struct connection *c)
{
	if (c->phase == WAITING)
		answer(c);
	else
		drop(c);
}

static void accept_one(
	int listener, struct connection *c, struct serve_target *st, const char *token, bool local)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	*c = (struct connection){.phase = READING,
		.fd = fd,
		.until = monotonic_now() + TIMEOUT_NS,
		.look = {.st = st}};
	pprof_http_init(&c->http, token, local);
}

/* Fills fds: the listener first, unless all connections are taken. Nanoseconds to wait at most. */
static int64_t prepare(const struct connection *cs, int listener, struct pollfd *fds)
{
	int64_t now = monotonic_now(), wait = CHECK_NS;
	fds[0] = (struct pollfd){.fd = -1};
	for (int i = 0; i < CONNECTIONS; i++) {
		const struct connection *c = &cs[i];
		fds[i + 1] = (struct pollfd){.fd = c->phase == FREE ? -1 : c->fd,
			.events = c->phase == WRITING ? POLLOUT : POLLIN};
		if (c->phase == FREE)
			fds[0] = (struct pollfd){.fd = listener, .events = POLLIN};
		else if (c->until - now < wait)
			wait = c->until > now ? c->until - now : 0;
	}
	return wait;
}

static void serve_ready(struct connection *cs, const struct pollfd *fds)
{
	for (int i = 0; i < CONNECTIONS; i++) {
		struct connection *c = &cs[i];
		if (c->phase == FREE || fds[i + 1].fd != c->fd)
			continue;
		if (fds[i + 1].revents && c->phase == WRITING)
			on_writable(c);
		else if (fds[i + 1].revents)
			on_readable(c);
		if (c->phase != FREE && monotonic_now() >= c->until)
			on_time(c);
	}
}

static bool target_ended(const struct serve_target *st)
{
	char path[512];
	const char *proc = st->o->host_proc ? st->o->host_proc : "/proc";
	snprintf(path, sizeof path, "%s/%d/stat", proc, (int)st->t.pid);
	return st->gone || access(path, F_OK) != 0;
}

static bool writing(const struct connection *cs)
{
	for (int i = 0; i < CONNECTIONS; i++)
		if (cs[i].phase == WRITING)
			return true;
	return false;
}

int serve_loop(int listener, struct serve_target *st, const char *token)
{
	static struct connection cs[CONNECTIONS];
	struct pollfd fds[CONNECTIONS + 1];
	int rc = 0;
	while (!interrupted() && !rc) {
		int64_t wait = prepare(cs, listener, fds);
		if (interrupt_poll(fds, CONNECTIONS + 1, wait) < 0 && errno != EINTR)
			rc = -errno;
		serve_ready(cs, fds);
		for (int i = 0; fds[0].revents && i < CONNECTIONS; i++)
			if (cs[i].phase == FREE) {
				accept_one(listener, &cs[i], st, token, !token);
				break;
			}
		if (target_ended(st) && !writing(cs))
			rc = -ESRCH;
	}
	for (int i = 0; i < CONNECTIONS; i++)
		if (cs[i].phase != FREE)
			drop(&cs[i]);
	return rc;
}
