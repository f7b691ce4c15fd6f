/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goprofile.c - the profiles that a Go program takes of itself, out of its memory: allocations,
 * blocking and mutexes from the runtime's lists of buckets (mprof.go), and which call created each
 * thread. What net/http/pprof would answer, of a program that does not serve it.
 *
 * A bucket is a header, the stack's pcs and the record. The runtime never changes or frees a header
 * or a stack, so a list may be walked at any time; a bucket's hash, which is of its stack and
 * size, proves that it is one. Frees of a collection are known only after the sweep, so a heap
 * record keeps the counts of three cycles apart and adds each to the `active` ones when it is
 * complete. The counts are read twice and must agree, the cycle too: nothing was added meanwhile.
 *
 * Rejected: mProfCycle, the runtime's own number of the cycle. It goes with the number of
 * collections, both are advanced while the world is stopped, and that one is found already.
 */
#include "goprofile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif
#include "gounwind.h"

/* runtime.bucket and what follows it, the same in all versions but for memRecordCycle. */
enum { BUCKET_ALLNEXT = 1, BUCKET_TYPE, BUCKET_HASH, BUCKET_SIZE, BUCKET_NSTK, BUCKET_WORDS };
enum { MEM_BUCKET = 1, BLOCK_BUCKET, MUTEX_BUCKET };
#define CYCLES       3          /* of memRecord.future */
#define CYCLE_WRAP   (3u << 25) /* mProfCycleWrap */
#define RECORD_WORDS (4 * 4)    /* of the longest record: active and three more */
#define MAX_STACK    1024       /* maxProfStackDepth */
#define HEAD_WORDS   (BUCKET_WORDS + MAX_STACK)
#define MAX_BUCKETS  (1u << 20)
#define MAX_MS       70000
#define CREATE_DEPTH 32 /* m.createstack */
#define BATCH        1024
#define RETRIES      50

struct bucket {
	uint64_t addr, size;
	size_t pcs; /* where its stack starts in buckets.pcs */
	uint32_t nstk;
	uint64_t record[RECORD_WORDS];
};

struct buckets {
	struct bucket *v;
	size_t n, cap;
	uint64_t *pcs;
	size_t npcs, cappcs;
};

struct profiler {
	const struct gotarget *g;
	struct gsnap *out;
	struct gounwind unwind;
	struct buckets list;
	uint32_t locs[MAX_STACK];
	uint64_t head; /* the first bucket, 0 for none */
};

/* ---- lists of buckets ---- */

static uint64_t hash_of(const uint64_t *pcs, size_t n, uint64_t size)
{
	uint64_t h = 0;
	for (size_t i = 0; i < n; i++) {
		h += pcs[i];
		h += h << 10;
		h ^= h >> 6;
	}
	h += size;
	h += h << 10;
	h ^= h >> 6;
	h += h << 3;
	return h ^ h >> 11;
}

/* Reads header and stack, in one go where that is possible; false: there is no such bucket. */
static bool read_bucket(const struct gotarget *g, uint64_t addr, uint64_t type, uint64_t *head)
{
	enum { USUAL = BUCKET_WORDS + 32 };
	if (addr < 4096 || addr % 8)
		return false;
	size_t have = USUAL;
	if (!target_read(g->t, addr, head, USUAL * 8)) {
		have = BUCKET_WORDS;
		if (!target_read(g->t, addr, head, BUCKET_WORDS * 8))
			return false;
	}
	uint64_t n = head[BUCKET_NSTK];
	if (head[BUCKET_TYPE] != type || n > MAX_STACK)
		return false;
	if (BUCKET_WORDS + n > have &&
		!target_read(g->t, addr + 8 * BUCKET_WORDS, head + BUCKET_WORDS, n * 8))
		return false;
	return head[BUCKET_HASH] == hash_of(head + BUCKET_WORDS, n, head[BUCKET_SIZE]);
}

/*
 * Finds the first bucket of a kind; 0 when there is none yet: before the first sample a list is
 * empty and nothing tells its head from other variables.
 */
