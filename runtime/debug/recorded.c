/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recorded.c - writes the heap, block and mutex profiles (Go's runtime/pprof, writeHeapProto and
 * writeProfileInternal) from the records of mem/mprof.c.
 */
#include <errno.h>
#include <stdlib.h>
#include "gort/debug.h"
#include "mem/mprof.h"
#include "options.h"
#include "pprof/pprof.h"
#include "profile.h"
#include "sched/text.h"
#include "snapshot.h"

#define MAXDEPTH 128u

/* exp(-x) for x >= 0; libm is no part of libgort. Halved until the series is short. */
static double decay(double x)
{
	double sum = 1, term = 1;
	int halves = 0;
	if (x > 700)
		return 0;
	for (; x > 0.125; x /= 2)
		halves++;
	for (int i = 1; i < 10; i++)
		sum += term *= -x / i;
	for (; halves > 0; halves--)
		sum *= sum;
	return sum;
}

/* As Go's scaleHeapSample: such an object was sampled with the chance 1 - exp(-size/rate). */
static void scale(uint64_t count, const struct memrecord *r, int64_t values[2])
{
	double factor = 1, rate = debug.memprofilerate;
	if (count && rate > 1)
		factor = 1 / (1 - decay((double)r->size / rate));
	values[0] = (int64_t)((double)count * factor);
	values[1] = (int64_t)((double)(count * r->size) * factor);
}

/*
 * Without libgort's own calls at the leaf, as Go leaves out its runtime's; of what waits or
 * unlocks, with the one that the program has called.
 */
static uint32_t stackof(struct gsnap *s, enum recordkind kind, const struct memrecord *r)
{
	uint32_t locs[MAXDEPTH], n = 0, i = 0;
	while (i + 1 < r->npcs && gorttext(r->pcs[i] - 1))
		i++;
	i -= kind != MEMRECORD && i > 0;
	for (; i < r->npcs && n < MAXDEPTH; i++)
		locs[n++] = snap_location(s, r->pcs[i], true);
	return gsnap_add_stack(s, locs, n);
}

static void addmem(struct pprof *p, struct gsnap *s, const struct memrecord *r)
{
	int64_t values[4];
	if (r->allocs == 0 && r->frees == 0)
		return;
	scale(r->allocs, r, values);
	scale(r->allocs - r->frees, r, values + 2);
	pprof_snap_sample(p, s, stackof(s, MEMRECORD, r), values, (int64_t)r->size);
}

static void add(struct pprof *p, struct gsnap *s, enum recordkind kind, const struct memrecord *r)
{
	const int64_t values[] = {r->count, r->delay};
	if (kind == MEMRECORD)
		addmem(p, s, r);
	else
		pprof_snap_sample(p, s, stackof(s, kind, r), values, 0);
}

static int bydelay(const void *a, const void *b)
{
	const struct memrecord *x = a, *y = b;
	return (x->delay < y->delay) - (x->delay > y->delay);
}

/* All records; there may be more each time one looks. NULL: out of memory. */
static struct memrecord *records(enum recordkind kind, uint32_t *n)
{
	struct memrecord *all = NULL;
	for (uint32_t room = 0;; room = *n + 64) {
		*n = profilerecords(kind, all, room);
		if (*n <= room && all)
			return all;
		free(all);
		all = calloc(*n + 64, sizeof(*all));
		if (!all)
			return NULL;
	}
}

static int encode(enum recordkind kind, enum pprof_kind profile, unsigned char **data, size_t *len)
{
	struct gsnap s;
	uint32_t n;
	struct memrecord *all = records(kind, &n);
	struct pprof *p = pprof_new(profile, kind == MEMRECORD ? debug.memprofilerate : 1);
	if (all && kind != MEMRECORD)
		qsort(all, n, sizeof(*all), bydelay);
	gsnap_init(&s, GSNAP_GORT);
	snap_modules(&s);
	for (uint32_t i = 0; p && i < s.nmaps; i++)
		pprof_add_mapping(p, &s.maps[i]);
	for (uint32_t i = 0; p && all && i < n; i++)
		add(p, &s, kind, &all[i]);
	if (p)
		pprof_set_time(p, pprof_taken_at(&s), 0);
	int err = p && all ? pprof_encode(p, data, len) : -ENOMEM;
	pprof_free(p);
	free(all);
	gsnap_free(&s);
	return err;
}

static int write_kind(enum recordkind kind, enum pprof_kind profile, const char *path)
{
	unsigned char *data = NULL;
	size_t len;
	int err = encode(kind, profile, &data, &len);
	if (!err)
		err = profile_write(path, data, len);
	free(data);
	return err;
}

__attribute__((visibility("default"))) int gort_heap_profile(const char *path)
{
	return write_kind(MEMRECORD, PPROF_HEAP, path);
}

__attribute__((visibility("default"))) int gort_allocs_profile(const char *path)
{
	return write_kind(MEMRECORD, PPROF_ALLOCS, path);
}

__attribute__((visibility("default"))) int gort_block_profile(const char *path)
{
	return write_kind(BLOCKRECORD, PPROF_CONTENTION, path);
}

__attribute__((visibility("default"))) int gort_mutex_profile(const char *path)
{
	return write_kind(MUTEXRECORD, PPROF_CONTENTION, path);
}
