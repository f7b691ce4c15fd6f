/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leak.c - `gort-leak`: runs a program and fails when it leaves goroutines behind. Two kinds:
 *
 *  - On libgort: the gate is in the library (GORT_LEAKCHECK=1), which looks when the program ends,
 *    prints what is left over and exits 66. It is switched on here.
 *  - Go, unmodified, test binaries too: the process is looked at when it has called exit(0), all
 *    its memory still there (exitwatch.h). Leaked is what nothing alive could ever have woken.
 *    So is a program on libgort of which classes, reports or suppressions are asked for; it waits
 *    before (GORT_LEAKCHECK=wait) for goroutines that are about to end, or to block.
 *
 * A program that has no gate is refused before it runs, since a gate that silently is not there
 * passes everything.
 */
#include <stdio.h>
#include <unistd.h>
#include "elfscan.h"
#include "err.h"
#include "launch.h"
#include "leakreport.h"
#include "leakself.h"
#include "target.h"

enum gate { GATE_NONE, GATE_LIBGORT, GATE_GO };

static enum gate gate_of(const char *path, struct gsnap_err *err)
{
	struct elfscan e;
	int rc = elfscan_file(path, &e);
	if (!rc && e.libgort)
		return GATE_LIBGORT;
	if (!rc && e.go)
		return GATE_GO;
	err_what(err, CLI_LAUNCH, "%s is neither a Go program nor one on libgort", path);
	if (rc)
		err_why(err, "it cannot be read: %s", strerror(-rc));
	else if (!e.elf64)
		err_why(err, "it is no x86-64 ELF program but a script or something else");
	else
		err_why(err, "it neither carries nor needs libgort, so it has no leak gate");
	err_try(err, "gort-leak -- PROGRAM      (the program itself, not a wrapper of it)");
	return GATE_NONE;
}

static int exit_code(const struct opts *o)
{
	return o->exit_code >= 0 ? (int)o->exit_code : CLI_FINDINGS;
}

static int run_libgort(const struct opts *o, const char *path, struct gsnap_err *err)
{
	struct launch l = {.argv = o->args, .path = path, .pass_fd = -1, .watch_fd = -1};
	setenv("GORT_LEAKCHECK", "1", 1);
	int code = launch_run(&l, err);
	return code == CLI_FINDINGS ? exit_code(o) : code;
}

/* What was seen of a program when it exited. */
struct session {
	struct leakreport report;
	struct gsnap_err err;
	unsigned what; /* the report needs of it */
	bool looked;
};

/*
 * Nothing in the process runs any more, so one look is a proof. It is read by way of the thread
 * that exits: the first thread may have given its memory up already.
 */
static void on_exit_seen(void *arg, pid_t pid, pid_t tid, uint64_t sp)
{
	struct session *s = arg;
	struct probe *p;
	if (probe_open(tid, NULL, &p, &s->err))
		return;
	int rc = probe_leaks(
		p, &(struct probe_leaks_how){.looks = 1, .sp = sp}, &s->report.leaks, &s->err);
	if (!rc)
		rc = probe_snapshot(p, s->what, &s->report.s, &s->err);
	if (!rc)
		rc = leakreport_fill(&s->report, &s->err);
	s->report.s.pid = pid;
	s->looked = !rc;
	probe_close(p);
}

static int judge(const struct opts *o, struct session *s, struct gsnap_err *err)
{
	struct leakreport *v = &s->report;
	if (!s->looked) {
		*err = s->err;
		if (!err->what[0])
			err_what(err, CLI_LAUNCH, "'%s' ended without having been looked at",
				o->args[0]);
		return CLI_LAUNCH;
	}
	int code = 0;
	/* A file is of this run, also when that was clean; nobody reads a page about nothing. */
	if (leakreport_any(v) || o->verbose || o->output || o->format != FORMAT_TEXT)
		code = leakreport_print(o, STDERR_FILENO, v, 1);
	int written = leakreport_write(v, o, o->verbose);
	if (code || written)
		return CLI_LAUNCH;
	return report_failed(&v->report) && !o->update_baseline ? exit_code(o) : 0;
}

static int run_watched(const struct opts *o, const char *path, struct gsnap_err *err)
{
	struct session s = {.what = leakreport_needs(o)};
	struct exitwatch watch = {.at_exit = on_exit_seen, .arg = &s};
	struct launch l = {.argv = o->args, .path = path, .exit = &watch};
	if (leakreport_open(&s.report, o, "gort-leak", err))
		return CLI_LAUNCH;
	l.pass_fd = l.watch_fd = -1;
	int code = launch_run(&l, err);
	if (code == 0)
		code = judge(o, &s, err);
	leakreport_close(&s.report);
	return code;
}

/* What the gate in the library knows nothing of. */
static bool wants_report(const struct opts *o)
{
	return o->fail_on || o->suppressions || o->baseline || o->sarif || o->junit || o->pprof ||
	       o->github || o->nignores || o->goleak || o->output || o->format != FORMAT_TEXT;
}

static int run_leak(const struct opts *o)
{
	struct gsnap_err err = {0};
	if (o->nargs <= 2 && !strcmp(o->args[0], "selftest"))
		return leakself_run(o, o->args[1], run_watched, run_libgort);
	char *path = launch_find(o->args[0], &err);
	if (!path)
		return err_print(&err);
	int code = CLI_LAUNCH;
	enum gate gate = gate_of(path, &err);
	if (gate == GATE_LIBGORT)
		setenv("GORT_LEAKCHECK", "wait", 1);
	if (gate != GATE_NONE)
		code = gate == GATE_GO || wants_report(o) ? run_watched(o, path, &err)
							  : run_libgort(o, path, &err);
	if (err.what[0])
		err_print(&err);
	free(path);
	return code;
}

#define AT(field) offsetof(struct opts, field)

static const struct opt own[] = {
	{"goleak", 0, OPT_FLAG, 1, AT(goleak), NULL, "print as go.uber.org/goleak does"},
	{"fail-on", 0, OPT_STRING, 0, AT(fail_on), "CLASS,...", "which findings fail"},
	{"pprof", 0, OPT_STRING, 0, AT(pprof), "FILE", "write findings for go tool pprof"},
	{0},
};

const struct command cmd_leak = {
	.name = "gort-leak",
	.synopsis = "[options] [--] command [argument...]",
	.summary = "run a program; fail when it leaves goroutines behind",
	.examples = "gort-leak ./app -v              # 66 and a report when goroutines are left\n"
		    "go test -exec gort-leak ./...   # Go tests, unmodified\n"
		    "gort-leak --exit-code 1 ./t     # another code for findings\n"
		    "gort-leak --fail-on unreachable,extra ./t   # goleak's rule as well\n"
		    "gort-leak selftest              # plants a leak and must find it\n"
		    "gort-leak selftest go           # of that kind only: go or libgort\n",
	.notes = "Exits as the command did; 66 when it ended well but leaked. Of a Go program "
		 "those\n"
		 "goroutines are leaked that nothing could ever have woken (gort help leaks); of "
		 "one\n"
		 "on libgort, all that were left, unless classes (--fail-on), a report or\n"
		 "suppressions are asked for: then the same as of Go. --fail-on extra is all that "
		 "were\n"
		 "left, of either, but for those that could run at once: most end in a moment.",
	.own = own,
	.common = TAKES_OUTPUT | TAKES_FORMAT | TAKES_COLOR | TAKES_EXIT_CODE | TAKES_REPORT,
	.min_args = 1,
	.max_args = INT32_MAX,
	.launcher = true,
	.alias = "gort-leak",
	.run = run_leak,
};
