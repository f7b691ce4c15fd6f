/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gogc.c - the collector's figures of a Go process, those of its own runtime/metrics.
 *
 * memstats.heapStats is three deltas that writers and readers of statistics take in turn
 * (consistentHeapStats, mstats.go): their sum is the total. A reader inside the process merges one
 * into the next while we copy, so what we sum may miss or double one of them. Totals of allocations
 * only grow, and a merge takes less than a microsecond: three sums are taken, and the second is
 * believed when none of the counters shrank from one to the next.
 */
#include <string.h>
#include <time.h>
#include "gotarget.h"

#define NUM_CLASSES 68 /* _NumSizeClasses, class 0 for objects beyond the classes */
#define MAX_STATS   8192
#define TRIES       8

/* class_to_size: the same in all versions. */
static const uint16_t class_size[NUM_CLASSES] = {0, 8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144,
	160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416, 448, 480, 512, 576, 640, 704,
	768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096,
	4864, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336,
	16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768};

/* heapStatsDelta, summed. */
struct heapstats {
	uint64_t committed, released, in_heap, in_stacks, in_workbufs;
	uint64_t allocs, alloc_bytes, frees, free_bytes;
};

static uint64_t word(const uint8_t *raw, size_t off)
{
	uint64_t v;
	memcpy(&v, raw + off, sizeof v);
	return v;
}

static void add_objects(const uint8_t *large, const uint8_t *small, uint64_t *n, uint64_t *bytes)
{
	*bytes += word(large, 0);
	*n += word(large, 8);
	for (size_t i = 0; i < NUM_CLASSES; i++) {
		*n += word(small, i * 8);
		*bytes += word(small, i * 8) * class_size[i];
	}
}

static bool read_heapstats(const struct gotarget *g, struct heapstats *out)
{
	const struct golayout *l = g->lay;
	uint8_t raw[MAX_STATS];
	if (l->hs_size * 3 > sizeof raw ||
		!target_read(g->t, g->glob.memstats, raw, l->hs_size * 3))
		return false;
	*out = (struct heapstats){0};
	for (size_t i = 0; i < 3; i++) {
		const uint8_t *d = raw + i * l->hs_size;
		out->committed += word(d, 0);
		out->released += word(d, 8);
		out->in_heap += word(d, 16);
		out->in_stacks += word(d, 24);
		out->in_workbufs += word(d, 32);
		add_objects(d + l->hs_largealloc, d + l->hs_smallalloc, &out->allocs,
			&out->alloc_bytes);
		add_objects(
			d + l->hs_largefree, d + l->hs_smallfree, &out->frees, &out->free_bytes);
	}
	return true;
}

static bool grew(const struct heapstats *a, const struct heapstats *b)
{
	return a->allocs <= b->allocs && a->alloc_bytes <= b->alloc_bytes && a->frees <= b->frees &&
	       a->free_bytes <= b->free_bytes;
}

static bool believable(const struct heapstats *h)
{
	return h->alloc_bytes >= h->free_bytes && h->allocs >= h->frees &&
	       h->committed >= h->in_heap + h->in_stacks + h->in_workbufs &&
	       h->in_heap >= h->alloc_bytes - h->free_bytes;
}

static bool settled_heapstats(const struct gotarget *g, struct heapstats *out)
{
	struct heapstats a, c;
	if (!read_heapstats(g, &a) || !read_heapstats(g, out))
		return false;
	for (int i = 0; i < TRIES; i++) {
		if (!read_heapstats(g, &c))
			return false;
		if (grew(&a, out) && grew(out, &c) && believable(out))
			return true;
		a = *out;
		*out = c;
	}
	return false;
}

static void fill_heap(const struct gotarget *g, struct gsnap_gc *gc)
{
	struct heapstats h;
	if (!settled_heapstats(g, &h))
		return;
	gc->allocs = (int64_t)h.allocs;
	gc->alloc_bytes = (int64_t)h.alloc_bytes;
	gc->frees = (int64_t)h.frees;
	gc->freed_bytes = (int64_t)h.free_bytes;
	gc->objects = (int64_t)(h.allocs - h.frees);
	gc->object_bytes = (int64_t)(h.alloc_bytes - h.free_bytes);
	gc->unused_bytes = (int64_t)h.in_heap - gc->object_bytes;
	gc->free_bytes = (int64_t)(h.committed - h.in_heap - h.in_stacks - h.in_workbufs);
	gc->released_bytes = (int64_t)h.released;
	gc->stack_bytes = (int64_t)h.in_stacks;
}

