/* SPDX-License-Identifier: BSD-2-Clause */
/* gortroots.h - marks what a program on libgort keeps alive whatever its goroutines do. */
#ifndef GORT_PROBES_GORTROOTS_H
#define GORT_PROBES_GORTROOTS_H

#include "gomark.h"
#include "gortread.h"

/*
 * Threads that libgort did not make: stacks, registers and thread-local variables of them. n
 * registers when all threads stand, else where the kernel says they are. t: NULL when there are no
 * threads to ask. Others use it: all of libgort's threads are told by their procid and tp.
 */
struct gortthreads {
	const struct target *t;
	const struct thread_regs *regs;
	size_t n;
};

/*
 * 0; a negative errno; -EPROTO with *why when some of it cannot be found, and no verdict that
 * rests on the marks can be trusted.
 */
int gortroots_mark(struct gomark *m, const struct gortread *r, const struct gortthreads *threads,
	const char **why);

#endif
