/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goprofimage.h - the process of goimage.h with more memory, any bytes, in which its runtime keeps
 * the buckets of a profile, and its memstats.
 */
#ifndef GORT_TESTS_PROBES_GOPROFIMAGE_H
#define GORT_TESTS_PROBES_GOPROFIMAGE_H

#include <stdlib.h>
#include "goimage.h"
#include "probes/goprofile.h"

#define GOPROF_BASE  0x10000000u
#define GOPROF_SIZE  0x800
#define GOPROF_FIRST 0x100 /* the first bucket */
#define GOPROF_CYCLE 4     /* number of collections so far */

struct goprofimage {
	struct goimage exe;
	const uint8_t *data;
	size_t size;
	struct target t;
	struct gotarget g;
};

static inline void goprofimage_readv(void *ctx, struct tmem_read_at *reads, size_t n)
{
	const struct goprofimage *pi = ctx;
	struct gomemory exe = {pi->exe.bytes, sizeof pi->exe.bytes};
	for (size_t i = 0; i < n; i++) {
		uint64_t off = reads[i].at.v - GOPROF_BASE;
		reads[i].ok = off <= pi->size && reads[i].len <= pi->size - off;
		if (reads[i].ok)
			memcpy(reads[i].buf, pi->data + off, reads[i].len);
		else
			gomemory_readv(&exe, &reads[i], 1);
	}
}

/* exe, data and size are set: gotarget_close ends it. Its memstats begin so that numgc is at 0. */
static inline void goprofimage_open(struct goprofimage *pi)
{
	target_init(&pi->t, 1, "/nonexistent");
	pi->t.mem = (struct tmem){.readv = goprofimage_readv, .ctx = pi};
	pi->g = (struct gotarget){.t = &pi->t};
	if (elf_parse(&pi->g.elf, pi->exe.bytes, sizeof pi->exe.bytes) ||
		!gobuild_version(&pi->g.elf, &pi->g.version))
		abort();
	pi->g.lay = golayout_for(pi->g.version.minor, pi->g.version.patch, &pi->g.guess);
	if (!pi->g.lay || moduledata_find(&pi->g) || golocate(&pi->g))
		abort();
	pi->g.glob.memstats = GOPROF_BASE - pi->g.lay->ms_numgc;
	pi->g.glob.allm = GOPROF_BASE + 8;
}

static inline void goprofimage_put(uint8_t *data, size_t at, uint64_t v)
{
	memcpy(data + at, &v, sizeof v);
}

static inline uint64_t goprofimage_hash(const uint64_t *pcs, size_t n, uint64_t size)
{
	uint64_t h = 0;
	for (size_t i = 0; i <= n; i++) {
		h += i < n ? pcs[i] : size;
		h += h << 10;
		h ^= h >> 6;
	}
	h += h << 3;
	return h ^ h >> 11;
}

/* One bucket: two pcs in functions of the image, and a record that counts apart what each cycle
 * did. */
static inline void goprofimage_bucket(
	uint8_t *data, size_t at, uint64_t next, uint64_t type, uint64_t size)
{
	const uint64_t text = GOIMAGE_BASE + AT_TEXT;
	const uint64_t pcs[2] = {text + F_PARK + 8, text + F_WORK + 8};
	const double contentions = 7;
	goprofimage_put(data, at + 8, next);
	goprofimage_put(data, at + 16, type);
	goprofimage_put(data, at + 24, goprofimage_hash(pcs, 2, size));
	goprofimage_put(data, at + 32, size);
	goprofimage_put(data, at + 40, 2);
	memcpy(data + at + 48, pcs, sizeof pcs);
	at += 48 + sizeof pcs;
	if (type != 1) {
		memcpy(data + at, &contentions, 8);
		goprofimage_put(data, at + 8, 1000);
		return;
	}
	goprofimage_put(data, at, 10);
	goprofimage_put(data, at + 8, 4);
	for (unsigned c = 0; c < 3; c++) {
		bool last = c == GOPROF_CYCLE % 3;
		goprofimage_put(data, at + 32 * (1 + c), last ? 300 : 5000);
		goprofimage_put(data, at + 32 * (1 + c) + 8, last ? 100 : 2000);
	}
}

static inline void goprofimage_buckets(uint8_t data[GOPROF_SIZE], uint64_t type)
{
	memset(data, 0, GOPROF_SIZE);
	goprofimage_put(data, 0, GOPROF_CYCLE);
	goprofimage_bucket(data, GOPROF_FIRST, GOPROF_BASE + 0x400, type, 64);
	goprofimage_bucket(data, 0x400, 0, type, 96);
}

#endif
