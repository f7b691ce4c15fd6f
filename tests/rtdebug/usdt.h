/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* usdt.h - what usdt.bpf.c and debug_usdt.c share. */
#ifndef GORT_TESTS_USDT_H
#define GORT_TESTS_USDT_H

#define NPROBES 16
#define NARGS   5

struct probe_hits {
	unsigned long long n;          /* since attached */
	unsigned long long nargs;      /* arguments that the probe has */
	unsigned long long arg[NARGS]; /* of the last hit */
};

#endif
