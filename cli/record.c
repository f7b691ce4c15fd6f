/* SPDX-License-Identifier: BSD-2-Clause */
/* record.c - `gort record`: a profile of a process, written as a file that go tool pprof reads. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "err.h"
#include "human.h"
#include "interrupt.h"
#include "out.h"
#include "profile.h"
#include "record.h"

#define SUFFIX ".pb.gz"
#define EVENTS "cpu, heap, alloc, block, mutex, goroutine, goroutineleak, threadcreate"
#define CPU_NS INT64_C(10000000000)

static int bad_event(const char *event)
{
	struct gsnap_err err;
	if (event[0])
		err_what(&err, CLI_USAGE, "record: no event '%s' in this version", event);
	else
		err_what(&err, CLI_USAGE, "record: what is to be recorded, -e EVENT?");
	err_why(&err, "this version has: %s", EVENTS);
	err_try(&err, "gort record -e heap -o FILE.pb.gz <target>");
	err_try(&err, "gort record -e cpu -d 30s -o FILE.pb.gz <target>");
	return err_print(&err);
}

static int bad_output(const char *path)
{
	struct gsnap_err err;
	if (path)
		err_what(&err, CLI_USAGE, "record: no output format for '%s'", path);
	else
		err_what(&err, CLI_USAGE, "record: no output file, -o FILE");
	err_why(&err, "the suffix picks the format, and this version has " SUFFIX);
	err_try(&err, "gort record -e goroutine -o goroutines" SUFFIX " <target>");
	err_see(&err, "gort record --help");
	return err_print(&err);
}

bool record_names_profile(const char *path)
{
	size_t n = path ? strlen(path) : 0, suffix = strlen(SUFFIX);
	return n > suffix && !strcmp(path + n - suffix, SUFFIX);
}

static bool output_fits(const char *path)
{
	if (!path || !strcmp(path, "-"))
		return path && !isatty(STDOUT_FILENO);
	return !strncmp(path, "/dev/", 5) || record_names_profile(path);
}

/* Writes what an encoder gave, which returned rc. */
static int write_profile(
	const struct opts *o, const struct gsnap *s, int rc, unsigned char *data, size_t len)
{
	static struct out out;
	struct gsnap_err err;
	if (rc) {
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

int record_write(const struct opts *o, const struct gsnap *s, const struct profile_kind *k)
{
	unsigned char *data;
	size_t len;
	int rc = profile_encode(k, NULL, s, &data, &len);
	return write_profile(o, s, rc, data, len);
}

/* To path what an encoder gave, which returned rc. */
static int save(const char *path, int rc, unsigned char *data, size_t len, struct gsnap_err *err)
{
	static struct out out;
	struct opts o = {.output = path};
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

int record_save_cpu(const struct gsnap *s, int64_t ns, const char *path, struct gsnap_err *err)
{
	unsigned char *data;
	size_t len;
	if (!s->nsamples) {
		err_what(err, CLI_FAIL, "it used no CPU meanwhile");
		return -ENODATA;
	}
	int rc = profile_encode_cpu(s, ns, &data, &len);
	return save(path, rc, data, len, err);
}

int record_save(struct target *t, const char *path, struct gsnap_err *err)
{
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
	return save(path, rc, data, len, err);
}

static int nothing(const struct gsnap *s, const char *name, const char *why)
{
	struct gsnap_err err;
	err_what(&err, CLI_FAIL, "%s has nothing in its %s profile", target_name(s).s, name);
	err_why(&err, "%s", why);
	return err_print(&err);
}

/* Samples until the time is over, Ctrl-C or the end of the target. */
static int sample(const struct opts *o, struct target *t, struct gsnap *s, int64_t *ns)
{
	struct gsnap_err err = {0};
	struct probe_cpu *cpu;
	interrupt_catch();
	interrupt_at_end_of(t->pid);
	if (profile_cpu_start(o, t, &cpu, &err))
		return err_print(&err);
	*ns = interrupt_sleep(o->duration_ns >= 0 ? o->duration_ns : CPU_NS);
	if (interrupted())
		note(o, "interrupted after %s", human_time(*ns).s);
	if (!probe_cpu_stop(t->probe, cpu, PROBE_MAPS, s, &err))
		return CLI_OK;
	gsnap_free(s);
	return err_print(&err);
}

static int record_cpu(const struct opts *o)
{
	struct gsnap_err err = {0};
	struct target t;
	struct gsnap s;
	unsigned char *data;
	size_t len;
	int64_t ns = 0;
	if (target_open(o, &t, &err))
		return err_print(&err);
	int code = sample(o, &t, &s, &ns);
	target_close(&t);
	if (code)
		return code;
	if (s.nsamples) {
		int rc = profile_encode_cpu(&s, ns, &data, &len);
		code = write_profile(o, &s, rc, data, len);
	} else {
		code = nothing(&s, "cpu", "it used no CPU meanwhile");
	}
	gsnap_free(&s);
	return code;
}

static int run_record(const struct opts *o)
{
	struct gsnap_err err = {0};
	struct target t;
	struct gsnap s;
	const struct profile_kind *k = o->event ? profile_by_event(o->event) : NULL;
	bool cpu = o->event && !strcmp(o->event, "cpu");
	if (!k && !cpu)
		return bad_event(o->event ? o->event : "");
	if (!output_fits(o->output))
		return bad_output(o->output);
	if (cpu)
		return record_cpu(o);
	if (target_open(o, &t, &err))
		return err_print(&err);
	int rc = profile_take(o, &t, k, PROBE_MAPS | PROBE_SYMBOLS, &s, &err);
	target_close(&t);
	if (rc)
		return err_print(&err);
	int code = profile_count(k, &s) ? record_write(o, &s, k)
					: nothing(&s, k->name, profile_empty(k, &s));
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
		"gort record -e cpu -d 30s -o c.pb.gz 4121  # what its CPU time goes to\n"
		"gort record -e heap -o h.pb.gz 4121        # where what is alive was allocated\n"
		"gort record -e goroutine -o g.pb.gz 4121   # one sample per distinct stack\n"
		"go tool pprof -top h.pb.gz                 # read it\n",
	.notes =
		"cpu is sampled by the kernel (perf_event), 100 times a second of CPU time, for "
		"-d\n"
		"TIME (10 s); nothing runs in the program. Stacks are whole up to 127 frames of a "
		"Go\n"
		"program, up to 16 KiB of one on libgort; beyond that their outer end is missing.\n"
		"goroutine and goroutineleak are of its goroutines now. The others are what the\n"
		"program's runtime records by itself, read out of its memory: the figures are "
		"those\n"
		"of its own runtime/pprof, whether it serves them or not. heap and alloc take one\n"
		"on libgort, or a Go program in which something uses runtime/pprof or\n"
		"net/http/pprof (else Go's linker switches the sampling off);\n"
		"block and mutex one that has called runtime.SetBlockProfileRate or\n"
		"SetMutexProfileFraction; on libgort gort_blockprofile_rate or\n"
		"gort_mutexprofile_fraction, or that was started with "
		"GORT_DEBUG=blockprofilerate=N\n"
		"or mutexprofilefraction=N. goroutineleak is the proof of `gort leaks`.\n"
		"A program on libgort can also write a CPU profile of itself: start it with\n"
		"GORT_CPUPROFILE=FILE in its environment. Of a stripped one\n"
		"`go tool pprof -symbolize=force UNSTRIPPED FILE` has the names.",
	.own = own,
	.common = TAKES_DURATION | TAKES_OUTPUT | TAKES_PROC | TAKES_CORE | TAKES_PAUSE |
		  TAKES_WITHOUT | TAKES_START,
	.min_args = 1,
	.max_args = 1,
	.run = run_record,
};
