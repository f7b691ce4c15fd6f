/* SPDX-License-Identifier: BSD-2-Clause */
/* record.c - `gort record`: a profile of a process, written as a file that go tool pprof reads. */
#include <stdio.h>
#include <unistd.h>
#include "err.h"
#include "human.h"
#include "out.h"
#include "pprof/pprof.h"
#include "target.h"

#define SUFFIX ".pb.gz"

static int bad_event(const char *event)
{
	struct gsnap_err err;
	err_what(&err, CLI_USAGE, "record: no event '%s' in this version", event);
	err_why(&err, "this version has: goroutine");
	err_try(&err, "gort record -e goroutine -o FILE.pb.gz <target>");
	err_try(&err, "GORT_CPUPROFILE=FILE ./app      (CPU profile of a program on libgort)");
	return err_print(&err);
}

static int bad_output(const char *path)
{
	struct gsnap_err err;
	err_what(&err, CLI_USAGE, "record: no output format for '%s'", path ? path : "");
	err_why(&err, "the suffix picks the format, and this version has " SUFFIX);
	err_try(&err, "gort record -e goroutine -o goroutines" SUFFIX " <target>");
	err_see(&err, "gort record --help");
	return err_print(&err);
}

static bool output_fits(const char *path)
{
	size_t n = path ? strlen(path) : 0, suffix = strlen(SUFFIX);
	if (n == 0 || !strcmp(path, "-"))
		return n > 0 && !isatty(STDOUT_FILENO);
	return !strncmp(path, "/dev/", 5) || (n > suffix && !strcmp(path + n - suffix, SUFFIX));
}

static int write_profile(const struct opts *o, const struct gsnap *s)
{
	static struct out out;
	struct gsnap_err err;
	unsigned char *data;
	size_t len;
	if (pprof_goroutines(s, &data, &len)) {
		err_what(&err, CLI_FAIL, "not enough memory for the profile of pid %d", s->pid);
		return err_print(&err);
	}
	int code;
	if (out_open(&out, o, STDOUT_FILENO, &err)) {
		code = err_print(&err);
	} else {
		out_write(&out, data, len);
		code = out_close(&out);
	}
	free(data);
	if (code == CLI_OK)
		note(o, "wrote %s (%s): go tool pprof -top %s", o->output, human_bytes(len).s,
			o->output);
	return code;
}

static int run_record(const struct opts *o)
{
	struct gsnap_err err = {0};
	struct gsnap s;
	if (!o->event || strcmp(o->event, "goroutine"))
		return bad_event(o->event ? o->event : "");
	if (!output_fits(o->output))
		return bad_output(o->output);
	if (target_read(o, PROBE_STACKS | PROBE_MAPS, &s, &err))
		return err_print(&err);
	int code;
	if (s.ngs == 0) {
		err_what(&err, CLI_FAIL, "pid %d has no goroutine to record", s.pid);
		code = err_print(&err);
	} else {
		code = write_profile(o, &s);
	}
	gsnap_free(&s);
	return code;
}

static const struct opt own[] = {
	{"event", 'e', OPT_STRING, 0, offsetof(struct opts, event), "EVENT",
		"what to record: goroutine"},
	{0},
};

const struct command cmd_record = {
	.name = "record",
	.synopsis = "-e EVENT -o FILE.pb.gz [options] <target>",
	.summary = "write a profile for go tool pprof",
	.examples = "gort record -e goroutine -o g.pb.gz 4121   # one sample per distinct stack\n"
		    "go tool pprof -top g.pb.gz                 # read it\n",
	.notes = "A program on libgort writes a CPU profile of itself when it is started with\n"
		 "GORT_CPUPROFILE=FILE in its environment.",
	.own = own,
	.common = TAKES_OUTPUT | TAKES_PROC,
	.min_args = 1,
	.max_args = 1,
	.run = run_record,
};
