/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile.h - profiles of a target by the names that /debug/pprof has for them: what `gort record`
 * writes and `gort serve` answers.
 */
#ifndef GORT_CLI_PROFILE_H
#define GORT_CLI_PROFILE_H

#include "pprof/pprof.h"
#include "target.h"

struct profile_kind {
	const char *name;
	const char *event; /* of `gort record -e`, NULL: the name */
	enum pprof_kind pprof;
	int recorded; /* enum probe_profile_kind; -1: of the goroutines as they are now */
	const char *description; /* of the index of /debug/pprof */
	const char *empty;       /* why there may be no sample */
};

extern const struct profile_kind profile_kinds[]; /* ended by a NULL name */

const struct profile_kind *profile_by_name(const char *name);
const struct profile_kind *profile_by_event(const char *event);

/*
 * Reads it; what: PROBE_MAPS, PROBE_SYMBOLS and, of goroutines, what else
 * probe_snapshot takes. On failure *s is freed already. 0, or -errno with err
 * filled.
 */
int profile_take(const struct opts *o, struct target *t, const struct profile_kind *k,
	unsigned what, struct gsnap *s, struct gsnap_err *err);
/* Why s has no sample of it. */
const char *profile_empty(const struct profile_kind *k, const struct gsnap *s);
/* How many goroutines, threads or recorded stacks it has. */
int64_t profile_count(const struct profile_kind *k, const struct gsnap *s);
/* As profile.proto; with before, what changed since. *data is freed with free(). 0 or -ENOMEM. */
int profile_encode(const struct profile_kind *k, const struct gsnap *before, const struct gsnap *s,
	unsigned char **data, size_t *len);
/* Samples a second of a CPU profile, as runtime/pprof. */
#define PROFILE_CPU_HZ 100
/* As probe_cpu_start, unless --without perf. */
int profile_cpu_start(
	const struct opts *o, struct target *t, struct probe_cpu **out, struct gsnap_err *err);
/* What probe_cpu_stop gave of ns nanoseconds. */
int profile_encode_cpu(const struct gsnap *s, int64_t ns, unsigned char **data, size_t *len);
/* As text, as runtime/pprof writes it with debug=1. 0 or -ENOMEM. */
int profile_text(const struct profile_kind *k, const struct gsnap *s, struct pprof_text *out);

#endif
