/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.h - TSAN_OPTIONS or GORACE, then GORT_RACE: "name=value" separated by spaces, colons or
 * commas; a value may stand in quotes. Names this detector does not have are ignored: the text is
 * often written for TSan.
 */
#ifndef GORT_RACE_OPTIONS_H
#define GORT_RACE_OPTIONS_H

#include <stdint.h>

struct options {
	uint32_t exitcode;
	uint32_t halt_on_error;
	uint32_t report_limit;
	uint32_t suppress_equal_stacks; /* 0: a race is reported each time */
	uint32_t report_bugs;           /* 0: nothing is reported */
	uint32_t report_thread_leaks;
	uint32_t report_destroy_locked;
	uint32_t report_mutex_bugs;
	uint32_t report_signal_unsafe;
	uint32_t report_atomic_races; /* 0: none with an atomic access */
	uint32_t detect_deadlocks;
	uint32_t follow;                /* 0: not in processes that this one makes or starts */
	uint32_t second_deadlock_stack; /* also where the lock that was held had been taken */
	uint32_t direct_calls;          /* C: the program's calls of the detector are changed */
	uint32_t print;                 /* the launcher only counts: print here as well */
	uint32_t log_fd;                /* where to, when not 0 */
	uint32_t atexit_sleep_ms;       /* Go: how long the end of main() waits for late races */
	uint32_t coverage;              /* C: what code ran is written at the end */
	char log_path[256];          /* "" or "stderr", "stdout", else a file: .<pid> is appended */
	char coverage_dir[256];      /* in these files */
	char strip_path_prefix[256]; /* Go: what goes from file names, with all before it */
};

extern struct options options;

/* The number that s begins with. */
uint32_t options_number(const char *s);

/* Reads one text; a later one wins. */
void options_parse(const char *text);

#endif
