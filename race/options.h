/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.h - TSAN_OPTIONS, then GORT_RACE, both "name=value" separated by spaces, colons or
 * commas. Names this detector does not have are ignored: the text is often written for TSan.
 */
#ifndef GORT_RACE_OPTIONS_H
#define GORT_RACE_OPTIONS_H

#include <stdint.h>

struct options {
	uint32_t exitcode;
	uint32_t halt_on_error;
	uint32_t report_limit;
	char log_path[256]; /* "" or "stderr", "stdout", else a file: .<pid> is appended */
};

extern struct options options;

/* Reads the environment; later ones win. */
void options_read(void);

/* Reads one text, for tests. */
void options_parse(const char *text);

#endif
