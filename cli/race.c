/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race.c - `gort-race`: runs a program compiled with -fsanitize=thread under gort's race detector.
 *
 * The detector, libgort-race.so, is preloaded, together with a library that carries the name of the
 * ThreadSanitizer runtime the program needs, so that the real one is never mapped. It sends each
 * race as a record over a socket and waits for one byte; meanwhile the report is symbolized and
 * printed, with the program's modules still mapped.
 *
 * A program that cannot work this way is refused before it runs: silence must mean "no race found".
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "elfscan.h"
#include "err.h"
#include "gort/abi.h"
#include "launch.h"
#include "racereport.h"

#define LIBRARY "libgort-race.so"

struct session {
	int fd;
	struct race_report report;
	uint32_t malformed;
};

/* Takes all records that have arrived and releases their senders. */
static void on_finding(void *arg)
{
	static struct gort_finding f;
	struct session *s = arg;
	for (;;) {
		ssize_t n = recv(s->fd, &f, sizeof f, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		if (race_report_add(&s->report, &f, n))
			s->malformed++;
		send(s->fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

static void why_not(const struct elfscan *e, struct gsnap_err *err)
{
	const char *build = "gcc -fsanitize=thread -g ...      (then gort-race ./program)";
	if (!e->elf64)
		err_why(err, "it is no x86-64 ELF program but a script or something else");
	else if (e->go)
		err_why(err,
			e->tsan_inside
				? "it is a Go program built with -race: it has Go's own detector"
				: "it is a Go program: this version takes C and C++ only");
	else if (e->tsan_inside)
		err_why(err, "clang linked its own ThreadSanitizer runtime into it");
	else if (!e->dynamic)
		err_why(err, "it is linked statically, so nothing can be preloaded");
	else
		err_why(err,
			"it was not compiled with -fsanitize=thread, so its accesses are unseen");
	if (e->go)
		err_try(err, "run it directly; go build -race reports its races");
	else if (e->elf64)
		err_try(err, "%s", build);
	else
		err_try(err, "gort-race PROGRAM      (the program itself, not a wrapper of it)");
	if (e->tsan_inside && !e->go)
		err_try(err, "clang -fsanitize=thread -shared-libsan -g ...");
}

static bool instrumented(const char *path, struct elfscan *e, struct gsnap_err *err)
{
	int rc = elfscan_file(path, e);
	if (!rc && e->elf64 && e->dynamic && e->tsan[0] && !e->tsan_inside)
		return true;
	err_what(err, CLI_LAUNCH, "cannot look for races in %s", path);
	if (rc)
		err_why(err, "it cannot be read: %s", strerror(-rc));
	else
		why_not(e, err);
	return false;
}

static bool library_in(const char *dir, const char *name, char *path, size_t size)
{
	int n = snprintf(path, size, "%s/%s", dir, name);
	return n > 0 && (size_t)n < size && access(path, R_OK) == 0;
}

/* GORT_LIBDIR, else lib beside the directory of gort, else where it was to be installed. */
static bool find_library(const char *name, char *path, size_t size)
{
	char exe[PATH_MAX], dir[PATH_MAX + 8];
	const char *env = getenv("GORT_LIBDIR");
	if (env)
		return library_in(env, name, path, size);
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	if (n > 0) {
		exe[n] = '\0';
		for (int up = 0; up < 2 && strrchr(exe, '/'); up++)
			*strrchr(exe, '/') = '\0';
		snprintf(dir, sizeof dir, "%s/lib", exe);
		if (library_in(dir, name, path, size))
			return true;
	}
	return library_in(GORT_INSTALL_LIBDIR, name, path, size);
}

static int set_preload(const struct elfscan *e, struct gsnap_err *err)
{
	char lib[PATH_MAX], alias[PATH_MAX], name[96], *value;
	const char *before = getenv("LD_PRELOAD");
	snprintf(name, sizeof name, "gort-race/%s", e->tsan);
	if (!find_library(LIBRARY, lib, sizeof lib)) {
		err_what(err, CLI_LAUNCH, "cannot find " LIBRARY);
		err_try(err, "GORT_LIBDIR=DIR gort-race ...      (the directory that holds it)");
		return -ENOENT;
	}
	if (!find_library(name, alias, sizeof alias)) {
		err_what(err, CLI_LAUNCH, "no stand-in for %s beside " LIBRARY, e->tsan);
		err_why(err, "the program needs that runtime, and gort has to take its place");
		err_try(err, "gcc -fsanitize=thread -g ...      (gcc 9 or later)");
		return -ENOENT;
	}
	if (asprintf(&value, "%s:%s%s%s", lib, alias, before ? ":" : "", before ? before : "") < 0)
		return -ENOMEM;
	setenv("LD_PRELOAD", value, 1);
	free(value);
	return 0;
}

/* The child's end of the socket, named in the environment. -1 with err filled. */
static int open_socket(struct session *s, struct gsnap_err *err)
{
	int fds[2];
	char number[16];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds)) {
		err_what(err, CLI_LAUNCH, "cannot make a socket: %s", strerror(errno));
		return -1;
	}
	s->fd = fds[0];
	snprintf(number, sizeof number, "%d", fds[1]);
	setenv(GORT_FINDING_FD_ENV, number, 1);
	return fds[1];
}

static int finish(const struct opts *o, struct session *s, struct out *out, int code)
{
	uint32_t found = race_report_end(&s->report);
	if (s->report.repeats)
		note(o, "%u more reports of the same pairs not shown", s->report.repeats);
	if (s->malformed)
		note(o, "%u records were malformed", s->malformed);
	int written = out_close(out);
	if (found)
		return o->exit_code >= 0 ? (int)o->exit_code : CLI_FINDINGS;
	return written ? CLI_LAUNCH : code;
}

static int run_instrumented(const struct opts *o, const char *path, struct gsnap_err *err)
{
	static struct out out;
	struct session s = {.fd = -1};
	if (out_open(&out, o, STDERR_FILENO, err))
		return CLI_LAUNCH;
	int child_fd = open_socket(&s, err);
	if (child_fd < 0) {
		out_abort(&out);
		return CLI_LAUNCH;
	}
	race_report_begin(&s.report, &out, o->format, o->args[0]);
	struct launch l = {.argv = o->args,
		.path = path,
		.pass_fd = child_fd,
		.watch_fd = s.fd,
		.on_ready = on_finding,
		.arg = &s};
	int code = launch_run(&l, err);
	code = finish(o, &s, &out, code);
	close(s.fd);
	return code;
}

static int run_race(const struct opts *o)
{
	struct gsnap_err err = {0};
	struct elfscan e;
	char *path = launch_find(o->args[0], &err);
	if (!path)
		return err_print(&err);
	int code = CLI_LAUNCH;
	if (instrumented(path, &e, &err) && !set_preload(&e, &err))
		code = run_instrumented(o, path, &err);
	if (err.what[0])
		err_print(&err);
	free(path);
	return code;
}

const struct command cmd_race = {
	.name = "race",
	.synopsis = "[options] [--] command [argument...]",
	.summary = "run a program and report its data races",
	.examples = "gort race -- ./app -v                  # reports on standard error\n"
		    "gort race -f json -o races.json ./app  # reports for a script\n",
	.notes =
		"The program is one compiled with gcc -fsanitize=thread. Exits with 66 when races\n"
		"were found, else as the command did.",
	.common = TAKES_OUTPUT | TAKES_FORMAT | TAKES_EXIT_CODE,
	.min_args = 1,
	.max_args = INT32_MAX,
	.launcher = true,
	.alias = "gort-race",
	.run = run_race,
};
