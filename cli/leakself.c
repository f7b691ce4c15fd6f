/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leakself.c - the control of a leak gate: it must fail on a planted leak and pass without it, on
 * this machine, with this toolchain. A test suite whose gate silently does nothing stays green.
 */
#include "leakself.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "err.h"
#include "launch.h"

static const char source[] = "package main\n"
			     "\n"
			     "import \"os\"\n"
			     "\n"
			     "func planted(c chan int, started chan bool) {\n"
			     "\tstarted <- true\n"
			     "\tc <- 1\n"
			     "}\n"
			     "\n"
			     "//go:noinline\n"
			     "func plant(mended bool) {\n"
			     "\tc, started := make(chan int), make(chan bool)\n"
			     "\tgo planted(c, started)\n"
			     "\t<-started\n"
			     "\tif mended {\n"
			     "\t\t<-c\n"
			     "\t}\n"
			     "}\n"
			     "\n"
			     "func main() {\n"
			     "\tplant(len(os.Args) > 1)\n"
			     "}\n";

static bool write_source(const char *path)
{
	FILE *f = fopen(path, "wx");
	bool good = f && fwrite(source, 1, sizeof source - 1, f) == sizeof source - 1;
	return f && !fclose(f) && good;
}

static int build(char *program, char *file, struct gsnap_err *err)
{
	char go[] = "go", verb[] = "build", to[] = "-o",
	     *argv[] = {go, verb, to, program, file, NULL};
	char *path = launch_find("go", err);
	if (!path)
		return -ENOENT;
	struct launch l = {.argv = argv, .path = path, .pass_fd = -1, .watch_fd = -1};
	int code = launch_run(&l, err);
	free(path);
	if (code && !err->what[0])
		err_what(err, CLI_LAUNCH, "selftest: go build ended with %d", code);
	return code ? -ENOEXEC : 0;
}

/* Judges one of the two; the report of a leak goes nowhere. */
static int judged(const struct opts *o, char *program, bool mended, struct gsnap_err *err,
	int (*judge)(const struct opts *o, const char *path, struct gsnap_err *err))
{
	char word[] = "mended", *words[] = {program, mended ? word : NULL, NULL};
	struct opts run = {.exit_code = CLI_FINDINGS,
		.output = "/dev/null",
		.quiet = o->quiet,
		.args = words,
		.nargs = mended ? 2 : 1};
	return judge(&run, program, err);
}

static int verdict(const struct opts *o, char *program, struct gsnap_err *err,
	int (*judge)(const struct opts *o, const char *path, struct gsnap_err *err))
{
	int planted = judged(o, program, false, err, judge);
	int mended = err->what[0] ? -1 : judged(o, program, true, err, judge);
	if (planted == CLI_FINDINGS && mended == 0) {
		note(o, "selftest: the planted leak was found, the mended program passed");
		return CLI_OK;
	}
	if (!err->what[0])
		err_what(err, CLI_FAIL, "selftest: %s",
			planted != CLI_FINDINGS ? "the planted leak was not found"
						: "the mended program did not pass");
	return err->code;
}

int leakself_run(const struct opts *o,
	int (*judge)(const struct opts *o, const char *path, struct gsnap_err *err))
{
	char dir[] = "/tmp/gort-selftest.XXXXXX", file[64], program[64];
	struct gsnap_err err = {0};
	if (!mkdtemp(dir)) {
		err_what(&err, CLI_LAUNCH, "selftest: no temporary folder: %s", strerror(errno));
		return err_print(&err);
	}
	snprintf(file, sizeof file, "%s/planted.go", dir);
	snprintf(program, sizeof program, "%s/planted", dir);
	int code = CLI_LAUNCH;
	if (!write_source(file))
		err_what(&err, CLI_LAUNCH, "selftest: cannot write %s: %s", file, strerror(errno));
	else if (!build(program, file, &err))
		code = verdict(o, program, &err, judge);
	unlink(file);
	unlink(program);
	rmdir(dir);
	return err.what[0] ? err_print(&err) : code;
}
