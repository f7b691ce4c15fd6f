/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leaks.c - `gort leaks`: which goroutines of a live process can never go on, with the proof
 * that nothing alive reaches what they wait for. A gate for CI: findings end with 66.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "err.h"
#include "human.h"
#include "interrupt.h"
#include "leakreport.h"
#include "target.h"

#define LOOKS    3
#define PAUSE_NS INT64_C(1000000000)
#define WATCH_NS INT64_C(10000000000)
/* More than any heap this is meant for: a torn list in the target must not eat the machine. */
#define MAX_MEMORY (64ull << 30)

/* Not where more is reserved already, as by a sanitizer. */
static void limit_memory(void)
{
	unsigned long long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	bool known = f && fscanf(f, "%llu", &pages) == 1;
	if (f)
		fclose(f);
	if (known && pages * 4096 < MAX_MEMORY)
		setrlimit(RLIMIT_AS, &(struct rlimit){MAX_MEMORY, MAX_MEMORY});
}

/* One line a look, for people: what comes of it is in the report at the end. */
static void tell_look(const struct opts *o, const struct leakreport *v, const struct gsnap *s)
{
	char clock[16];
	time_t wall = time(NULL);
	struct tm tm;
	strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&wall, &tm));
	uint32_t n = leakwatch_growing(&v->watch);
	note(o, "%s goroutines, %s place%s growing  %s", human_count(s->ngs).s, human_count(n).s,
		n == 1 ? "" : "s", clock);
}

/* Looks every -d until Ctrl-C, or -n times. */
static int watch(
	const struct opts *o, struct target *t, struct leakreport *v, struct gsnap_err *err)
{
	int64_t every = o->duration_ns < 0 ? WATCH_NS : o->duration_ns;
	int rc = 0;
	if (t->core) {
		err_what(err, CLI_USAGE, "leaks: nothing grows in a core file: no --watch");
		return -EINVAL;
	}
	interrupt_catch();
	for (int64_t i = 0; i != o->count && !rc && !interrupted(); i++) {
		struct gsnap s;
		if (i)
			interrupt_sleep(every);
		rc = target_snapshot(o, t, PROBE_STACKS, &s, err);
		if (rc)
			return rc;
		if (leakwatch_add(&v->watch, &s)) {
			err_what(err, CLI_FAIL, "out of memory");
			rc = -ENOMEM;
		}
		tell_look(o, v, &s);
		gsnap_free(&s);
	}
	return rc;
}

/* With --watch -d and -n are those of the watch. */
static struct probe_leaks_how how_to_look(const struct opts *o)
{
	bool own = !o->watch;
	return (struct probe_leaks_how){.looks = own && o->count >= 0 ? (unsigned)o->count
						 : o->freeze          ? 1
								      : LOOKS,
		.pause_ns = own && o->duration_ns >= 0 ? o->duration_ns : PAUSE_NS,
		.freeze = o->freeze};
}

/* The leaks first: the stacks of goroutines that never move can be read afterwards. */
static int look(const struct opts *o, struct leakreport *v, unsigned *looks, struct gsnap_err *err)
{
	struct target t;
	struct probe_leaks_how how = how_to_look(o);
	if (target_open(o, &t, err))
		return -1;
	*looks = how.looks = t.core ? 1 : how.looks;
	int rc = o->watch ? watch(o, &t, v, err) : 0;
	if (!rc)
		rc = probe_leaks(t.probe, &how, &v->leaks, err);
	if (!rc)
		rc = target_snapshot(o, &t, leakreport_needs(o), &v->s, err);
	if (!rc && o->held)
		rc = leakheld_read(&v->held, t.probe, &v->s, &v->leaks, o->min_wait_ns, err);
	target_close(&t);
	if (!rc && v->leaks.held_ns)
		note(o, "the target stood still for %s", human_time(v->leaks.held_ns).s);
	return rc ? rc : leakreport_fill(v, err);
}

