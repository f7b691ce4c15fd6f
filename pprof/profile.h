/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile.h - struct pprof, the profile while it is built; profile.c fills it, encode.c writes it.
 *
 * Invariants:
 *  1. Strings, functions, locations and samples are unique; entry i has the id i + 1 (strings: i).
 *  2. String 0 is "".
 *  3. When an allocation failed, oom is set and the profile is only good for pprof_free().
 */
#ifndef GORT_PPROF_PROFILE_H
#define GORT_PPROF_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index.h"
#include "pprof/pprof.h"
#include "proto.h"

enum { PPROF_VALUES_MAX = 4 };

struct profile_str {
	size_t off, len; /* in pprof.text */
};

struct profile_func {
	uint32_t name, file; /* strings */
};

struct profile_line {
	uint32_t func; /* index */
	uint32_t line;
};

struct profile_location {
	uint64_t addr;
	uint32_t line, nlines; /* in pprof.lines */
};

struct profile_label {
	uint32_t key, value; /* strings */
	int64_t num;         /* instead of value, when not 0 */
};

struct profile_sample {
	uint32_t loc, nlocs;     /* in pprof.stacks */
	uint32_t label, nlabels; /* in pprof.labels */
	int64_t values[PPROF_VALUES_MAX];
};

struct profile_mapping {
	uint64_t start, limit, offset;
	uint32_t file, build_id; /* strings */
};

struct pprof {
	enum pprof_kind kind;
	int64_t period, time_ns, duration_ns;
	bool oom;

	struct pbuf text;
	struct profile_str *strs;
	struct index str_index;

	struct profile_func *funcs;
	struct index func_index;

	struct profile_location *locations;
	struct index location_index;
	struct profile_line *lines;

	struct profile_sample *samples;
	struct index sample_index;
	uint64_t *stacks; /* location ids */
	struct profile_label *labels;

	struct profile_mapping *mappings;

	uint32_t nstrs, nfuncs, nlocations, nlines, nsamples, nstacks, nlabels, nmappings;
	uint32_t cap_strs, cap_funcs, cap_locations, cap_lines, cap_samples, cap_stacks;
	uint32_t cap_labels, cap_mappings;
};

/* Index of the string, added when new; NULL counts as "". */
uint32_t profile_string(struct pprof *p, const char *text);
/* As pprof_sample, with the label that says how large the objects are; 0: without. */
void profile_sized_sample(
	struct pprof *p, const uint64_t *locs, size_t n, const int64_t *values, int64_t bytes);
/* The same with n labels, each a key, NUL, a value, NUL. */
void profile_labelled_sample(struct pprof *p, const uint64_t *locs, size_t nlocs,
	const int64_t *values, const char *labels, uint32_t n);
/* How many values each sample of this kind has. */
uint32_t profile_nvalues(enum pprof_kind kind);

#endif