static int list_head(const struct gotarget *g, uint64_t type, uint64_t *out)
{
	static const char *const users[] = {"runtime.stkbucket", "runtime.memProfileInternal",
		"runtime.mProf_FlushLocked", "runtime.iterate_memprof"};
	enum { NUSERS = sizeof users / sizeof *users };
	uint64_t head[HEAD_WORDS], found = 0;
	bool known = false;
	uint32_t idx[NUSERS];
	struct goref *refs = malloc(GO_MAX_REFS * sizeof *refs);
	pclntab_lookup(&g->tab, users, idx, NUSERS);
	for (size_t k = 0; refs && k < NUSERS && !found; k++) {
		size_t n = gorefs(g, idx[k], refs, GO_MAX_REFS);
		known |= n > 0;
		for (size_t i = 0; i < n && !found; i++) {
			uint64_t at = target_word(g->t, refs[i].at);
			found = read_bucket(g, at, type, head) ? at : 0;
		}
	}
	free(refs);
	*out = found;
	return !refs ? -ENOMEM : known ? 0 : -EPROTO;
}

static bool keep(struct buckets *l, uint64_t addr, const uint64_t *head)
{
	size_t n = head[BUCKET_NSTK];
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 256;
		struct bucket *bigger = realloc(l->v, cap * sizeof *bigger);
		if (!bigger)
			return false;
		l->v = bigger;
		l->cap = cap;
	}
	if (!l->pcs || l->npcs + n > l->cappcs) {
		size_t cap = l->cappcs * 2 + 64 * 256 + n;
		uint64_t *bigger = realloc(l->pcs, cap * sizeof *bigger);
		if (!bigger)
			return false;
		l->pcs = bigger;
		l->cappcs = cap;
	}
	memcpy(l->pcs + l->npcs, head + BUCKET_WORDS, n * 8);
	l->v[l->n++] = (struct bucket){
		.addr = addr, .size = head[BUCKET_SIZE], .pcs = l->npcs, .nstk = (uint32_t)n};
	l->npcs += n;
	return true;
}

static int read_list(const struct gotarget *g, uint64_t type, uint64_t at, struct buckets *l)
{
	uint64_t head[HEAD_WORDS];
	for (; at && l->n < MAX_BUCKETS; at = head[BUCKET_ALLNEXT]) {
		if (!read_bucket(g, at, type, head))
			return g->t->read_errno ? -g->t->read_errno : -EPROTO;
		if (!keep(l, at, head))
			return -ENOMEM;
	}
	return 0;
}

static void read_records(const struct gotarget *g, struct buckets *l, size_t words)
{
	struct tmem_read_at reads[BATCH];
	for (size_t from = 0; from < l->n; from += BATCH) {
		size_t n = l->n - from < BATCH ? l->n - from : BATCH;
		for (size_t i = 0; i < n; i++) {
			struct bucket *b = &l->v[from + i];
			uint64_t at = b->addr + 8 * (BUCKET_WORDS + (uint64_t)b->nstk);
			reads[i] = (struct tmem_read_at){{at}, b->record, words * 8, false};
		}
		target_readv(g->t, reads, n);
		for (size_t i = 0; i < n; i++)
			if (!reads[i].ok)
				memset(reads[i].buf, 0, words * 8);
	}
}

/* ---- stacks ---- */

static uint32_t add_stack(struct profiler *p, const uint64_t *pcs, size_t n)
{
	size_t k = gounwind_callers(&p->unwind, pcs, n, p->locs);
	return gsnap_add_stack(p->out, p->locs, (uint32_t)k);
}

static bool is_runtime(const struct gotarget *g, uint64_t pc)
{
	const char *name = gounwind_func(g, pc);
	return name && (!strncmp(name, "runtime.", 8) ||
			       (g->lay->minor >= 24 && !strncmp(name, "internal/runtime/", 17)));
}

/* As writeHeapProto: the leaf is the first call that is not the runtime's, if there is one. */
static size_t hidden(const struct profiler *p, const uint64_t *pcs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_runtime(p->g, pcs[i]))
			return i;
	return 0;
}

static struct gsnap_sample *add_sample(struct profiler *p, const struct bucket *b)
{
	struct gsnap_sample *s = GSNAP_PUSH(p->out, samples, cap_samples);
	if (!s)
		return NULL;
	const uint64_t *pcs = p->list.pcs + b->pcs;
	s->stack = s->visible = add_stack(p, pcs, b->nstk);
	return s;
}

/* ---- heap ---- */

