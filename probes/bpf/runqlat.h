/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* runqlat.h - what runqlat.bpf.c and its user side share. Included after the fixed-width types. */
#ifndef GORT_BPF_RUNQLAT_H
#define GORT_BPF_RUNQLAT_H

#define RUNQLAT_HIST 40 /* slot i counts waits of [2^i, 2^(i+1)) ns */

/* A thread of the target. The start time tells apart two threads that had the same number. */
struct runqlat_key {
	__u32 tid; /* as the initial pid namespace numbers it */
	__u32 pad;
	__u64 start_time;
};

/*
 * Written only by the CPU that holds the run-queue lock of the thread, so no member needs an
 * atomic; read by user space after the programs are detached.
 */
struct runqlat_stat {
	__u64 since; /* bpf_ktime_get_ns when it became runnable, 0 while it runs or sleeps */
	__u64 waits;
	__u64 total_ns;
	__u64 max_ns;
	__u64 slots[RUNQLAT_HIST];
	__u32 tid; /* as the pid namespace of the reader numbers it */
	char comm[16];
};

#endif
