/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.c - gort-load: puts load on a server on this machine, for a bounded time.
 *
 *	gort-load nats|demo 127.0.0.1:PORT [--conns N] [--seconds S] [--messages M]
 *
 * nats: each connection subscribes to a subject of its own and publishes to it, so that a message
 * counts when it came back through the server. demo: each connection sends the demo service's
 * requests (demo.c) in turn; a message counts when its answer came.
 *
 * One thread, one epoll, plain C: no part of libgort, so that what it measures is the other side.
 * Each connection keeps up to WINDOW messages under way. Exit 0, 1 when nothing got through, 2
 * usage.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNS_MAX = 10000, SECONDS_MAX = 3600, WINDOW = 32, BUFFER = 8192, REQUEST_MAX = 256 };

struct conn {
	int fd;    /* -1 when closed */
	int id;    /* from 0 */
	bool open; /* the protocol's greeting is done */
	uint64_t sent, received;
	size_t skip; /* bytes of a message body still to be read over */
	size_t inlen, outlen;
	char in[BUFFER], out[BUFFER];
};

struct protocol {
	const char *name;
	void (*hello)(struct conn *c);
	void (*request)(struct conn *c);
	bool (*line)(struct conn *c, char *line); /* false: the server complained */
};

struct load {
	const struct protocol *protocol;
	struct sockaddr_in addr;
	int nconns, epoll;
	int64_t seconds;
	uint64_t messages; /* 0 = no bound */
	uint64_t done;
	struct conn *conns;
};

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

__attribute__((format(printf, 2, 3))) static void say(struct conn *c, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(c->out + c->outlen, BUFFER - c->outlen, format, args);
	va_end(args);
	if (n > 0 && (size_t)n < BUFFER - c->outlen)
		c->outlen += (size_t)n;
}

/* --- NATS ------------------------------------------------------------------------------------- */

static void nats_hello(struct conn *c)
{
	say(c, "CONNECT {\"verbose\":false,\"pedantic\":false,\"name\":\"gort-load-%d\"}\r\n",
		c->id);
	say(c, "SUB gort.load.%d 1\r\nPING\r\n", c->id);
}

static void nats_request(struct conn *c)
{
	say(c, "PUB gort.load.%d 16\r\n%016llu\r\n", c->id, (unsigned long long)c->sent);
}

/* MSG <subject> <sid> <bytes>, then the body and a line end, which are skipped. */
static bool nats_message(struct conn *c, const char *line)
{
	const char *bytes = strrchr(line, ' ');
	long n = bytes ? strtol(bytes, NULL, 10) : -1;
	if (n < 0 || n > 1 << 20)
		return false;
	c->skip = (size_t)n + 2;
	c->received++;
	return true;
}

static bool nats_line(struct conn *c, char *line)
{
	if (!strncmp(line, "MSG ", 4))
		return nats_message(c, line);
	if (!strcmp(line, "PING"))
		say(c, "PONG\r\n");
	else if (!strcmp(line, "PONG"))
		c->open = true;
	return strncmp(line, "-ERR", 4) != 0;
}

/* --- demo service ----------------------------------------------------------------------------- */

static void demo_hello(struct conn *c)
{
	c->open = true;
}

static void demo_request(struct conn *c)
{
	unsigned long long n = c->sent;
	switch (n % 4) {
	case 0:
		say(c, "SET key%d.%llu value%llu\n", c->id, n / 4 % 64, n);
		break;
	case 1:
		say(c, "GET key%d.%llu\n", c->id, n / 4 % 64);
		break;
	case 2:
		say(c, "ECHO message %llu of connection %d\n", n, c->id);
		break;
	default:
		say(c, "JOB %llu\n", n % 1000);
	}
}

static bool demo_line(struct conn *c, char *line)
{
	static const char *const answers[] = {"OK", "VALUE ", "NONE", "ECHO ", "DONE "};
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		if (strncmp(line, answers[i], strlen(answers[i])) != 0)
			continue;
		c->received++;
		return c->received <= c->sent;
	}
	return false;
}

static const struct protocol protocols[] = {
	{"nats", nats_hello, nats_request, nats_line},
	{"demo", demo_hello, demo_request, demo_line},
};

/* --- connections ------------------------------------------------------------------------------ */

static void conn_close(struct conn *c, const char *why)
{
	if (why)
		fprintf(stderr, "gort-load: connection %d: %s\n", c->id, why);
	close(c->fd);
	c->fd = -1;
}

/* Connects (blocking: the server is on this machine) and joins the epoll set. */
static bool conn_open(struct load *l, struct conn *c)
{
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	int one = 1;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(c->fd, (struct sockaddr *)&l->addr, sizeof l->addr) != 0 ||
		fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0)
		return false;
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
	l->protocol->hello(c);
	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &ev) == 0;
}

