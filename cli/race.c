/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race.c - `gort-race`: runs a program under gort's race detector. Four kinds:
 *
 *  - C and C++ compiled with -fsanitize=thread: libgort-race.so is preloaded, together with a
 *    library that carries the name of the ThreadSanitizer runtime the program needs, so that the
 *    real one is never mapped. So it is into programs of gort-cc --race, which call libgort, and
 *    into those that have the runtime linked in, which it then replaces (race/static_patch.c).
 *  - Go built with -race: libgort-race-go.so is preloaded and takes the place of Go's detector.
 *  - a program that nothing was compiled into, with --sample: it is looked at from outside
 *    (probes/racesample.h).
 *  - the command go: it gets a GOROOT in which -race means gort's detector (gofarm.h).
 *
 * The detector sends each race as a record over a socket and waits for one byte; meanwhile the
 * report is symbolized and printed, with the program's modules still mapped. Reports in Go's words
 * are printed by the program itself, which has Go's symbols; then records are only counted.
 *
 * A program that cannot work this way is refused before it runs: silence must mean "no race found".
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "elfscan.h"
#include "err.h"
#include "gofarm.h"
#include "gort/abi.h"
#include "launch.h"
#include "raceparts.h"
#include "racereport.h"
#include "racesampling.h"
#include "target.h"

#define LIBRARY    "libgort-race.so"
#define GO_LIBRARY "libgort-race-go.so"
#define GO_OBJECT  "gort-race/race_linux.syso"

enum way { WAY_NONE, WAY_C, WAY_GO, WAY_GO_COMMAND, WAY_SAMPLE };

struct session {
	int fd;
	struct race_report report;
	struct report findings;
	struct race_sampling sampling;
	bool learning; /* --update-baseline: nothing fails */
	uint32_t malformed;
	uint64_t brought; /* a hash of the suppressions that a program sent last */
	char *log;        /* the file that a variable names; NULL: none does */
};

/* What its children send again is not added again. */
static void take_suppressions(struct session *s, struct gort_suppressions *m, size_t n)
{
	const char *wrong;
	size_t len = n - offsetof(struct gort_suppressions, text);
	uint64_t hash = 1;
	for (size_t i = 0; i < len; i++)
		hash = gsnap_mix(hash + (unsigned char)m->text[i]);
	if (hash == s->brought)
		return;
	s->brought = hash;
	unsigned line = report_brought(&s->findings, m->text, len, &wrong);
	if (line)
		fprintf(stderr, "gort-race: __tsan_default_suppressions, line %u: %s\n", line,
			wrong);
	s->report.findings = &s->findings;
}

static bool is_suppressions(const void *message, size_t n)
{
	const struct gort_suppressions *m = message;
	return n > offsetof(struct gort_suppressions, text) && n <= sizeof *m &&
	       m->magic == GORT_SUPPRESSIONS_MAGIC && m->size == n;
}

static bool is_question(const void *message, size_t n)
{
	const struct gort_question *q = message;
	return n >= offsetof(struct gort_question, pcs) && q->magic == GORT_QUESTION_MAGIC &&
	       q->size == n && q->npcs <= GORT_FINDING_PCS &&
	       n == offsetof(struct gort_question, pcs[q->npcs]);
}

