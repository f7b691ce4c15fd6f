/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve.c - `gort serve`: /debug/pprof and /metrics for a process that has none.
 *
 * What can be read there is what can be read of the process's memory: the server listens on the
 * loopback interface, on a port the kernel picks, and answers only requests that name this machine.
 * Any other address needs a token, which each request must carry.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "err.h"
#include "interrupt.h"
#include "serve.h"

#define DEFAULT_LISTEN "127.0.0.1:0"
#define TOKEN_MIN      16

static int bad_listen(const char *text, struct gsnap_err *err)
{
	err_what(err, CLI_USAGE, "serve: bad value '%s' for --listen", text);
	err_why(err, "it takes ADDRESS:PORT; port 0 lets the kernel pick one");
	err_try(err, "gort serve --listen 127.0.0.1:6060 <target>");
	return -EINVAL;
}

/* Splits "host:port" or "[host]:port" and resolves it; numeric addresses and localhost only. */
static int resolve(const char *text, struct addrinfo **ai, struct gsnap_err *err)
{
	char host[256];
	const char *colon = strrchr(text, ':');
	if (!colon || (size_t)(colon - text) >= sizeof host)
		return bad_listen(text, err);
	bool brackets = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
	snprintf(host, sizeof host, "%.*s", (int)(colon - text) - 2 * brackets, text + brackets);
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM};
	const char *name = !strcmp(host, "localhost") ? "127.0.0.1" : host[0] ? host : NULL;
	if (!colon[1] || getaddrinfo(name, colon + 1, &hints, ai))
		return bad_listen(text, err);
	return 0;
}

static bool loopback(const struct sockaddr *sa)
{
	const struct sockaddr_in *v4 = (const void *)sa;
	const struct sockaddr_in6 *v6 = (const void *)sa;
	if (sa->sa_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return sa->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* The first line of the file, without the line's end. */
static int read_token(const char *path, char *token, size_t size, struct gsnap_err *err)
{
	FILE *f = fopen(path, "re");
	if (!f || !fgets(token, (int)size, f)) {
		err_what(err, CLI_USAGE, "serve: cannot read the token in %s: %s", path,
			f ? "the file is empty" : strerror(errno));
		if (f)
			fclose(f);
		return -EINVAL;
	}
	fclose(f);
	token[strcspn(token, "\r\n")] = '\0';
	if (strlen(token) >= TOKEN_MIN)
		return 0;
	err_what(err, CLI_USAGE, "serve: the token in %s is too short to be a secret", path);
	err_why(err, "it has fewer than %d characters", TOKEN_MIN);
	err_try(err, "head -c 24 /dev/urandom | base64 >%s", path);
	return -EINVAL;
}

static int need_token(const char *address, struct gsnap_err *err)
{
	err_what(
		err, CLI_USAGE, "serve: %s can be reached by others, so it needs a token", address);
	err_why(err, "what gort reads of the process would be open to all of them");
	err_try(err, "gort serve --listen %s --token-file FILE <target>", address);
	err_try(err, "gort serve <target>      (on the loopback interface, no token)");
	return -EINVAL;
}

/* A listening socket for the address, or -errno with err filled. */
static int listen_on(const char *address, bool token, struct gsnap_err *err)
{
	struct addrinfo *ai;
	int one = 1, rc = resolve(address, &ai, err);
	if (rc)
		return rc;
	if (!token && !loopback(ai->ai_addr)) {
		freeaddrinfo(ai);
		return need_token(address, err);
	}
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (fd < 0 || bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, 64)) {
		rc = -errno;
		err_what(err, CLI_FAIL, "serve: cannot listen on %s: %s", address, strerror(-rc));
		err_try(err, "gort serve --listen 127.0.0.1:0 <target>      (a free port)");
		if (fd >= 0)
			close(fd);
	}
	freeaddrinfo(ai);
	return rc ? rc : fd;
}

static void announce(const struct opts *o, int fd, const struct serve_target *st, bool token)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	char host[64] = "", port[16] = "";
	if (getsockname(fd, (struct sockaddr *)&ss, &len) ||
		getnameinfo((struct sockaddr *)&ss, len, host, sizeof host, port, sizeof port,
			NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	bool v6 = ss.ss_family == AF_INET6;
	char url[96];
	snprintf(url, sizeof url, "http://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
	printf("%s/debug/pprof/\n", url);
	fflush(stdout);
	note(o, "serving pid %d at %s, Ctrl-C ends", (int)st->t.pid, url);
	note(o, "go tool pprof %s/debug/pprof/goroutine", url);
	if (token)
		note(o, "requests need the header Authorization: Bearer TOKEN");
}

static int serve(const struct opts *o, struct serve_target *st, const char *token)
{
	struct gsnap_err err = {0};
	int fd = listen_on(o->listen ? o->listen : DEFAULT_LISTEN, token, &err);
	if (fd < 0)
		return err_print(&err);
	announce(o, fd, st, token);
	interrupt_catch();
	int rc = serve_loop(fd, st, token);
	close(fd);
	if (!rc)
		return CLI_OK;
	if (rc == -ESRCH)
		err_what(&err, CLI_GONE, "pid %d has ended", (int)st->t.pid);
	else
		err_what(&err, CLI_FAIL, "serve: %s", strerror(-rc));
	return err_print(&err);
}

static int run_serve(const struct opts *o)
{
	static struct serve_target st;
	struct gsnap_err err = {0};
	char token[512];
	if (o->token_file && read_token(o->token_file, token, sizeof token, &err))
		return err_print(&err);
	if (target_open(o, &st.t, &err))
		return err_print(&err);
	serve_open(&st, o);
	int code = serve(o, &st, o->token_file ? token : NULL);
	serve_close(&st);
	return code;
}

#define AT(field) offsetof(struct opts, field)

static const struct opt own[] = {
	{"listen", 'l', OPT_STRING, 0, AT(listen), "ADDRESS:PORT", "where (127.0.0.1:0)"},
	{"token-file", 0, OPT_STRING, 0, AT(token_file), "FILE",
		"answer only requests with the token in FILE"},
	{0},
};

const struct command cmd_serve = {
	.name = "serve",
	.synopsis = "[options] <target>",
	.summary = "/debug/pprof and /metrics over HTTP for a process that has none",
	.examples = "gort serve 4121                          # prints the URL\n"
		    "gort serve --listen 127.0.0.1:6060 4121  # for a scrape configuration\n"
		    "go tool pprof http://127.0.0.1:6060/debug/pprof/heap\n",
	.notes = "Paths, headers and errors are those of Go's net/http/pprof; /metrics has the "
		 "names of\n"
		 "Prometheus' Go client where the meaning is the same. On an address that others "
		 "can\n"
		 "reach a token is required. heap, allocs, block, mutex and threadcreate are what "
		 "the\n"
		 "program's runtime has recorded, of one on libgort all but threadcreate; "
		 "goroutineleak is\n"
		 "the proof of `gort leaks`. trace is answered with an error: only the program "
		 "itself can start "
		 "one.",
	.own = own,
	.common = TAKES_PROC | TAKES_WITHOUT | TAKES_START,
	.min_args = 1,
	.max_args = 1,
	.run = run_serve,
};
