/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * started.c - `gort top -- ./app`: gort starts the command, looks into it as into any process, and
 * ends after it, with its exit code unless gort itself failed. Standard output stays gort's: what
 * the command prints goes to standard error, or nowhere while gort has the whole screen.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "err.h"
#include "human.h"
#include "interrupt.h"
#include "launch.h"
#include "started.h"
#include "target.h"

#define READY_NS INT64_C(2000000000) /* that a runtime may take to begin */
#define AFTER_NS INT64_C(1000000000)
#define STEP_NS  INT64_C(5000000)

static bool is(const struct command *c, const char *name)
{
	return !strcmp(c->name, name);
}

/* Whether it looks from now on and not once. */
static bool watches(const struct command *c, const struct opts *o)
{
	return is(c, "top") || is(c, "serve") ||
	       (is(c, "record") && o->event && !strcmp(o->event, "cpu"));
}

static enum launch_out output_of(const struct command *c, const struct opts *o)
{
	if (is(c, "top") && !o->once && !o->batch && isatty(STDOUT_FILENO))
		return LAUNCH_SILENT;
	return o->output && strcmp(o->output, "-") != 0 ? LAUNCH_OUT : LAUNCH_ASIDE;
}

static bool ended(pid_t pid)
{
	siginfo_t si = {.si_pid = 0};
	return waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) || si.si_pid == pid;
}

static bool has_goroutines(pid_t pid)
{
	struct probe_opts po = {0};
	struct gsnap_err err;
	struct gsnap s;
	struct probe *p;
	if (probe_open(pid, &po, &p, &err))
		return false;
	bool some = !probe_snapshot(p, 0, &s, &err) && s.ngs > 0;
	gsnap_free(&s);
	probe_close(p);
	return some;
}

/*
 * Waits until it has goroutines, and until `after` is over. What never has any is the command's to
 * complain of. False when it has ended.
 */
static bool get_ready(pid_t pid, int64_t after)
{
	int64_t start = monotonic_now(), passed = 0;
	bool ready = false;
	while (!ended(pid)) {
		passed = monotonic_now() - start;
		ready = ready || passed > READY_NS || has_goroutines(pid);
		if (ready && passed >= after)
			return true;
		int64_t left = ready ? after - passed : STEP_NS;
		nanosleep(&(struct timespec){.tv_nsec = left < STEP_NS ? left : STEP_NS}, NULL);
	}
	return false;
}

static int too_late(const char *name, int64_t lived, int code)
{
	struct gsnap_err err;
	err_what(&err, CLI_GONE, "'%s' ended before gort looked at it", name);
	err_why(&err, "it lived for less than %s and its exit code is %d", human_time(lived).s,
		code);
	err_try(&err, "--after 0s      (look as soon as it can be looked into)");
	return err_print(&err);
}

int started_run(const struct command *c, struct opts *o)
{
	struct gsnap_err err = {0};
	struct launch l = {.argv = o->args, .pass_fd = -1, .watch_fd = -1, .out = output_of(c, o)};
	char pid[16], *words[] = {pid, NULL}, *path = launch_find(o->args[0], &err);
	l.path = path;
	if (!path || launch_start(&l, &err)) {
		free(path);
		return err_print(&err);
	}
	int64_t after = o->after_ns >= 0 ? o->after_ns : watches(c, o) ? 0 : AFTER_NS;
	int64_t start = monotonic_now();
	bool ready = get_ready(l.pid, after);
	int64_t lived = monotonic_now() - start;
	snprintf(pid, sizeof pid, "%d", (int)l.pid);
	o->args = words;
	o->nargs = 1;
	int code = ready ? c->run(o) : CLI_OK;
	if (ready && !ended(l.pid))
		note(o, "waiting for %s (pid %s) to end", l.argv[0], pid);
	int its = launch_wait(&l, &err);
	if (!ready)
		code = too_late(l.argv[0], lived, its);
	free(path);
	return code ? code : its;
}
