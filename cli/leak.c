/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leak.c - `gort-leak`: runs a program on libgort with its leak gate on.
 *
 * The gate is inside libgort (GORT_LEAKCHECK=1): it looks for goroutines left over when the program
 * ends, prints them and exits 66. gort-leak switches it on and makes sure that there is one, since
 * a gate that silently is not there passes everything.
 */
#include <stdio.h>
#include "elfscan.h"
#include "err.h"
#include "launch.h"

static bool has_gate(const char *path, struct gsnap_err *err)
{
	struct elfscan e;
	int rc = elfscan_file(path, &e);
	if (!rc && e.libgort)
		return true;
	err_what(err, CLI_LAUNCH, "%s is not a program on libgort", path);
	if (rc)
		err_why(err, "it cannot be read: %s", strerror(-rc));
	else if (e.go)
		err_why(err, "it is a Go program: the leak gate for those is not in this version");
	else if (!e.elf64)
		err_why(err, "it is no x86-64 ELF program but a script or something else");
	else
		err_why(err, "it neither carries nor needs libgort, so it has no leak gate");
	if (!rc && e.go)
		err_try(err, "gort stacks --min-wait 1m PID      (what has been stuck)");
	else
		err_try(err, "gort-leak -- PROGRAM      (built with libgort, not a wrapper of it)");
	return false;
}

static int run_leak(const struct opts *o)
{
	struct gsnap_err err = {0};
	char *path = launch_find(o->args[0], &err);
	if (!path)
		return err_print(&err);
	int code = CLI_LAUNCH;
	if (!has_gate(path, &err)) {
		err_print(&err);
	} else {
		setenv("GORT_LEAKCHECK", "1", 1);
		struct launch l = {.argv = o->args, .path = path, .pass_fd = -1, .watch_fd = -1};
		code = launch_run(&l, &err);
		if (err.what[0])
			err_print(&err);
	}
	free(path);
	return code == CLI_FINDINGS && o->exit_code >= 0 ? (int)o->exit_code : code;
}

const struct command cmd_leak = {
	.name = "gort-leak",
	.synopsis = "[options] [--] command [argument...]",
	.summary = "run a program on libgort; fail when it leaves goroutines behind",
	.examples = "gort-leak ./app -v          # 66 and a report when goroutines are left\n"
		    "gort-leak --exit-code 1 ./t # another code for findings\n",
	.notes = "Exits as the command did; 66 when it ended well but leaked.",
	.common = TAKES_EXIT_CODE,
	.min_args = 1,
	.max_args = INT32_MAX,
	.launcher = true,
	.alias = "gort-leak",
	.run = run_leak,
};
