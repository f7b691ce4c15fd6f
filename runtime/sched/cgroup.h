/* SPDX-License-Identifier: BSD-2-Clause */
/* cgroup.h - what the control groups that this process is in allow it. */
#ifndef GORT_SCHED_CGROUP_H
#define GORT_SCHED_CGROUP_H

#include <stdint.h>

/*
 * The smallest quota of them all in CPUs, rounded up; INT32_MAX when there is none. root goes in
 * front of every path: "", or for tests a directory.
 */
int32_t cgroupcpus(const char *root);
/* The smallest limit of memory in bytes; INT64_MAX when there is none. */
int64_t cgroupmemory(const char *root);

#endif