/* What was found, told and written; the exit code. */
static int tell(const struct opts *o, struct leakreport *v, unsigned looks)
{
	int code = leakreport_print(o, STDOUT_FILENO, v, looks);
	int written = leakreport_write(v, o, true);
	bool failed = report_failed(&v->report) && !o->update_baseline;
	if (code == CLI_OK)
		code = written;
	if (code == CLI_OK && failed)
		code = o->exit_code >= 0 ? (int)o->exit_code : CLI_FINDINGS;
	return code;
}

static int run_leaks(const struct opts *o)
{
	struct gsnap_err err = {0};
	struct leakreport v;
	unsigned looks = 0;
	if (o->count == 0 || o->count > 1000000) {
		err_what(&err, CLI_USAGE, "leaks: -n takes 1 or more looks");
		return err_print(&err);
	}
	if (o->min_wait_ns >= 0 && !o->held) {
		err_what(&err, CLI_USAGE, "leaks: --min-wait needs --held");
		err_why(&err, "what is leaked is told of however long it has waited");
		return err_print(&err);
	}
	limit_memory();
	int rc = leakreport_open(&v, o, "gort leaks", &err);
	if (!rc)
		rc = look(o, &v, &looks, &err);
	int code = rc ? err_print(&err) : tell(o, &v, looks);
	leakreport_close(&v);
	return code;
}

#define AT(field) offsetof(struct opts, field)

static const struct opt own[] = {
	{"looks", 'n', OPT_NUMBER, 0, AT(count), "N", "looks that must agree (3); 1 is quick"},
	{"freeze", 0, OPT_FLAG, 1, AT(freeze), NULL, "confirm by one look at a target that stands"},
	{"watch", 'w', OPT_FLAG, 1, AT(watch), NULL,
		"first look every -d (10s) until Ctrl-C or -n: which places grow"},
	{"held", 0, OPT_FLAG, 1, AT(held), NULL,
		"also who waits but is kept reachable, and by what"},
	{"min-wait", 0, OPT_DURATION, 0, AT(min_wait_ns), "TIME",
		"with --held: only those that waited so long"},
	{"goleak", 0, OPT_FLAG, 1, AT(goleak), NULL, "print as go.uber.org/goleak does"},
	{"fail-on", 0, OPT_STRING, 0, AT(fail_on), "CLASS,...", "which findings end with 66"},
	{"pprof", 0, OPT_STRING, 0, AT(pprof), "FILE", "write findings for go tool pprof"},
	{0},
};

const struct command cmd_leaks = {
	.name = "leaks",
	.synopsis = "[options] <target>",
	.summary = "goroutines that can never go on, with proof",
	.examples = "gort leaks 4121                 # exit 66 when goroutines are leaked\n"
		    "gort leaks -n 1 4121            # one look: quick, may be wrong while busy\n"
		    "gort leaks --held 4121          # what keeps the others from being leaks\n"
		    "gort leaks --watch -n 30 4121   # five minutes: what piles up\n"
		    "gort leaks --freeze 4121        # one look at a target that stands still\n"
		    "gort leaks --json checkout > leaks.json\n",
	.notes =
		"A goroutine is leaked when no other, and no variable, can reach the channel or\n"
		"lock that it waits for: the rule of Go's goroutineleak profile, for every Go "
		"from\n"
		"1.22 on, unmodified, and that of libgort's collector for programs on libgort. "
		"What\n"
		"all looks (-d apart, 1s) agree on is reported. The target is not stopped; with\n"
		"--freeze all its threads are, for a last look, when leaks were found: some\n"
		"milliseconds, and 0.4 s for each gigabyte of the heap. They go on even when "
		"gort\n"
		"is killed meanwhile. Classes: unreachable (fails), unreachable-likely,\n"
		"blocked-forever and, with --watch, growing (are told). gort needs as much memory\n"
		"as the part of the heap that holds pointers.",
	.own = own,
	.common = TAKES_DURATION | TAKES_OUTPUT | TAKES_FORMAT | TAKES_COLOR | TAKES_PAGER |
		  TAKES_PROC | TAKES_CORE | TAKES_EXIT_CODE | TAKES_REPORT | TAKES_START,
	.min_args = 1,
	.max_args = 1,
	.run = run_leaks,
};