/*
 * MemProfileRate: schedinit clears it when the linker found nothing that reads the profile, and a
 * new mcache and each recorded allocation draw from it.
 */
static int64_t sample_rate(const struct gotarget *g)
{
	static const char *const users[] = {
		"runtime.schedinit", "runtime.allocmcache", "runtime.profilealloc"};
	struct goref *refs[3] = {NULL};
	size_t n[3];
	uint32_t idx[3];
	int64_t rate = GSNAP_UNKNOWN;
	pclntab_lookup(&g->tab, users, idx, 3);
	for (int k = 0; k < 3; k++) {
		refs[k] = malloc(GO_MAX_REFS * sizeof *refs[k]);
		n[k] = refs[k] ? gorefs(g, idx[k], refs[k], GO_MAX_REFS) : 0;
	}
	for (size_t i = 0; i < n[0] && rate < 0; i++) {
		bool seen[3] = {refs[0][i].opcode == 0xc7 && !refs[0][i].imm};
		for (int k = 1; k < 3; k++)
			for (size_t j = 0; j < n[k]; j++)
				seen[k] |= refs[k][j].at == refs[0][i].at;
		if (seen[0] && seen[1] && seen[2])
			rate = (int64_t)target_word(g->t, refs[0][i].at);
	}
	for (int k = 0; k < 3; k++)
		free(refs[k]);
	return rate;
}

static size_t cycle_words(const struct gotarget *g)
{
	return g->lay->minor >= 27 ? 2 : 4; /* allocs, frees; before, their bytes, too */
}

static uint32_t cycle_now(const struct gotarget *g)
{
	return target_u32(g->t, g->glob.memstats + g->lay->ms_numgc) % CYCLE_WRAP;
}

/* Two readings of the published counts are equal. */
static bool same_records(const struct buckets *l, const uint64_t *active, size_t words)
{
	for (size_t i = 0; i < l->n; i++)
		if (memcmp(active + i * words, l->v[i].record, words * 8))
			return false;
	return true;
}

/* Reads the records until none was published in between. *cycle: of these records. */
static int read_settled(const struct gotarget *g, struct buckets *l, uint32_t *cycle)
{
	size_t words = cycle_words(g);
	uint64_t *active = malloc((l->n * words + 1) * 8);
	if (!active)
		return -ENOMEM;
	for (int tries = 0; tries < RETRIES; tries++) {
		*cycle = cycle_now(g);
		read_records(g, l, words * (1 + CYCLES));
		for (size_t i = 0; i < l->n; i++)
			memcpy(active + i * words, l->v[i].record, words * 8);
		read_records(g, l, words * (1 + CYCLES));
		if (*cycle == cycle_now(g) && same_records(l, active, words))
			break;
	}
	free(active);
	return 0;
}

static void publish(struct bucket *b, size_t words, unsigned cycle)
{
	for (size_t k = 0; k < words; k++)
		b->record[k] += b->record[words * (1 + cycle) + k];
}

/*
 * As memProfileInternal: the cycle that ended last may not have been added yet. Without any, no
 * collection has happened: then all that was counted so far is the profile.
 */
static void publish_all(struct buckets *l, size_t words, uint32_t cycle)
{
	bool any = false;
	for (size_t i = 0; i < l->n; i++) {
		publish(&l->v[i], words, cycle % CYCLES);
		any |= l->v[i].record[0] || l->v[i].record[1];
	}
	for (size_t i = 0; i < l->n && !any; i++)
		for (unsigned c = 0; c < CYCLES; c++)
			if (c != cycle % CYCLES)
				publish(&l->v[i], words, c);
}

static int read_heap(struct profiler *p)
{
	uint32_t cycle;
	p->out->sample_rate = sample_rate(p->g);
	int err = p->g->glob.memstats ? read_list(p->g, MEM_BUCKET, p->head, &p->list) : -EPROTO;
	if (!err)
		err = read_settled(p->g, &p->list, &cycle);
	if (err)
		return err;
	publish_all(&p->list, cycle_words(p->g), cycle);
	for (size_t i = 0; i < p->list.n; i++) {
		const struct bucket *b = &p->list.v[i];
		const uint64_t *pcs = p->list.pcs + b->pcs;
		struct gsnap_sample *s = add_sample(p, b);
		if (!s)
			return -ENOMEM;
		size_t skip = hidden(p, pcs, b->nstk);
		if (skip)
			s->visible = add_stack(p, pcs + skip, b->nstk - skip);
		s->count = (int64_t)b->record[0];
		s->freed = (int64_t)b->record[1];
		s->size = (int64_t)b->size;
	}
	return 0;
}

