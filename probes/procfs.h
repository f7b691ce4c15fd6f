/* SPDX-License-Identifier: BSD-2-Clause */
/* procfs.h - what /proc/PID, or a core, says of a process. */
#ifndef GORT_PROBES_PROCFS_H
#define GORT_PROBES_PROCFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "target.h"

struct procinfo {
	char comm[64];
	char exe[256]; /* target of the exe link; "" when not readable or a kernel thread */
	char state;    /* of stat: R S D Z ... */
	uid_t uid;     /* effective */
	bool kernel_thread;
	bool container; /* in another pid namespace than this process */
	int64_t rss;    /* bytes */
	int64_t uptime_ns;
};

/* 0, -ESRCH when there is no such process. Fields that cannot be read stay zero or "". */
int procfs_read(const struct target *t, struct procinfo *out);

/* Length of a path without the kernel's mark that the file has been deleted, or replaced. */
size_t procfs_path_len(const char *path);

/*
 * Reads a whole file of the process into buf as a NUL-terminated text, cut to size - 1 bytes. Its
 * length, or a negative errno.
 */
ssize_t procfs_file(const struct target *t, const char *file, char *buf, size_t size);

/*
 * Where a thread is that the kernel has blocked: its stack pointer and pc in the program. False
 * when it runs.
 */
bool procfs_blocked_at(const struct target *t, pid_t tid, uint64_t *sp, uint64_t *pc);
/* The thread whose id is inner in its own pid namespace, as gettid says there; 0: none. */
pid_t procfs_outer_tid(const struct target *t, pid_t inner);
/* It has ended, but may still be listed: a first thread outlived by the others. */
bool procfs_ended(const struct target *t, pid_t tid);

#endif
