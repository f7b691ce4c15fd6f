/* SPDX-License-Identifier: BSD-2-Clause */
/* record.c - `gort record`: a profile of a process, written as a file that go tool pprof reads. */
#include <stdio.h>
#include <unistd.h>
#include "err.h"
#include "human.h"
#include "out.h"
#include "profile.h"
#include "record.h"

#define SUFFIX ".pb.gz"
#define EVENTS "heap, alloc, block, mutex, goroutine, goroutineleak, threadcreate"

static int bad_event(const char *event)
{
	struct gsnap_err err;
	err_what(&err, CLI_USAGE, "record: no event '%s' in this version", event);
	err_why(&err, "this version has: %s", EVENTS);
	err_try(&err, "gort record -e heap -o FILE.pb.gz <target>");
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

static int write_profile(const struct opts *o, const struct profile_kind *k, const struct gsnap *s)
{
	static struct out out;
	struct gsnap_err err;
	unsigned char *data;
	size_t len;
	if (profile_encode(k, NULL, s, &data, &len)) {
		err_what(&err, CLI_FAIL, "not enough memory for the profile of %s",
			target_name(s).s);
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

int record_save(struct target *t, const char *path, struct gsnap_err *err)
{
	static struct out out;
	const struct profile_kind *k = profile_by_event("goroutine");
	struct opts o = {.output = path};
	struct gsnap s;
	unsigned char *data;
	size_t len;
	int rc = profile_take(&o, t, k, PROBE_MAPS | PROBE_SYMBOLS, &s, err);
	if (rc)
		return rc;
	rc = profile_encode(k, NULL, &s, &data, &len);
	gsnap_free(&s);
	if (rc) {
		err_what(err, CLI_FAIL, "not enough memory for the profile");
		return rc;
	}
	rc = out_open(&out, &o, -1, err);
	if (!rc) {
		out_write(&out, data, len);
		rc = out_finish(&out, err);
	}
	free(data);
	return rc;
}

static int nothing(const struct profile_kind *k, const struct gsnap *s)
{
	struct gsnap_err err;
	err_what(&err, CLI_FAIL, "%s has nothing in its %s profile", target_name(s).s, k->name);
	err_why(&err, "%s", k->empty);
	return err_print(&err);
}

static int run_record(const struct opts *o)
{
	struct gsnap_err err = {0};
	struct target t;
	struct gsnap s;
	const struct profile_kind *k = o->event ? profile_by_event(o->event) : NULL;
	if (!k)
		return bad_event(o->event ? o->event : "");
	if (!output_fits(o->output))
		return bad_output(o->output);
	if (target_open(o, &t, &err))
		return err_print(&err);
	int rc = profile_take(o, &t, k, PROBE_MAPS | PROBE_SYMBOLS, &s, &err);
	target_close(&t);
	if (rc)
		return err_print(&err);
	int code = profile_count(k, &s) ? write_profile(o, k, &s) : nothing(k, &s);
	gsnap_free(&s);
	return code;
}

static const struct opt own[] = {
	{"event", 'e', OPT_STRING, 0, offsetof(struct opts, event), "EVENT", EVENTS},
	{0},
};

const struct command cmd_record = {
	.name = "record",
	.synopsis = "-e EVENT -o FILE.pb.gz [options] <target>",
	.summary = "write a profile for go tool pprof",
	.examples =
		"gort record -e heap -o h.pb.gz 4121        # where what is alive was allocated\n"
		"gort record -e goroutine -o g.pb.gz 4121   # one sample per distinct stack\n"
		"go tool pprof -top h.pb.gz                 # read it\n",
	.notes = "All but goroutine and goroutineleak are what a Go program's runtime records by\n"
		 "itself, read out of its memory: the figures are those of its own runtime/pprof,\n"
		 "whether it serves them or not. heap and alloc take a program in which something\n"
		 "uses runtime/pprof or net/http/pprof (else Go's linker switches the sampling "
		 "off);\n"
		 "block and mutex one that has called runtime.SetBlockProfileRate or\n"
		 "SetMutexProfileFraction. goroutineleak is the proof of `gort leaks`.\n"
		 "A program on libgort writes a CPU profile of itself when it is started with\n"
		 "GORT_CPUPROFILE=FILE in its environment.",
	.own = own,
	.common = TAKES_OUTPUT | TAKES_PROC | TAKES_CORE | TAKES_PAUSE,
	.min_args = 1,
	.max_args = 1,
	.run = run_record,
};
