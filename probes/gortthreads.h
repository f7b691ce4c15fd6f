/* SPDX-License-Identifier: BSD-2-Clause */
/* gortthreads.h - the threads of a program on libgort: its own, and those of the program. */
#ifndef GORT_PROBES_GORTTHREADS_H
#define GORT_PROBES_GORTTHREADS_H

#include "gortroots.h"

/* libgort's: struct m's. */
struct gortms {
	struct gortm {
		uint64_t tp; /* the thread pointer, 0: it is ending */
		int32_t tid;
	} * v;
	size_t n, cap;
};

/* Another: the part of its stack that is in use; its thread pointer, 0 when not known. */
struct gortforeign {
	struct gortstack {
		uint64_t lo, hi, tp;
		const struct thread_regs *regs; /* NULL: not known */
	} * v;
	size_t n, cap;
};

/* Each: 0 or a negative errno; v is freed by the caller in any case. */
int gortthreads_ms(const struct gortread *r, struct gortms *out);
/* -EPROTO with *why when there is one whose stack cannot be found while it runs. */
int gortthreads_foreign(const struct gortread *r, const struct gortms *ms,
	const struct gortthreads *threads, struct gortforeign *out, const char **why);

#endif