/* ---- block, mutex ---- */

static int64_t nanotime(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static uint64_t cputicks(void)
{
#if defined(__x86_64__)
	return __rdtsc();
#else
	return (uint64_t)nanotime();
#endif
}

/* The runtime counts delays in ticks of the CPU's counter, which has one rate on a machine. */
static double ticks_per_ns(void)
{
	static double rate;
	if (rate > 0)
		return rate;
	const struct timespec some = {0, 20000000}; /* an error of 0.001 % */
	int64_t from = nanotime();
	uint64_t ticks = cputicks();
	nanosleep(&some, NULL);
	int64_t ns = nanotime() - from;
	rate = (double)(cputicks() - ticks) / (double)(ns > 0 ? ns : 1);
	return rate;
}

static int read_contentions(struct profiler *p, uint64_t type)
{
	int err = read_list(p->g, type, p->head, &p->list);
	double rate = p->list.n ? ticks_per_ns() : 1;
	if (!err)
		read_records(p->g, &p->list, 2);
	for (size_t i = 0; i < p->list.n && !err; i++) {
		const struct bucket *b = &p->list.v[i];
		struct gsnap_sample *s = add_sample(p, b);
		if (!s)
			return -ENOMEM;
		double count;
		memcpy(&count, &b->record[0], sizeof count);
		s->count = count >= 0 && count < 1e18 ? (int64_t)count : 0;
		if (!s->count && type == BLOCK_BUCKET)
			s->count = 1;
		s->delay_ns = (int64_t)((double)(int64_t)b->record[1] / rate);
	}
	return err;
}

/* ---- threads ---- */

static int read_threads(struct profiler *p)
{
	const struct gotarget *g = p->g;
	uint64_t mp = g->glob.allm ? target_word(g->t, g->glob.allm) : 0, pcs[CREATE_DEPTH];
	for (size_t n = 0; mp && n < MAX_MS; n++) {
		size_t depth = 0;
		if (target_read(g->t, mp + g->lay->m_createstack, pcs, sizeof pcs))
			while (depth < CREATE_DEPTH && pcs[depth])
				depth++;
		struct gsnap_sample *s = GSNAP_PUSH(p->out, samples, cap_samples);
		if (!s)
			return -ENOMEM;
		s->count = 1;
		s->stack = s->visible = add_stack(p, pcs, depth);
		mp = target_word(g->t, mp + g->lay->m_alllink);
	}
	return p->out->nsamples ? 0 : -EPROTO;
}

static uint64_t type_of(enum probe_profile_kind kind)
{
	return kind == PROBE_PROFILE_HEAP    ? MEM_BUCKET
	       : kind == PROBE_PROFILE_BLOCK ? BLOCK_BUCKET
					     : MUTEX_BUCKET;
}

int goprofile_from(const struct gotarget *g, enum probe_profile_kind kind, uint64_t head,
	bool symbols, struct gsnap *out)
{
	struct profiler *p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	p->g = g;
	p->out = out;
	p->head = head;
	gounwind_init(&p->unwind, g, out);
	p->unwind.symbols = symbols;
	int err;
	if (kind == PROBE_PROFILE_HEAP)
		err = read_heap(p);
	else if (kind == PROBE_PROFILE_THREADCREATE)
		err = read_threads(p);
	else
		err = read_contentions(p, type_of(kind));
	gounwind_free(&p->unwind);
	free(p->list.v);
	free(p->list.pcs);
	free(p);
	return err ? err : out->oom ? -ENOMEM : 0;
}

int goprofile_read(
	const struct gotarget *g, enum probe_profile_kind kind, bool symbols, struct gsnap *out)
{
	uint64_t head = 0;
	int err = 0;
	if (kind != PROBE_PROFILE_THREADCREATE)
		err = list_head(g, type_of(kind), &head);
	return err ? err : goprofile_from(g, kind, head, symbols, out);
}
