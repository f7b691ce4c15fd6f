/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * term.h - the terminal as a full screen: raw keys in, whole screens out.
 *
 * One terminal, the one of standard input and output. It is given back as it was found however gort
 * ends, short of SIGKILL: by term_close, by a signal that ends it, by a crash.
 */
#ifndef GORT_CLI_TERM_H
#define GORT_CLI_TERM_H

#include <stdbool.h>
#include <stdint.h>
#include "cells.h"

enum term_key {
	KEY_NONE = 0, /* the time is up */
	KEY_ENTER = '\r',
	KEY_ESC = 27,
	KEY_BACKSPACE = 127,
	KEY_UP = 256, /* above all bytes: what comes as an escape sequence */
	KEY_DOWN,
	KEY_LEFT,
	KEY_RIGHT,
	KEY_PAGE_UP,
	KEY_PAGE_DOWN,
	KEY_HOME,
	KEY_END,
	KEY_RESIZE, /* the window has another size, or all of it has to be drawn again */
	KEY_QUIT,   /* SIGINT, SIGTERM, SIGHUP, or the terminal is gone */
};

/* Both standard input and output are terminals. */
bool term_usable(void);
/* Takes the terminal over. 0 or -errno. */
int term_open(bool color);
void term_close(void);
/* Columns and rows of the window, 80x24 when it does not say. */
void term_size(int *cols, int *rows);
/* Waits for at most ns for a key: a byte, or one of enum term_key. */
int term_key(int64_t ns);
/* Shows a screen, writing only what differs from the last one. 0 or -errno. */
int term_draw(const struct cells *screen);
/* The next term_draw writes everything. */
void term_forget(void);

#endif
