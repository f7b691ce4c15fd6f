/* SPDX-License-Identifier: BSD-2-Clause */
/* target.h - from the word on the command line to an open process or core file. */
#ifndef GORT_CLI_TARGET_H
#define GORT_CLI_TARGET_H

#include "cli.h"
#include "json.h"
#include "out.h"
#include "probes/probes.h"

struct target {
	pid_t pid;
	bool core; /* a file, not a process */
	struct probe *probe;
};

/* Resolves o->args[0] and opens it. 0, or -errno with err filled. Close with target_close. */
int target_open(const struct opts *o, struct target *t, struct gsnap_err *err);
void target_close(struct target *t);
/* Reads a snapshot; on failure it is freed already. -v says what it cost. */
int target_snapshot(const struct opts *o, struct target *t, unsigned what, struct gsnap *s,
	struct gsnap_err *err);
/* Opens, reads once, closes. */
int target_read(const struct opts *o, unsigned what, struct gsnap *s, struct gsnap_err *err);

/* For messages: "pid 4121", or the core's file name; and the word that names it, for commands. */
struct target_text {
	char s[256];
};
struct target_text target_name(const struct gsnap *s);
struct target_text target_word(const struct gsnap *s);
/* The members pid and, of a core, core. */
void json_target(struct json *j, const struct gsnap *s);
/* A member "pause": what --pause cost; none without it. */
void json_pause(struct json *j, const struct gsnap_pause *p);

/* "gort top  checkout (pid 4121)  go1.26.8  stripped", in the accent colour, no newline. */
void print_title(struct out *out, const char *command, const struct gsnap *s);
/* Last component of a path. */
const char *base_name(const char *path);

#endif