static void answer_question(struct session *s, const struct gort_question *q)
{
	static char text[GORT_ANSWER_MAX];
	size_t n = race_report_places(q, text, sizeof text);
	send(s->fd, text, n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Takes all records that have arrived and releases their senders. */
static void on_finding(void *arg)
{
	static union {
		struct gort_finding f;
		struct gort_suppressions suppressions;
		struct gort_question question;
	} m;
	struct session *s = arg;
	for (;;) {
		ssize_t n = recv(s->fd, &m, sizeof m, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		if (is_suppressions(&m, (size_t)n)) {
			take_suppressions(s, &m.suppressions, (size_t)n);
			continue;
		}
		if (is_question(&m, (size_t)n)) {
			answer_question(s, &m.question);
			continue;
		}
		int hidden = race_report_add(&s->report, &m.f, n);
		s->malformed += hidden < 0;
		char answer = hidden > 0 || s->learning ? GORT_ANSWER_SUPPRESSED : GORT_ANSWER_TOLD;
		send(s->fd, &answer, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

static void on_tick(void *arg, pid_t pid)
{
	static struct gort_finding f;
	struct session *s = arg;
	size_t n = race_sampling_try(&s->sampling, pid, &f);
	if (n)
		race_report_add(&s->report, &f, (ssize_t)n);
}

/*
 * libc is another file, so that its code, with locks of its own kind, can be told from the
 * program's.
 */
static bool may_sample(const struct elfscan *e)
{
	return e->elf64 && e->dynamic && !e->musl && !e->go && !e->tsan_inside;
}

/* Of what the detector could not run in, whatever was compiled into it. False: nothing of that. */
static bool why_no_detector(const struct elfscan *e, struct gsnap_err *err)
{
	if (e->script)
		err_why(err, "it is a script for %s", e->shell);
	else if (e->elf32)
		err_why(err, "it is a 32-bit program, and gort's detector is for x86-64");
	else if (e->foreign)
		err_why(err, "it is for another processor, and gort's detector is for x86-64");
	else if (!e->elf64)
		err_why(err, "it is neither an x86-64 ELF program nor a script");
	else if (e->musl)
		err_why(err, "it runs on musl, and gort's detector is for glibc");
	else
		return false;
	if (!e->elf64 && !e->elf32 && !e->foreign)
		err_try(err, "gort-race PROGRAM      (the program itself, not what starts it)");
	else
		err_try(err, "gcc -m64 -fsanitize=thread -g ...      (on x86-64, with glibc)");
	return true;
}

static void why_not(const struct elfscan *e, struct gsnap_err *err)
{
	const char *build =
		e->gort_cc ? "gort-cc --race -g ...      (then gort-race ./program)"
			   : "gcc -fsanitize=thread -g ...      (then gort-race ./program)";
	if (why_no_detector(e, err))
		return;
	if (e->go)
		err_why(err, e->go_race ? "it was built with -race, but its symbols were stripped"
					: "it is a Go program built without -race");
	else if (e->gort_cc)
		err_why(err, "gort-cc compiled it without --race, so its reads are unseen");
	else if (!e->dynamic)
		err_why(err, "it is linked statically, so nothing can be preloaded");
	else if (e->tsan_inside)
		err_why(err, "it hides the ThreadSanitizer runtime that clang linked into it");
	else
		err_why(err,
			"it was not compiled with -fsanitize=thread, so its accesses are unseen");
	if (e->go)
		err_try(err, "gort-race go build ...      (or go build -race without -ldflags=-s)");
	else
		err_try(err, "%s", build);
	if (e->tsan_inside && e->dynamic && !e->go)
		err_try(err, "clang -fsanitize=thread -g ...      (without a version script)");
	if (may_sample(e))
		err_try(err, "gort-race --sample ...      (looks at some accesses, from outside)");
}

/*
 * Started with rights that the caller has not: the loader then preloads nothing. What it was
 * compiled with does not matter.
 */
static bool gains_rights(const char *path, struct gsnap_err *err)
{
	struct stat st;
	struct statvfs fs;
	if (stat(path, &st) || statvfs(path, &fs) || fs.f_flag & ST_NOSUID)
		return false;
	bool user = st.st_mode & S_ISUID && st.st_uid != getuid();
	bool group =
		(st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != getgid();
	bool caps = getuid() && getxattr(path, "security.capability", NULL, 0) > 0;
	if (!user && !group && !caps)
		return false;
	err_what(err, CLI_UNSUPPORTED, "cannot look for races in %s", path);
	err_why(err, "it is %s, and the loader preloads nothing into such programs",
		user    ? "set-user-ID"
		: group ? "set-group-ID"
			: "given capabilities by its file");
	err_try(err, "cp %s DIR; gort-race DIR/%s      (a copy has only your rights)", path,
		base_name(path));
	return true;
}

static enum way way_of(const char *path, struct elfscan *e, struct gsnap_err *err)
{
	int rc = elfscan_file(path, e);
	if (!rc && e->elf64 && gains_rights(path, err))
		return WAY_NONE;
	if (!rc && e->go && e->dynamic && e->tsan_inside)
		return WAY_GO;
	bool told = e->gort_race || e->direct || (e->tsan_inside ? e->tsan_exported : e->tsan[0]);
	if (!rc && e->dynamic && !e->musl && told)
		return WAY_C;
	/* A script of that name is a version manager's, or pip's, and knows the toolchain. */
	if (!rc && (e->go || !e->elf64) && !strcmp(base_name(path), "go"))
		return WAY_GO_COMMAND;
	err_what(err, rc ? CLI_LAUNCH : CLI_UNSUPPORTED, "cannot look for races in %s", path);
	if (rc)
		err_why(err, "it cannot be read: %s", strerror(-rc));
	else
		why_not(e, err);
	return WAY_NONE;
}

static bool need_library(const char *name, char *path, struct gsnap_err *err)
{
	if (launch_library(name, path, PATH_MAX))
		return true;
	err_what(err, CLI_LAUNCH, "cannot find %s", name);
	err_try(err, "GORT_LIBDIR=DIR gort-race ...      (the directory that holds it)");
	return false;
}

/* Puts text before what the variable holds already, or behind it, with a separator. */
static void extend(const char *name, const char *text, char separator, bool behind)
{
	char *value;
	const char *old = getenv(name), *first = behind ? old : text, *then = behind ? text : old;
	if (!old || !old[0]) {
		setenv(name, text, 1);
	} else if (asprintf(&value, "%s%c%s", first, separator, then) >= 0) {
		setenv(name, value, 1);
		free(value);
	}
}

/* The library that has the name of the runtime the program needs. */
static bool preload_stand_in(const char *tsan, struct gsnap_err *err)
{
	char alias[PATH_MAX], name[96];
	snprintf(name, sizeof name, "gort-race/%s", tsan);
	if (launch_library(name, alias, sizeof alias)) {
		extend("LD_PRELOAD", alias, ':', false);
		return true;
	}
	err_what(err, CLI_LAUNCH, "no stand-in for %s beside " LIBRARY, tsan);
	err_why(err, "the program needs that runtime, and gort has to take its place");
	err_try(err, "gcc -fsanitize=thread -g ...      (gcc 9 or later)");
	return false;
}

static bool preload_c(const struct elfscan *e, struct gsnap_err *err)
{
	char lib[PATH_MAX];
	if (!need_library(LIBRARY, lib, err) || (e->tsan[0] && !preload_stand_in(e->tsan, err)))
		return false;
	extend("LD_PRELOAD", lib, ':', false);
	return true;
}

static bool preload_go(struct gsnap_err *err)
{
	char lib[PATH_MAX];
	if (!need_library(GO_LIBRARY, lib, err))
		return false;
	extend("LD_PRELOAD", lib, ':', false);
	return true;
}

/* Replaces the path by that of the toolchain in the farm. */
static bool prepare_farm(char **path, struct gsnap_err *err)
{
	char object[PATH_MAX], *go;
	if (!need_library(GO_OBJECT, object, err))
		return false;
	char *farm = gofarm_make(*path, object, err);
	if (!farm || asprintf(&go, "%s/bin/go", farm) < 0)
		return false;
	setenv("GOROOT", farm, 1);
	setenv("GOTOOLCHAIN", "local", 1);
	free(farm);
	free(*path);
	*path = go;
	return true;
}

/* Go programs print text, with Go's symbols. */
static bool prints_itself(const struct opts *o, enum way way)
{
	return (way == WAY_GO || way == WAY_GO_COMMAND) && o->format == FORMAT_TEXT;
}

/* What the detector needs to know. */
static void tell_detector(const struct opts *o, enum way way, const struct out *out)
{
	char text[64];
	if (o->no_follow)
		extend("GORT_RACE", "follow=0", ' ', true);
	if (prints_itself(o, way)) {
		extend("GORT_RACE", "print=1", ' ', true);
		if (o->output) {
			snprintf(text, sizeof text, "log_fd=%d", out->fd);
			extend("GORT_RACE", text, ' ', true);
			fcntl(out->fd, F_SETFD, 0);
		}
	}
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

/* The variables that TSan, Go and this detector read: "name=value ...". */
static const char *const variables[] = {"TSAN_OPTIONS", "GORACE", "GORT_RACE"};
#define NVARIABLES (sizeof variables / sizeof *variables)

/* What follows `key`, "name=", in a variable; or NULL. */
static const char *find_option(const char *variable, const char *key)
{
	const char *text = getenv(variable), *at = text ? strstr(text, key) : NULL;
	return at && (at == text || strchr(" :,\n\t", at[-1])) ? at + strlen(key) : NULL;
}

/* As TSan names the file of its reports, also Go's; NULL: there is none. To be freed. */
static char *log_name(void)
{
	char *path = NULL, *name = NULL;
	for (size_t i = 0; i < NVARIABLES; i++) { /* the last one counts */
		const char *at = find_option(variables[i], "log_path=");
		if (!at)
			continue;
		free(path);
		path = strndup(at, strcspn(at, " :,\n\t"));
	}
	if (path && !strcmp(path, "stdout"))
		name = strdup("-");
	else if (path && *path && strcmp(path, "stderr") &&
		 asprintf(&name, "%s.%d", path, (int)getpid()) < 0)
		name = NULL;
	free(path);
	return name;
}

static int foreign_suppressions(struct report *r, struct gsnap_err *err)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < NVARIABLES; i++) {
		const char *at = find_option(variables[i], "suppressions=");
		if (!at)
			continue;
		bool quoted = *at == '\'' || *at == '"';
		size_t n = quoted ? strcspn(at + 1, (char[]){*at, '\0'}) : strcspn(at, " :,\n\t");
		char *path = strndup(at + quoted, n);
		if (path && *path)
			rc = report_foreign(r, path, err);
		free(path);
	}
	return rc;
}

/* TSan's list of what the suppressions hid, for those who ask for it in its way. */
static void print_matched(const struct report *r)
{
	uint64_t total = 0;
	bool wanted = false;
	for (size_t i = 0; i < NVARIABLES; i++) {
		const char *at = find_option(variables[i], "print_suppressions=");
		wanted |= at && *at == '1';
	}
	for (uint32_t i = 0; i < r->nsuppressions; i++)
		total += r->suppressions[i].count;
	if (!wanted || !total)
		return;
	fprintf(stderr, "ThreadSanitizer: Matched %" PRIu64 " suppressions:\n", total);
	for (uint32_t i = 0; i < r->nsuppressions; i++) {
		const struct suppression *s = &r->suppressions[i];
		if (s->count)
			fprintf(stderr, "%" PRIu64 " %s\n", s->count, s->text);
	}
}

/* Whether anything but the text of the reports is wanted: then each record has to be resolved. */
static bool wants_findings(const struct opts *o, const struct report *r)
{
	return o->sarif || o->junit || o->github || o->baseline || r->nsuppressions;
}

static int begin(const struct opts *o, enum way way, struct session *s, struct out *out,
	struct gsnap_err *err)
{
	if (report_open(&s->findings, o, "gort-race", err))
		return CLI_LAUNCH;
	if (foreign_suppressions(&s->findings, err) || out_open(out, o, STDERR_FILENO, err)) {
		report_close(&s->findings);
		return CLI_LAUNCH;
	}
	s->learning = o->update_baseline;
	race_report_begin(&s->report, out, o->format, o->args[0]);
	s->report.count_only = prints_itself(o, way);
	if (wants_findings(o, &s->findings))
		s->report.findings = &s->findings;
	return 0;
}

/* The last line: what was not looked at may race all the same. */
static void tell_sampled(const struct opts *o, const struct session *s, struct out *out)
{
	static const char text[] = "addresses sampled; not a proof of absence\n";
	if (o->format == FORMAT_TEXT)
		out_printf(out, "%" PRIu64 " %s", s->sampling.addresses, text);
	else
		fprintf(stderr, "%" PRIu64 " %s", s->sampling.addresses, text);
}

static int finish(const struct opts *o, enum way way, struct session *s, struct out *out, int code)
{
	race_sampling_end(&s->sampling);
	uint32_t found = race_report_end(&s->report);
	if (s->report.repeats)
		note(o, "%u more reports of the same pairs not shown", s->report.repeats);
	if (s->malformed)
		note(o, "%u records were malformed", s->malformed);
	if (way == WAY_SAMPLE)
		tell_sampled(o, s, out);
	int written = 0;
	if (s->log && !found && way != WAY_SAMPLE)
		out_abort(out); /* as where TSan has nothing to report */
	else
		written = out_close(out);
	int files = report_write(&s->findings, o, o->verbose);
	print_matched(&s->findings);
	report_close(&s->findings);
	if (files)
		return files;
	if (found && !s->learning)
		return o->exit_code >= 0 ? (int)o->exit_code : CLI_FINDINGS;
	return written ? CLI_LAUNCH : code;
}

static int end(struct session *s, int code)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s->log);
	return code;
}

static int run_instrumented(const struct opts *o, enum way way, char *const *argv, const char *path,
	struct gsnap_err *err)
{
	static struct out out;
	struct session s = {.fd = -1};
	struct opts logged = *o;
	if (o->format == FORMAT_TEXT && !o->output && !prints_itself(o, way))
		logged.output = s.log = log_name();
	int code = begin(&logged, way, &s, &out, err);
	if (code)
		return end(&s, code);
	int child_fd = way == WAY_SAMPLE ? -1 : open_socket(&s, err);
	if (child_fd < 0 && way != WAY_SAMPLE) {
		out_abort(&out);
		report_close(&s.findings);
		return end(&s, CLI_LAUNCH);
	}
	tell_detector(o, way, &out);
	struct launch l = {.argv = (char **)argv,
		.path = path,
		.pass_fd = child_fd,
		.watch_fd = s.fd,
		.on_ready = on_finding,
		.tick_ms = way == WAY_SAMPLE ? RACE_SAMPLING_MS : 0,
		.on_tick = on_tick,
		.arg = &s};
	code = launch_run(&l, err);
	return end(&s, finish(o, way, &s, &out, code));
}

/* Programs that run the command in their arguments. */
static bool is_wrapper(const char *path)
{
	static const char *const names[] = {"chrt", "env", "ionice", "linux32", "linux64", "nice",
		"nohup", "numactl", "prlimit", "setarch", "setpriv", "setsid", "stdbuf", "taskset",
		"time", "timeout", "x86_64"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!strcmp(base_name(path), names[i]))
			return true;
	}
	return false;
}

/* The way of the first program among the arguments of a wrapper; WAY_NONE: err stays as it is. */
static enum way wrapped_way(const struct opts *o, struct elfscan *e, struct gsnap_err *err)
{
	for (int i = 1; i < o->nargs; i++) {
		struct gsnap_err other = {0};
		char *path = launch_find(o->args[i], &other);
		enum way way = path ? way_of(path, e, &other) : WAY_NONE;
		free(path);
		if (way == WAY_NONE || way == WAY_GO_COMMAND)
			continue;
		note(o, "looking for races in %s, not in %s", o->args[i], o->args[0]);
		*err = (struct gsnap_err){0};
		return way;
	}
	return WAY_NONE;
}

/* It tells of no access itself. WAY_NONE with err filled where there are no watchpoints. */
static enum way sampled_way(struct gsnap_err *err)
{
	int error = race_sampling_possible();
	*err = (struct gsnap_err){0};
	if (!error)
		return WAY_SAMPLE;
	err_what(err, CLI_UNSUPPORTED, "cannot sample accesses: %s", strerror(-error));
	if (error == -EACCES || error == -EPERM)
		err_try(err, "sudo sysctl kernel.perf_event_paranoid=2");
	else
		err_why(err, "that takes hardware watchpoints, which this machine does not offer");
	return WAY_NONE;
}

static int run_race(const struct opts *o)
{
	struct gsnap_err err = {0};
	struct elfscan e;
	char *path = launch_find(o->args[0], &err);
	if (!path)
		return err_print(&err);
	int code = CLI_LAUNCH;
	char **argv = NULL;
	bool ready = false;
	enum way way = way_of(path, &e, &err);
	if (way == WAY_NONE && is_wrapper(path))
		way = wrapped_way(o, &e, &err);
	if (way == WAY_NONE && o->sample && may_sample(&e) && !gains_rights(path, &err))
		way = sampled_way(&err);
	if (way == WAY_C) {
		race_parts_tell(o, path);
		ready = preload_c(&e, &err);
	}
	if (way == WAY_GO)
		ready = preload_go(&err);
	else if (way == WAY_SAMPLE)
		ready = true;
	else if (way == WAY_GO_COMMAND)
		ready = (argv = gofarm_args(o->args, o->nargs, &err)) && prepare_farm(&path, &err);
	if (ready)
		code = run_instrumented(o, way, argv ? argv : o->args, path, &err);
	if (err.what[0])
		err_print(&err);
	if (way == WAY_NONE)
		code = err.code;
	free(argv);
	free(path);
	return code;
}

#define AT(field) offsetof(struct opts, field)

static const struct opt own[] = {
	{"no-follow", 0, OPT_FLAG, 1, AT(no_follow), NULL,
		"only the command itself, not what it starts (C and C++)"},
	{"sample", 0, OPT_FLAG, 1, AT(sample), NULL,
		"look at some accesses of a program of another build"},
	{0},
};

const struct command cmd_race = {
	.name = "race",
	.synopsis = "[options] [--] command [argument...]",
	.summary = "run a program and report its data races and misuse of locks",
	.examples = "gort race -- ./app -v                  # reports on standard error\n"
		    "gort race -f json -o races.json ./app  # reports for a script\n"
		    "gort race go test ./...                # Go, with gort's detector linked in\n"
		    "gort race --sarif r.sarif ./app        # a file for CI\n"
		    "gort race --sample ./server            # as it is, without a rebuild\n",
	.notes = "The program is one compiled with -fsanitize=thread, or built with go build "
		 "-race,\n"
		 "or the command go itself: build, install, run or test. Of C programs also\n"
		 "lock-order inversions, misuse of locks, threads that nobody joined and calls "
		 "that\n"
		 "a signal handler may not make are reported. Exits with 66 when anything was "
		 "found,\n"
		 "else as the command did.\n"
		 "GORT_RACE=\"name=value ...\" switches them off: report_mutex_bugs=0,\n"
		 "detect_deadlocks=0, report_thread_leaks=0, report_signal_unsafe=0; TSAN_OPTIONS "
		 "and\n"
		 "GORACE are read too, with the suppressions=FILE and log_path=FILE they name.\n"
		 "With --sample a program of another build is run as it is: now and then a thread\n"
		 "stands for a moment before an access, and who then touches the same memory "
		 "races\n"
		 "with it. Most races are not met that way, atomic loads and stores of C11 look "
		 "like\n"
		 "others, and only the program itself is looked at.",
	.own = own,
	.common = TAKES_OUTPUT | TAKES_FORMAT | TAKES_EXIT_CODE | TAKES_REPORT,
	.min_args = 1,
	.max_args = INT32_MAX,
	.launcher = true,
	.alias = "gort-race",
	.run = run_race,
};
