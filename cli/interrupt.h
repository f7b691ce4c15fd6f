/* SPDX-License-Identifier: BSD-2-Clause */
/* interrupt.h - Ctrl-C ends a capture early; a second one ends gort. */
#ifndef GORT_CLI_INTERRUPT_H
#define GORT_CLI_INTERRUPT_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* From now on the first SIGINT or SIGTERM is only noted. */
void interrupt_catch(void);
bool interrupted(void);
/* Sleeps until ns have passed or the interrupt came; returns the nanoseconds that passed. */
int64_t interrupt_sleep(int64_t ns);
/* From now on the end of that process ends interrupt_sleep too, where the kernel tells (5.3). */
void interrupt_at_end_of(pid_t pid);
/* poll() for at most ns that the interrupt ends. */
int interrupt_poll(struct pollfd *fds, unsigned n, int64_t ns);
/* CLOCK_MONOTONIC in nanoseconds. */
int64_t monotonic_now(void);

#endif
