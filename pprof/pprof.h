/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pprof.h - writes profiles that `go tool pprof` opens: the public header of pprof/.
 *
 * A profile is built in memory and then encoded as gzip-compressed profile.proto
 * (github.com/google/pprof/proto/profile.proto). The encoder and the gzip framing (stored deflate
 * blocks, crc32) need libc only, because libgort carries them too.
 */
#ifndef GORT_PPROF_H
#define GORT_PPROF_H

#include <stddef.h>
#include <stdint.h>
#include "gort/snap.h"
#include "pprof/http.h"

struct pprof; /* a profile being built */

enum pprof_kind {
	PPROF_CPU,           /* samples/count, cpu/nanoseconds; period cpu/nanoseconds */
	PPROF_GOROUTINE,     /* goroutine/count */
	PPROF_GOROUTINELEAK, /* goroutineleak/count */
	PPROF_THREADCREATE,  /* threadcreate/count */
	PPROF_HEAP, /* alloc_objects, alloc_space, inuse_objects, inuse_space; period space/bytes */
	PPROF_ALLOCS,     /* the same, to be shown by alloc_space */
	PPROF_CONTENTION, /* contentions/count, delay/nanoseconds; period contentions/count */
};

/* One call at a pc, innermost inlined first, as in gsnap_frame. */
struct pprof_line {
	const char *func, *file;
	uint32_t line;
};

/*
 * period: nanoseconds for PPROF_CPU, bytes for PPROF_HEAP and PPROF_ALLOCS, 1 for the others. NULL
 * when out of memory.
 */
struct pprof *pprof_new(enum pprof_kind kind, int64_t period);
void pprof_free(struct pprof *p);
void pprof_set_time(struct pprof *p, int64_t unix_ns, int64_t duration_ns);
/* Adds a mapping; the first one must be the main binary. Its strings are copied. */
void pprof_add_mapping(struct pprof *p, const struct gsnap_map *m);
/*
 * Id (dense, from 1) of the location of addr, adding it with its lines when new. addr points into
 * the call instruction (return address - 1), except for the leaf of a signal sample.
 */
uint64_t pprof_location(struct pprof *p, uint64_t addr, const struct pprof_line *lines, size_t n);
/* Adds values to the sample with this stack (location ids, leaf first) and this label. */
void pprof_sample(struct pprof *p, const uint64_t *locs, size_t n, const int64_t *values,
	const char *label_key, const char *label_value);
/*
 * The same for a stack of a snapshot, with its locations; bytes, when not 0, becomes the label that
 * says how large the objects of a heap sample are.
 */
void pprof_snap_sample(struct pprof *p, const struct gsnap *s, uint32_t stack,
	const int64_t *values, int64_t bytes);
/* The same of a sample of a snapshot that has labels, or none. */
void pprof_snap_labelled(struct pprof *p, const struct gsnap *s, const struct gsnap_sample *sample,
	const int64_t *values);
/* Counts goroutines on a stack of a snapshot, with a label unless key is NULL. */
void pprof_snap_count(struct pprof *p, const struct gsnap *s, uint32_t stack, int64_t goroutines,
	const char *key, const char *value);
/* Encodes; *out is freed with free(). 0 or -ENOMEM. */
int pprof_encode(struct pprof *p, unsigned char **out, size_t *len);

/* Wall-clock time at which a snapshot was taken. */
int64_t pprof_taken_at(const struct gsnap *s);

/*
 * Goroutine profile of a snapshot (kind: PPROF_GOROUTINE or, of one that has only leaked ones,
 * PPROF_GOROUTINELEAK), as runtime/pprof writes it: one sample per distinct stack, most
 * frequent first, without system goroutines. A goroutine's name (gort_set_name) becomes its label
 * "name", and makes its sample distinct. *out is freed with free(). 0 or -ENOMEM.
 */
int pprof_goroutines(const struct gsnap *s, enum pprof_kind kind, unsigned char **out, size_t *len);
/*
 * What changed between two snapshots, as ?seconds= of net/http/pprof: samples that did not change
 * are left out, those with fewer goroutines than before are negative.
 */
int pprof_goroutines_delta(const struct gsnap *before, const struct gsnap *after,
	enum pprof_kind kind, unsigned char **out, size_t *len);
/* The same profile as text, as runtime/pprof writes it with debug=1. 0 or -ENOMEM. */
int pprof_goroutines_text(const struct gsnap *s, enum pprof_kind kind, struct pprof_text *out);
/*
 * A stack of a snapshot as those texts have it: " @ pc pc", and a line a call; all: the runtime's
 * own calls at its leaf, too.
 */
int pprof_stack_text(const struct gsnap *s, uint32_t stack, bool all, struct pprof_text *out);
/* A call that only the compiler wrote, which Go's profiles and dumps leave out (FuncIDWrapper). */
bool pprof_wrapper(const struct gsnap_frame *f);
/* Whether a goroutine counts in these: it is the program's own and has not ended. */
bool pprof_counts(const struct gsnap_g *gp);

#endif
