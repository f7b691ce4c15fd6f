/* SPDX-License-Identifier: BSD-2-Clause */
/* lookslike.h - why a process cannot be looked into, in words that help. */
#ifndef GORT_PROBES_LOOKSLIKE_H
#define GORT_PROBES_LOOKSLIKE_H

#include "procfs.h"

/* Code 3: no process has this pid. Returns -ESRCH. */
int lookslike_gone(const struct target *t, struct gsnap_err *err);
/* Code 3: it was there and has ended; names others that are called the same. Returns -ESRCH. */
int lookslike_ended(const struct target *t, const struct procinfo *info, struct gsnap_err *err);
/* Code 4: the kernel refused, with the remedy for this machine. Returns -EPERM. */
int lookslike_forbidden(
	const struct target *t, const struct procinfo *info, int error, struct gsnap_err *err);
/* Code 5: neither Go nor libgort; names what it is. Returns -ENOTSUP. */
int lookslike_foreign(const struct target *t, const struct procinfo *info, struct gsnap_err *err);
/* Why a file cannot be opened as a core; error: a negative errno, which is returned. */
int lookslike_no_core(const char *path, int error, struct gsnap_err *err);

#endif
