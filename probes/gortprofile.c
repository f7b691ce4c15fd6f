/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gortprofile.c - the profiles that a program on libgort takes of itself, out of its memory: what
 * gort_heap_profile(), gort_block_profile() and gort_mutex_profile() would write at this moment.
 *
 * libgort counts samples in buckets (runtime/mem/mprof.c), which it only ever adds at the front of
 * a list; a bucket's stack and size never change. The records do: they are read twice and must
 * agree, and so must, of the heap, the cycle that says which of them count.
 *
 * Invariants:
 *  1. Nothing read is trusted: there are so many buckets, so many pcs, so large objects at most.
 *  2. An address read is only ever given to another read.
 */
#include "gortprofile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BUCKETS (1u << 20)
#define MAX_HEAD    512  /* bytes of a bucket before its stack */
#define MAX_STACK   1024 /* pcs */
#define USUAL       32   /* pcs that are read with the head */
#define MAX_SIZE    (1ull << 47)
#define MAX_COUNTS  8
#define BATCH       512
#define RETRIES     50

enum { B_ALL, B_SIZE, B_NPCS, B_PCS, B_ACTIVE, B_FUTURE, B_COUNT, B_DELAY, B_MEMBERS };

static const char *const names[B_MEMBERS] = {
	[B_ALL] = "bucket.all",
	[B_SIZE] = "bucket.size",
	[B_NPCS] = "bucket.npcs",
	[B_PCS] = "bucket.pcs",
	[B_ACTIVE] = "bucket.active",
	[B_FUTURE] = "bucket.future",
	[B_COUNT] = "bucket.count",
	[B_DELAY] = "bucket.delay",
};

/* A record: objects allocated and freed; or events, a double's bits, and their delay in ns. */
struct counts {
	union {
		uint64_t allocs, count;
	};
	union {
		uint64_t frees, delay;
	};
};

/* Where libgort keeps a profile, and how often it samples. */
static const struct kind {
	const char *list, *rate;
	int first, second; /* the members of a record */
} kinds[] = {
	[PROBE_PROFILE_HEAP] = {"mbuckets", "MemProfileRate", B_ACTIVE, B_FUTURE},
	[PROBE_PROFILE_BLOCK] = {"bbuckets", "blockprofilerate", B_COUNT, B_DELAY},
	[PROBE_PROFILE_MUTEX] = {"xbuckets", "mutexprofilerate", B_COUNT, B_DELAY},
};

struct bucket {
	uint64_t addr, size;
	size_t pcs; /* where its stack starts in profiler.pcs */
	uint32_t npcs;
	struct counts record[MAX_COUNTS]; /* active, then the future ones */
};

struct profiler {
	struct gortread *r;
	struct gsnap *out;
	const struct kind *kind;
	bool heap;
	struct member m[B_MEMBERS];
	struct bucket *v;
	size_t n, cap;
	uint64_t *pcs;
	size_t npcs, cappcs;
	uint64_t text, etext; /* libgort's own code */
	uint8_t head[MAX_HEAD + MAX_STACK * 8];
};

static uint64_t variable(const struct gortread *r, const char *name, uint64_t otherwise)
{
	struct variable v = glayout_variable(&r->abi, name);
	uint64_t value = 0;
	bool known = v.size && v.size <= sizeof value && tmem_read(&r->mem, v.at, &value, v.size);
	return known ? value : otherwise;
}

static size_t futures(const struct profiler *p)
{
	return p->m[B_FUTURE].size / sizeof(struct counts);
}

static bool record_fits(const struct profiler *p)
{
	if (!p->heap)
		return p->m[B_COUNT].size == 8 && p->m[B_DELAY].size == 8;
	return p->m[B_ACTIVE].size == sizeof(struct counts) && futures(p) &&
	       futures(p) < MAX_COUNTS;
}

/* The stack is to be the last of the members, so that a bucket is one read. */
static int resolve(struct profiler *p)
{
	struct member *pcs = &p->m[B_PCS];
	const int needed[] = {B_ALL, B_SIZE, B_NPCS, p->kind->first, p->kind->second};
	for (size_t i = 0; i < B_MEMBERS; i++)
		p->m[i] = glayout_member(&p->r->abi, names[i]);
	bool fits = pcs->size && pcs->offset <= MAX_HEAD && record_fits(p);
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		const struct member *m = &p->m[needed[i]];
		fits &= m->size && m->offset + m->size <= pcs->offset;
	}
	p->text = glayout_variable(&p->r->abi, "text").at.v;
	p->etext = glayout_variable(&p->r->abi, "etext").at.v;
	return fits ? 0 : -ENOTSUP;
}

