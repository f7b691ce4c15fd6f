/* SPDX-License-Identifier: BSD-2-Clause */
/* watchpoint.h - hardware watchpoints on other threads, by perf_event: nothing is stopped. */
#ifndef GORT_PROBES_WATCHPOINT_H
#define GORT_PROBES_WATCHPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WATCH_STACK 8192 /* bytes of the stack that are copied at a hit */

/* An access that was caught, just after it was made. */
struct watch_hit {
	uint64_t pc, sp, bp;
	size_t stack_len;
	uint8_t stack[WATCH_STACK];
};

struct watch {
	int fd; /* poll() says that it is readable after a hit */
	void *ring;
};

/*
 * Watches one thread for its first access of n bytes at addr: a power of two up to 8, aligned; for
 * writes only, unless `reads`. 0 or a negative errno.
 */
int watch_begin(struct watch *w, pid_t tid, uint64_t addr, uint32_t n, bool reads);

/* Ends it; true when an access was caught. */
bool watch_end(struct watch *w, struct watch_hit *hit);

/* 0 when this machine has watchpoints and lets them be used: one was tried; a negative errno. */
int watch_possible(void);

#endif
