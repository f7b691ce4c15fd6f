/* SPDX-License-Identifier: BSD-2-Clause */
/* launch.h - runs a command under gort: its signals, its exit code, its findings. */
#ifndef GORT_CLI_LAUNCH_H
#define GORT_CLI_LAUNCH_H

#include "cli.h"
#include "exitwatch.h"

enum launch_out {
	LAUNCH_OUT,    /* gort's own standard output */
	LAUNCH_ASIDE,  /* gort's standard error: standard output is for data */
	LAUNCH_SILENT, /* none, and no input: the terminal is gort's */
};

struct launch {
	char **argv;
	const char *path; /* the file to execute */
	int pass_fd;  /* descriptor that the child inherits, or -1; closed here after the start */
	int watch_fd; /* polled while the child runs, or -1 */
	void (*on_ready)(void *arg); /* watch_fd is readable; called once more after the end */
	void *arg;
	int tick_ms; /* when nothing else happens for so long, on_tick is called; 0: never */
	void (*on_tick)(void *arg, pid_t pid);
	struct exitwatch *exit; /* looks at the child when it exits, or NULL */
	enum launch_out out;    /* where what it writes goes */
	bool tied;              /* set by launch_start: gets SIGTERM when gort ends before it */
	pid_t pid;              /* set by launch_start */
};

/*
 * Path of a command as execvp finds it, to be freed. NULL with err filled: 127 when there is none,
 * 126 when it cannot be executed.
 */
char *launch_find(const char *name, struct gsnap_err *err);

/* Path of a library of gort's own, of the name "libgort-race.so"; false when there is none. */
bool launch_library(const char *name, char *path, size_t size);

/*
 * Runs it to its end. SIGINT, SIGTERM, SIGHUP and SIGQUIT sent to gort go on to the child. Returns
 * the child's code, 128+N after a signal, or 125-127 with err filled when it never ran.
 */
int launch_run(struct launch *l, struct gsnap_err *err);

/*
 * The same in two parts, for what is to be done while it runs; signals in between have their usual
 * effect. launch_start: 0, or -1 with err filled.
 */
int launch_start(struct launch *l, struct gsnap_err *err);
int launch_wait(struct launch *l, struct gsnap_err *err);

#endif