/* ---- the list of buckets ---- */

static uint64_t get(const struct profiler *p, int which)
{
	return member_get(p->head, 0, p->m[which]);
}

/* Reads a bucket with its stack, in one go where that is possible, into p->head. */
static int read_bucket(struct profiler *p, uint64_t at)
{
	const struct tmem *mem = &p->r->mem;
	size_t before = p->m[B_PCS].offset, have = USUAL;
	if (at % 8 || at < 4096)
		return -EPROTO;
	if (!tmem_read(mem, (taddr){at}, p->head, before + USUAL * 8)) {
		have = 0; /* memory may end behind a short stack */
		if (!tmem_read(mem, (taddr){at}, p->head, before))
			return -EFAULT;
	}
	size_t n = get(p, B_NPCS);
	if (n > MAX_STACK || (get(p, B_SIZE) != 0) != p->heap || get(p, B_SIZE) > MAX_SIZE)
		return -EPROTO;
	if (n > have && !tmem_read(mem, (taddr){at + before + have * 8},
				p->head + before + have * 8, (n - have) * 8))
		return -EFAULT;
	return 0;
}

static bool keep(struct profiler *p, uint64_t at)
{
	size_t n = get(p, B_NPCS);
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 256;
		struct bucket *bigger = realloc(p->v, cap * sizeof *bigger);
		if (!bigger)
			return false;
		p->v = bigger;
		p->cap = cap;
	}
	if (!p->pcs || p->npcs + n > p->cappcs) {
		size_t cap = p->cappcs * 2 + 64 * 256 + n;
		uint64_t *bigger = realloc(p->pcs, cap * sizeof *bigger);
		if (!bigger)
			return false;
		p->pcs = bigger;
		p->cappcs = cap;
	}
	memcpy(p->pcs + p->npcs, p->head + p->m[B_PCS].offset, n * 8);
	p->v[p->n++] = (struct bucket){
		.addr = at, .size = get(p, B_SIZE), .pcs = p->npcs, .npcs = (uint32_t)n};
	p->npcs += n;
	return true;
}

static int read_list(struct profiler *p, const char *list)
{
	uint64_t at;
	struct variable first = glayout_variable(&p->r->abi, list);
	if (first.size != sizeof at)
		return -ENOTSUP;
	if (!tmem_read(&p->r->mem, first.at, &at, sizeof at))
		return -EFAULT;
	for (; at; at = get(p, B_ALL)) {
		int err = p->n < MAX_BUCKETS ? read_bucket(p, at) : -EPROTO;
		if (err)
			return err;
		if (!keep(p, at))
			return -ENOMEM;
	}
	return 0;
}

/* ---- records ---- */

/*
 * Which records of the heap count: as libgort's own reader (profilerecords), which adds the one of
 * this cycle.
 */
struct cycle {
	uint64_t n, flushed;
};

static struct cycle cycle_now(const struct profiler *p)
{
	if (!p->heap)
		return (struct cycle){0, 1};
	return (struct cycle){
		variable(p->r, "mProfCycle", 0), variable(p->r, "mProfCycle.flushed", 1)};
}

static bool read_records(struct profiler *p)
{
	struct tmem_read_at reads[2 * BATCH];
	const struct member first = p->m[p->kind->first], second = p->m[p->kind->second];
	bool ok = true;
	for (size_t from = 0; from < p->n && ok; from += BATCH) {
		size_t n = p->n - from < BATCH ? p->n - from : BATCH;
		for (size_t i = 0; i < n; i++) {
			struct bucket *b = &p->v[from + i];
			uint8_t *record = (uint8_t *)b->record;
			reads[2 * i] = (struct tmem_read_at){
				{b->addr + first.offset}, record, first.size, false};
			reads[2 * i + 1] = (struct tmem_read_at){
				{b->addr + second.offset}, record + first.size, second.size, false};
		}
		p->r->mem.readv(p->r->mem.ctx, reads, 2 * n);
		for (size_t i = 0; i < 2 * n; i++)
			ok &= reads[i].ok;
	}
	return ok;
}

