/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leakself.c - the control of a leak gate: it must fail on a planted leak and pass without it, on
 * this machine, with this toolchain. A test suite whose gate silently does nothing stays green.
 */
#include "leakself.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>
#include "err.h"
#include "launch.h"

struct kind {
	const char *name, *compiler, *file;
	const char *verb; /* of the compiler, or NULL */
	const char *source;
	leakself_judge *judge;
};

/* The main goroutine ends when the other one is where it stays. */
static const char in_go[] = "package main\n"
			    "\n"
			    "import (\n"
			    "\t\"os\"\n"
			    "\t\"runtime\"\n"
			    "\t\"strings\"\n"
			    "\t\"time\"\n"
			    ")\n"
			    "\n"
			    "func planted(c chan int) {\n"
			    "\tc <- 1\n"
			    "}\n"
			    "\n"
			    "//go:noinline\n"
			    "func plant(mended bool) {\n"
			    "\tc := make(chan int)\n"
			    "\tgo planted(c)\n"
			    "\tif mended {\n"
			    "\t\t<-c\n"
			    "\t}\n"
			    "}\n"
			    "\n"
			    "func waits() bool {\n"
			    "\tbuf := make([]byte, 1<<16)\n"
			    "\tn := runtime.Stack(buf, true)\n"
			    "\treturn strings.Contains(string(buf[:n]), \"[chan send\")\n"
			    "}\n"
			    "\n"
			    "func main() {\n"
			    "\tmended := len(os.Args) > 1\n"
			    "\tplant(mended)\n"
			    "\tfor !mended && !waits() {\n"
			    "\t\ttime.Sleep(time.Millisecond)\n"
			    "\t}\n"
			    "}\n";

/* Its gate reports on standard error itself. */
static const char in_c[] = "#include <gort/go.h>\n"
			   "#include <stdio.h>\n"
			   "\n"
			   "static void planted(chan(int) c, chan(int) started)\n"
			   "{\n"
			   "\tchan_send(started, 1);\n"
			   "\tchan_send(c, 1);\n"
			   "}\n"
			   "\n"
			   "int gort_main(int argc, char **argv)\n"
			   "{\n"
			   "\tchan(int) c = make_chan(int, 0), started = make_chan(int, 0);\n"
			   "\tif (!argv[0] || !freopen(\"/dev/null\", \"w\", stderr))\n"
			   "\t\treturn 1;\n"
			   "\tgo(planted, c, started);\n"
			   "\t(void)chan_recv(started);\n"
			   "\tif (argc > 1)\n"
			   "\t\t(void)chan_recv(c);\n"
			   "\treturn 0;\n"
			   "}\n";

static bool write_source(const struct kind *k, const char *path)
{
	FILE *f = fopen(path, "wx");
	bool good = f && fputs(k->source, f) >= 0;
	return f && !fclose(f) && good;
}

/* gort-cc is beside gort as a rule. To be freed; NULL: there is none. */
static char *compiler_of(const struct kind *k, struct gsnap_err *err)
{
	char path[PATH_MAX + 16];
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);
	char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
	if (slash && !k->verb) {
		strcpy(slash + 1, k->compiler);
		if (!access(path, X_OK))
			return strdup(path);
	}
	return launch_find(k->compiler, err);
}

static int build(const struct kind *k, char *program, char *file, struct gsnap_err *err)
{
	char to[] = "-o", *argv[6], *path = compiler_of(k, err);
	size_t n = 0;
	if (!path)
		return -ENOENT;
	argv[n++] = path;
	if (k->verb)
		argv[n++] = (char *)(uintptr_t)k->verb;
	argv[n++] = to;
	argv[n++] = program;
	argv[n++] = file;
	argv[n] = NULL;
	struct launch l = {.argv = argv, .path = path, .pass_fd = -1, .watch_fd = -1};
	int code = launch_run(&l, err);
	free(path);
	if (code && !err->what[0])
		err_what(err, CLI_LAUNCH, "selftest: %s ended with %d", k->compiler, code);
	return code ? -ENOEXEC : 0;
}

/* Judges one of the two; the report of a leak goes nowhere. */
static int judged(const struct opts *o, const struct kind *k, char *program, bool mended,
	struct gsnap_err *err)
{
	char word[] = "mended", *words[] = {program, mended ? word : NULL, NULL};
	struct opts run = {.exit_code = CLI_FINDINGS,
		.output = "/dev/null",
		.quiet = o->quiet,
		.args = words,
		.nargs = mended ? 2 : 1};
	return k->judge(&run, program, err);
}

static int verdict(const struct opts *o, const struct kind *k, char *program, struct gsnap_err *err)
{
	int planted = judged(o, k, program, false, err);
	int mended = err->what[0] ? -1 : judged(o, k, program, true, err);
	if (planted == CLI_FINDINGS && mended == 0) {
		note(o, "selftest, %s: the planted leak was found, the mended program passed",
			k->name);
		return CLI_OK;
	}
	if (!err->what[0])
		err_what(err, CLI_FAIL, "selftest, %s: %s", k->name,
			planted != CLI_FINDINGS ? "the planted leak was not found"
						: "the mended program did not pass");
	return err->code;
}

static int run_one(const struct opts *o, const struct kind *k)
{
	char dir[] = "/tmp/gort-selftest.XXXXXX", file[64], program[64];
	struct gsnap_err err = {0};
	if (!mkdtemp(dir)) {
		err_what(&err, CLI_LAUNCH, "selftest: no temporary folder: %s", strerror(errno));
		return err_print(&err);
	}
	snprintf(file, sizeof file, "%s/%s", dir, k->file);
	snprintf(program, sizeof program, "%s/planted", dir);
	int code = CLI_LAUNCH;
	if (!write_source(k, file))
		err_what(&err, CLI_LAUNCH, "selftest: cannot write %s: %s", file, strerror(errno));
	else if (!build(k, program, file, &err))
		code = verdict(o, k, program, &err);
	unlink(file);
	unlink(program);
	rmdir(dir);
	return err.what[0] ? err_print(&err) : code;
}

static bool can_build(const struct kind *k)
{
	struct gsnap_err err = {0};
	char *path = compiler_of(k, &err);
	free(path);
	return path;
}

int leakself_run(
	const struct opts *o, const char *what, leakself_judge *go, leakself_judge *libgort)
{
	const struct kind kinds[] = {{"go", "go", "planted.go", "build", in_go, go},
		{"libgort", "gort-cc", "planted.c", NULL, in_c, libgort}};
	int code = CLI_OK;
	bool any = false;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds && code == CLI_OK; i++) {
		if (what ? strcmp(what, kinds[i].name) != 0 : !can_build(&kinds[i]))
			continue;
		any = true;
		code = run_one(o, &kinds[i]);
	}
	if (any)
		return code;
	struct gsnap_err err = {0};
	err_what(&err, what ? CLI_USAGE : CLI_NOT_FOUND, "selftest: %s%s",
		what ? "neither go nor libgort: " : "there is neither go nor gort-cc here",
		what ? what : "");
	return err_print(&err);
}
