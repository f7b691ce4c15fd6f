/* SPDX-License-Identifier: BSD-2-Clause */
/* out.h - the data a command prints: buffered, checked, to stdout or a file put in place whole. */
#ifndef GORT_CLI_OUT_H
#define GORT_CLI_OUT_H

#include <sys/types.h>
#include "cli.h"

enum out_style { STYLE_PLAIN, STYLE_ACCENT, STYLE_TROUBLE, STYLE_DIM };

struct out {
	int fd;
	int error; /* first errno met while writing, sticky */
	bool color;
	char *path, *tmp; /* NULL when writing to stdout or straight to a device */
	char *memory;     /* what was written so far when it goes nowhere else */
	size_t kept;
	bool in_memory;
	pid_t pager; /* 0 when there is none */
	size_t len;
	char buf[65536];
};

/* Opens o->output, or fallback when none was given. 0, or -errno with err filled. */
int out_open(struct out *out, const struct opts *o, int fallback_fd, struct gsnap_err *err);
/* Flushes and, for a file, renames it into place. Returns the exit code, having said why not. */
int out_close(struct out *out);
/* As out_close, but what went wrong is only told in err. 0 or -errno. */
int out_finish(struct out *out, struct gsnap_err *err);
/* Opens an output that is kept in memory until it is taken. */
void out_memory(struct out *out);
/* Its text, freed by the caller. 0 or -ENOMEM. */
int out_take(struct out *out, char **text, size_t *len);
/* Throws away what a file got so far. */
void out_abort(struct out *out);

void out_flush(struct out *out);
void out_write(struct out *out, const void *data, size_t len);
/* Formatted text; what it prints is made safe for a terminal. */
void out_printf(struct out *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for one text, one number: what stacks of a million goroutines are made of. */
void out_text(struct out *out, const char *text);
void out_uint(struct out *out, uint64_t value);
void out_hex(struct out *out, uint64_t value); /* with its 0x */
/* Switches colour on or off; nothing when colours are off. */
void out_style(struct out *out, enum out_style style);

/* Whether fd gets colours: --color, NO_COLOR, TERM=dumb, and only a terminal by itself. */
bool color_wanted(int mode, int fd);

#endif