/* What the profile has of a bucket. */
static struct counts published(const struct profiler *p, const struct bucket *b, struct cycle now)
{
	struct counts c = b->record[0];
	if (!now.flushed) {
		c.allocs += b->record[1 + now.n % futures(p)].allocs;
		c.frees += b->record[1 + now.n % futures(p)].frees;
	}
	return c;
}

static bool same_records(const struct profiler *p, const struct counts *before, struct cycle now)
{
	bool same = true;
	for (size_t i = 0; i < p->n && same; i++) {
		struct counts c = published(p, &p->v[i], now);
		same = c.allocs == before[i].allocs && c.frees == before[i].frees;
	}
	return same;
}

/*
 * Reads the records until nothing was published in between, into counts. A program that collects
 * more often than that takes has each bucket as it was when it was read.
 */
static int read_settled(struct profiler *p, struct counts *counts)
{
	for (int tries = 0; tries < RETRIES; tries++) {
		struct cycle now = cycle_now(p);
		if (!read_records(p))
			return -EFAULT;
		for (size_t i = 0; i < p->n; i++)
			counts[i] = published(p, &p->v[i], now);
		struct cycle then = cycle_now(p);
		if (!read_records(p))
			return -EFAULT;
		if (now.n == then.n && now.flushed == then.flushed && same_records(p, counts, now))
			break;
	}
	return 0;
}

/* ---- stacks ---- */

/*
 * The leaf is the first call that is not libgort's own, if there is one; of what waits or unlocks,
 * the one before. As in debug/recorded.c.
 */
static size_t hidden(const struct profiler *p, const struct bucket *b)
{
	const uint64_t *pcs = p->pcs + b->pcs;
	size_t i = 0;
	while (i + 1 < b->npcs && pcs[i] - 1 >= p->text && pcs[i] - 1 < p->etext)
		i++;
	return i - (!p->heap && i > 0);
}

static uint32_t add_stack(struct profiler *p, const struct bucket *b, size_t skip)
{
	uint32_t locs[MAX_STACK];
	const uint64_t *pcs = p->pcs + b->pcs;
	for (size_t i = skip; i < b->npcs; i++)
		locs[i] = gortstack_loc(p->r->sym, p->out, pcs[i], true);
	return gsnap_add_stack(p->out, locs + skip, (uint32_t)(b->npcs - skip));
}

static int64_t events(uint64_t bits)
{
	double n;
	memcpy(&n, &bits, sizeof n);
	return n >= 0 && n < 1e18 ? (int64_t)n : 0;
}

static int add_sample(struct profiler *p, const struct bucket *b, struct counts c)
{
	size_t skip = hidden(p, b);
	uint32_t visible = add_stack(p, b, skip);
	uint32_t stack = p->heap && skip ? add_stack(p, b, 0) : visible;
	struct gsnap_sample *s = GSNAP_PUSH(p->out, samples, cap_samples);
	if (!s)
		return -ENOMEM;
	*s = (struct gsnap_sample){.stack = stack, .visible = visible};
	if (p->heap) {
		s->count = (int64_t)c.allocs;
		s->freed = (int64_t)c.frees;
		s->size = (int64_t)b->size;
	} else {
		s->count = events(c.count);
		s->delay_ns = (int64_t)c.delay;
	}
	return 0;
}

static int read_samples(struct profiler *p)
{
	int err = read_list(p, p->kind->list);
	struct counts *counts = err ? NULL : malloc((p->n + 1) * sizeof *counts);
	if (!err)
		err = counts ? read_settled(p, counts) : -ENOMEM;
	for (size_t i = 0; i < p->n && !err; i++)
		if (counts[i].allocs || counts[i].frees)
			err = add_sample(p, &p->v[i], counts[i]);
	free(counts);
	p->out->sample_rate = (int64_t)variable(p->r, p->kind->rate, 0);
	return err;
}

int gortprofile_read(struct gortread *r, enum probe_profile_kind kind, struct gsnap *out)
{
	if (kind == PROBE_PROFILE_THREADCREATE)
		return -ENOTSUP;
	struct profiler *p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	p->r = r;
	p->out = out;
	p->kind = &kinds[kind];
	p->heap = kind == PROBE_PROFILE_HEAP;
	int err = resolve(p);
	if (!err)
		err = read_samples(p);
	free(p->v);
	free(p->pcs);
	free(p);
	return err ? err : out->oom ? -ENOMEM : 0;
}
