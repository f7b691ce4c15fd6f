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

struct pprof; /* a profile being built */

enum pprof_kind {
	PPROF_CPU,       /* samples/count, cpu/nanoseconds; period cpu/nanoseconds */
	PPROF_GOROUTINE, /* goroutine/count */
};

/* One call at a pc, innermost inlined first, as in gsnap_frame. */
struct pprof_line {
	const char *func, *file;
	uint32_t line;
};

/* period: nanoseconds for PPROF_CPU, 1 for counts. NULL when out of memory. */
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
/* Encodes; *out is freed with free(). 0 or -ENOMEM. */
int pprof_encode(struct pprof *p, unsigned char **out, size_t *len);

/*
 * Goroutine profile of a snapshot, as runtime/pprof writes it: one sample per distinct stack, most
 * frequent first, without system goroutines. A goroutine's name (gort_set_name) becomes its label
 * "name", and makes its sample distinct. *out is freed with free(). 0 or -ENOMEM.
 */
int pprof_goroutines(const struct gsnap *s, unsigned char **out, size_t *len);

#endif
