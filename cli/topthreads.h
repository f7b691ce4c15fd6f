/* SPDX-License-Identifier: BSD-2-Clause */
/* topthreads.h - the threads of a process as procfs counts them, for `gort top`. */
#ifndef GORT_CLI_TOPTHREADS_H
#define GORT_CLI_TOPTHREADS_H

#include "page.h"

struct thread_row {
	int32_t tid;
	char comm[17], state;
	int64_t ticks;  /* user and system time in clock ticks */
	double percent; /* of one CPU since the refresh before, < 0 when not known */
};

struct threads {
	struct thread_row *rows;
	size_t n;
	int64_t at; /* of the last refresh */
};

/* Reads PROC/PID/task; a process that is gone has none. */
void threads_refresh(struct threads *t, const char *proc, int32_t pid);
/* One line a thread, the busiest first, with the goroutine that it runs. */
void threads_lines(const struct threads *t, const struct gsnap *s, struct page *page);
void threads_free(struct threads *t);

#endif
