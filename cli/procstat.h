/* SPDX-License-Identifier: BSD-2-Clause */
/* procstat.h - what the kernel counts for a process anyway. */
#ifndef GORT_CLI_PROCSTAT_H
#define GORT_CLI_PROCSTAT_H

#include <stdint.h>
#include <sys/types.h>

struct procstat {
	int64_t cpu_ns;  /* user and system time of all threads */
	int64_t threads; /* GSNAP_UNKNOWN in each when not to be had */
	int64_t uptime_ns;
};

/* proc is the procfs root, "/proc" when NULL. */
struct procstat procstat_read(const char *proc, pid_t pid);

#endif
