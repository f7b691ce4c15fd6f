/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * kernel.h - the few kernel structures our programs look into, with only the members they read.
 *
 * CO-RE relocates each access to the running kernel's layout by name, so neither order nor
 * omissions matter and no generated vmlinux.h (135,000 lines, one kernel's view) is needed.
 * preserve_access_index belongs on kernel structures only, never on a program's context registers.
 * A "___suffix" is an older or newer spelling of the same structure (libbpf drops the suffix).
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#include <linux/bpf.h>
#include <stdbool.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct pid_namespace {
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct task_struct {
	unsigned int __state; /* since 5.14 */
	int on_cpu;           /* absent from uniprocessor kernels before 6.18 */
	int pid;
	int tgid;
	__u64 start_time;
	struct pid *thread_pid;
};

struct task_struct___5_13 {
	volatile long state;
};

struct bpf_iter__task {
	struct task_struct *task; /* NULL in the last call */
};

#pragma clang attribute pop

#define TASK_RUNNING     0
#define MAX_PID_NS_LEVEL 32

#endif