static bool conn_flush(struct conn *c)
{
	while (c->outlen) {
		ssize_t n = send(c->fd, c->out, c->outlen, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		c->outlen -= (size_t)n;
		memmove(c->out, c->out + n, c->outlen);
	}
	return true;
}

/* Asks for more as long as the window and the buffer have room. */
static bool conn_pump(struct load *l, struct conn *c)
{
	while (c->open && c->sent - c->received < WINDOW && c->outlen + REQUEST_MAX <= BUFFER) {
		l->protocol->request(c);
		c->sent++;
	}
	return conn_flush(c);
}

/* Takes complete lines and bodies off the input; false on a protocol error. */
static bool conn_parse(struct load *l, struct conn *c)
{
	size_t at = 0;
	while (at < c->inlen) {
		size_t left = c->inlen - at;
		size_t skip = left < c->skip ? left : c->skip;
		c->skip -= skip;
		at += skip;
		char *end = memchr(c->in + at, '\n', c->inlen - at);
		if (!end)
			break;
		*end = '\0';
		if (end > c->in + at && end[-1] == '\r')
			end[-1] = '\0';
		char *line = c->in + at;
		at = (size_t)(end + 1 - c->in);
		if (!l->protocol->line(c, line)) {
			fprintf(stderr, "gort-load: the server says: %s\n", line);
			return false;
		}
	}
	c->inlen -= at;
	memmove(c->in, c->in + at, c->inlen);
	return c->inlen < BUFFER;
}

static void conn_ready(struct load *l, struct conn *c)
{
	for (;;) {
		ssize_t n = recv(c->fd, c->in + c->inlen, BUFFER - c->inlen, 0);
		if (n == 0)
			return conn_close(c, "closed by the server");
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return conn_close(c, strerror(errno));
		uint64_t before = c->received;
		c->inlen += (size_t)n;
		if (!conn_parse(l, c))
			return conn_close(c, "not the protocol");
		l->done += c->received - before;
		if (!conn_pump(l, c))
			return conn_close(c, strerror(errno));
	}
	if (!conn_pump(l, c))
		conn_close(c, strerror(errno));
}

static int open_all(struct load *l)
{
	for (int i = 0; i < l->nconns; i++) {
		struct conn *c = &l->conns[i];
		c->id = i;
		if (conn_open(l, c))
			continue;
		fprintf(stderr, "gort-load: connection %d: %s\n", i, strerror(errno));
		return 1;
	}
	return 0;
}

static bool any_open(const struct load *l)
{
	for (int i = 0; i < l->nconns; i++)
		if (l->conns[i].fd >= 0)
			return true;
	return false;
}

static int run(struct load *l)
{
	int64_t start = now_ns(), end = start + l->seconds * INT64_C(1000000000), now = start;
	struct epoll_event events[256];
	while (now < end && (!l->messages || l->done < l->messages) && any_open(l)) {
		int timeout = (int)((end - now) / 1000000) + 1;
		int n = epoll_wait(l->epoll, events, 256, timeout);
		for (int i = 0; i < n; i++)
			conn_ready(l, events[i].data.ptr);
		now = now_ns();
	}
	double seconds = (double)(now - start) / 1e9;
	printf("%s: %d connections, %llu messages in %.1f s: %.0f messages/s\n", l->protocol->name,
		l->nconns, (unsigned long long)l->done, seconds,
		seconds > 0 ? (double)l->done / seconds : 0.0);
	return l->done ? 0 : 1;
}

/* --- command line ----------------------------------------------------------------------------- */

static int usage(const char *why)
{
	fprintf(stderr,
		"gort-load: %s\n"
		"usage: gort-load nats|demo 127.0.0.1:PORT [--conns N] [--seconds S] [--messages "
		"M]\n",
		why);
	return 2;
}

static bool parse_number(const char *text, long max, long *out)
{
	char *end;
	errno = 0;
	*out = strtol(text, &end, 10);
	return !errno && end != text && !*end && *out > 0 && *out <= max;
}

/* Only this machine: 127.0.0.0/8. */
static bool parse_addr(const char *text, struct sockaddr_in *addr)
{
	char host[32];
	const char *colon = strrchr(text, ':');
	long port;
	if (!colon || (size_t)(colon - text) >= sizeof host ||
		!parse_number(colon + 1, 65535, &port))
		return false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	*addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	return inet_pton(AF_INET, host, &addr->sin_addr) == 1 &&
	       ntohl(addr->sin_addr.s_addr) >> 24 == 127;
}

static const char *parse_option(struct load *l, const char *name, const char *value)
{
	long v;
	if (!value)
		return "an option without its value";
	if (!strcmp(name, "--conns") && parse_number(value, CONNS_MAX, &v))
		l->nconns = (int)v;
	else if (!strcmp(name, "--seconds") && parse_number(value, SECONDS_MAX, &v))
		l->seconds = v;
	else if (!strcmp(name, "--messages") && parse_number(value, LONG_MAX, &v))
		l->messages = (uint64_t)v;
	else
		return "unknown option or bad number";
	return NULL;
}

static const char *parse_args(struct load *l, int argc, char **argv)
{
	if (argc < 3)
		return "server kind and address are needed";
	for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
		if (!strcmp(argv[1], protocols[i].name))
			l->protocol = &protocols[i];
	if (!l->protocol)
		return "the server kind is nats or demo";
	if (!parse_addr(argv[2], &l->addr))
		return "the address is 127.0.0.1:PORT";
	const char *why = NULL;
	for (int i = 3; i < argc && !why; i += 2)
		why = parse_option(l, argv[i], argv[i + 1]);
	return why;
}

int main(int argc, char **argv)
{
	struct load l = {.nconns = 16, .seconds = 5};
	const char *why = parse_args(&l, argc, argv);
	if (why)
		return usage(why);
	l.conns = calloc((size_t)l.nconns, sizeof *l.conns);
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!l.conns || l.epoll < 0) {
		perror("gort-load");
		return 1;
	}
	int code = open_all(&l);
	if (!code)
		code = run(&l);
	free(l.conns);
	return code;
}