static void fill_pacer(const struct gotarget *g, struct gsnap_gc *gc)
{
	uint64_t w[GCC_SIZE / 8];
	struct gopace pace = {GSNAP_UNKNOWN, GSNAP_UNKNOWN, GSNAP_UNKNOWN};
	for (int i = 0; i < TRIES && pace.goal == GSNAP_UNKNOWN; i++) {
		if (!target_read(g->t, g->glob.gccontroller, w, sizeof w))
			return;
		pace = gopacer(w);
	}
	gc->gc_percent = (int32_t)w[GCC_GCPERCENT / 8];
	gc->mem_limit = (int64_t)w[GCC_MEMORYLIMIT / 8];
	gc->marked = (int64_t)w[GCC_HEAPMARKED / 8];
	gc->live = (int64_t)w[GCC_HEAPLIVE / 8];
	gc->marking = w[GCC_TRIGGERED / 8] != UINT64_MAX;
	gc->mapped = (int64_t)w[GCC_MAPPEDREADY / 8];
	gc->goal = pace.goal;
	gc->limit_goal = pace.limit_goal;
	gc->trigger = pace.trigger;
}

static void fill_cycles(const struct gotarget *g, struct gsnap_gc *gc)
{
	uint64_t at = g->glob.memstats;
	const struct golayout *l = g->lay;
	uint32_t cycles[2]; /* numgc, numforcedgc */
	if (!target_read(g->t, at + l->ms_numgc, cycles, sizeof cycles))
		return;
	gc->cycles = cycles[0];
	gc->forced = cycles[1];
	gc->pause_total_ns = (int64_t)target_word(g->t, at + l->ms_pausetotal);
	if (cycles[0])
		gc->last = (int64_t)target_word(g->t, at + l->ms_lastgc);
}

/* cpuStats: assist, dedicated, idle, pause, total of the collector; three of the scavenger; idle,
 * user, total of the program. */
static void fill_cpu(const struct gotarget *g, struct gsnap_gc *gc)
{
	int64_t ns[11];
	if (!target_read(g->t, g->glob.work + g->lay->w_cpustats, ns, sizeof ns))
		return;
	gc->cpu_assist = ns[0];
	gc->cpu_dedicated = ns[1];
	gc->cpu_idle = ns[2];
	gc->cpu_pause = ns[3];
	gc->cpu_gc = ns[4];
	gc->cpu_total = ns[10];
}

/*
 * From when the collector asks all to stop until they may go on, as gctrace's clock has it. The
 * second time is behind the first one but while they are being stopped, which is over soon.
 */
static void fill_stops(const struct gotarget *g, struct gsnap_gc *gc)
{
	enum { SWEEPTERM, MARK, MARKTERM, END };
	const struct timespec soon = {.tv_nsec = 100000};
	int64_t at[4];
	for (int i = 0; i < TRIES; i++) {
		if (!target_read(g->t, g->glob.work + g->lay->w_sweepterm, at, sizeof at) ||
			!at[END])
			return;
		if (at[MARK] >= at[SWEEPTERM] && at[END] >= at[MARKTERM]) {
			gc->stops[0] = at[MARK] - at[SWEEPTERM];
			gc->stops[1] = at[END] - at[MARKTERM];
			return;
		}
		nanosleep(&soon, NULL);
	}
}

void gosnap_hist(const struct gotarget *g, uint64_t at, struct gsnap_hist *out)
{
	uint64_t w[GSNAP_HIST_BUCKETS + 2];
	out->known = target_read(g->t, at, w, sizeof w);
	if (!out->known)
		return;
	memcpy(out->counts, w, sizeof out->counts);
	out->under = w[GSNAP_HIST_BUCKETS];
	out->over = w[GSNAP_HIST_BUCKETS + 1];
}

void gosnap_gc(struct gotarget *g, struct gsnap_gc *gc)
{
	if (g->glob.gccontroller)
		fill_pacer(g, gc);
	if (g->glob.memstats) {
		fill_heap(g, gc);
		fill_cycles(g, gc);
	}
	if (g->glob.work) {
		fill_cpu(g, gc);
		fill_stops(g, gc);
	}
	if (g->glob.sched) {
		gosnap_hist(g, g->glob.sched + g->lay->s_stwtotalgc, &gc->pauses);
		gosnap_hist(g, g->glob.sched + g->lay->s_stwstopgc, &gc->stopping);
	}
}
