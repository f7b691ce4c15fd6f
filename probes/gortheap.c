/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gortheap.c - walks arenas, pages and spans of a running program on libgort.
 *
 * A span says how many of its slots are in use: what is garbage counts until the sweep that frees
 * it, as in Go's own figures. Spans come and go meanwhile; each is one read, so one span's numbers
 * belong together, several do not. A struct mspan is never unmapped by libgort, so a stale pointer
 * to one leads to some span, whose bounds tell whether it is that of the page.
 */
#include "gortheap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gortsched.h"

#define MAX_ARENAS 2097152u /* 47 bits of addresses */
#define MAX_PAGES  1048576u /* of an arena */
#define MAX_PAGE   (1u << 20)
#define BATCH      512
#define MAX_CLASS  1024 /* span classes */
#define MAX_PS     4096

static const char *const span_names[SP_MEMBERS] = {
	[SP_START] = "mspan.startAddr",
	[SP_NPAGES] = "mspan.npages",
	[SP_NELEMS] = "mspan.nelems",
	[SP_ELEMSIZE] = "mspan.elemsize",
	[SP_COUNT] = "mspan.allocCount",
	[SP_CLASS] = "mspan.sizeclass",
	[SP_KIND] = "mspan.kind",
	[SP_STATE] = "mspan.state",
	[SP_BEFORE] = "mspan.allocCountBefore",
	[SP_TYPE] = "mspan.largetype",
	[SP_FREEINDEX] = "mspan.freeindex",
	[SP_BITS] = "mspan.bits",
	[SP_HEAPBITS] = "mspan.heapBits",
	[SP_SPECIALS] = "mspan.specials",
};

static uint64_t variable(const struct gortread *r, const char *name, bool *known)
{
	struct variable v = glayout_variable(&r->abi, name);
	uint64_t value = 0;
	*known = v.size && v.size <= sizeof value && tmem_read(&r->mem, v.at, &value, v.size);
	return value;
}

static int64_t figure(const struct gortread *r, const char *name)
{
	bool known;
	uint64_t v = variable(r, name, &known);
	return !known ? GSNAP_UNKNOWN : v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

static uint64_t constant(const struct gortread *r, const char *name)
{
	const struct gort_abi_entry *e = gortabi_find(&r->abi, name, GORT_ABI_CONST);
	return e ? e->value : 0;
}

/* Of a page, 0 when it makes no sense. */
static uint64_t page_size(const struct gortread *r)
{
	uint64_t size = constant(r, "pagesize");
	return size <= MAX_PAGE ? size : 0;
}

/* A sum over a heap that may be damaged. */
static int64_t believed(uint64_t sum)
{
	return sum <= INT64_MAX / 4 ? (int64_t)sum : GSNAP_UNKNOWN;
}

static uint64_t word_at(const struct gortread *r, uint64_t base, struct member m)
{
	uint64_t v = 0;
	if (!m.size || m.size > sizeof v ||
		!tmem_read(&r->mem, (taddr){base + m.offset}, &v, m.size))
		return 0;
	return v;
}

/* A number of struct mheap, in pages; GSNAP_UNKNOWN when it is not published. */
static int64_t heap_pages(const struct gortread *r, const char *name)
{
	struct variable heap = glayout_variable(&r->abi, "mheap");
	struct member m = glayout_member(&r->abi, name);
	uint64_t n = word_at(r, heap.at.v, m);
	return heap.size && m.size && n < 1ull << 40 ? (int64_t)n : GSNAP_UNKNOWN;
}

static bool resolve_spans(struct gortheap *h, const struct gortread *r)
{
	const struct gort_abi_entry *size = gortabi_find(&r->abi, "mspan.size", GORT_ABI_SIZE);
	h->span_len = size && size->value <= 4096 ? (uint32_t)size->value : 0;
	for (size_t i = 0; i < SP_MEMBERS; i++) {
		struct member m = glayout_member(&r->abi, span_names[i]);
		if (m.offset + m.size > h->span_len || m.size > 8)
			m.size = 0;
		if (!m.size && i < SP_REQUIRED)
			return false;
		h->span[i] = m;
	}
	return true;
}

int gortheap_open(struct gortheap *h, const struct gortread *r)
{
	struct variable heap = glayout_variable(&r->abi, "mheap");
	*h = (struct gortheap){.r = r,
		.base = glayout_member(&r->abi, "heapArena.base"),
		.mapped = glayout_member(&r->abi, "heapArena.mapped"),
		.spans = glayout_member(&r->abi, "heapArena.spans"),
		.pagesize = page_size(r),
		.pages_per_arena = constant(r, "pagesPerArena")};
	if (!heap.size || !h->base.size || !h->mapped.size || !resolve_spans(h, r) ||
		!h->pagesize || h->pages_per_arena > MAX_PAGES)
		return -ENOTSUP;
	/* The array of spans is longer than other members: only where it begins counts. */
	const struct gort_abi_entry *spans =
		gortabi_find(&r->abi, "heapArena.spans", GORT_ABI_OFFSET);
	if (!spans)
		return -ENOTSUP;
	h->spans.offset = (uint32_t)spans->value;
	h->arenas = word_at(r, heap.at.v, glayout_member(&r->abi, "mheap.all"));
	h->narenas = word_at(r, heap.at.v, glayout_member(&r->abi, "mheap.narena"));
	return h->narenas <= MAX_ARENAS ? 0 : -EFAULT;
}

static bool in_use(const struct gortheap *h, const struct gortspan *s, uint64_t page)
{
	return s->v[SP_STATE] == 1 && s->v[SP_START] == page && s->v[SP_ELEMSIZE] &&
	       s->v[SP_COUNT] <= s->v[SP_NELEMS] && s->v[SP_NPAGES] <= (1ull << 47) / h->pagesize &&
	       s->v[SP_NELEMS] <= s->v[SP_NPAGES] * h->pagesize / s->v[SP_ELEMSIZE];
}

/* Which of n pages are the first of a span; how many. */
static size_t first_pages(const uint64_t *ptrs, size_t n, uint16_t *out)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++)
		if (ptrs[i] && (i == 0 || ptrs[i] != ptrs[i - 1]))
			out[k++] = (uint16_t)i;
	return k;
}

/* The spans of n pages of an arena, each at its first page. */
static int walk_spans(const struct gortheap *h, uint64_t page, const uint64_t *ptrs, size_t n,
	gortheap_each each, void *arg)
{
	struct tmem_read_at reads[BATCH];
	uint16_t at[BATCH];
	size_t k = first_pages(ptrs, n, at);
	uint8_t *raw = malloc(k * h->span_len + 1);
	int err = raw ? 0 : -ENOMEM;
	for (size_t i = 0; i < k; i++)
		reads[i] = (struct tmem_read_at){
			.at = {ptrs[at[i]]}, .buf = raw + i * h->span_len, .len = h->span_len};
	if (!err)
		h->r->mem.readv(h->r->mem.ctx, reads, k);
	for (size_t i = 0; i < k && !err; i++) {
		struct gortspan s = {.at = ptrs[at[i]]};
		if (!reads[i].ok)
			continue;
		for (size_t m = 0; m < SP_MEMBERS; m++)
			s.v[m] = h->span[m].size ? member_get(reads[i].buf, 0, h->span[m]) : 0;
		if (in_use(h, &s, page + at[i] * h->pagesize))
			err = each(h, &s, arg);
	}
	free(raw);
	return err;
}

static int walk_arena(
	const struct gortheap *h, uint64_t arena, uint64_t base, gortheap_each each, void *arg)
{
	uint64_t ptrs[BATCH], pages = word_at(h->r, arena, h->mapped);
	int err = 0;
	pages = pages < h->pages_per_arena ? pages : h->pages_per_arena;
	for (uint64_t i = 0; i < pages && !err; i += BATCH) {
		size_t n = pages - i < BATCH ? pages - i : BATCH;
		taddr at = {arena + h->spans.offset + i * sizeof *ptrs};
		if (!tmem_read(&h->r->mem, at, ptrs, n * sizeof *ptrs))
			return -EFAULT;
		err = walk_spans(h, base + i * h->pagesize, ptrs, n, each, arg);
	}
	return err;
}

/* Arenas are in the order of their addresses; a list that is not so is damaged, and may be long. */
int gortheap_walk(const struct gortheap *h, gortheap_each each, void *arg)
{
	uint64_t last = 0;
	int err = 0;
	for (uint64_t i = 0; i < h->narenas && !err; i++) {
		uint64_t arena, base;
		if (!tmem_read(&h->r->mem, (taddr){h->arenas + i * 8}, &arena, sizeof arena))
			return -EFAULT;
		base = word_at(h->r, arena, h->base);
		if (base <= last)
			return -EFAULT;
		last = base;
		err = walk_arena(h, arena, base, each, arg);
	}
	return err;
}

/* ---- the collector ---- */

struct sums {
	uint64_t objects, bytes;
};

static int sum_span(const struct gortheap *h, const struct gortspan *s, void *arg)
{
	struct sums *sum = arg;
	(void)h;
	sum->objects += s->v[SP_COUNT];
	sum->bytes += s->v[SP_COUNT] * s->v[SP_ELEMSIZE];
	return 0;
}

/* Where the numbers of what a P has allocated are. */
struct caches {
	struct member alloc, nsmall, tiny, nlarge, largebytes, count, before;
	struct variable sizes;
	size_t nclasses, nspanclasses;
};

/* Arrays are longer than glayout_member allows members to be. */
static struct member array(const struct gortread *r, const char *name)
{
	const struct gort_abi_entry *e = gortabi_find(&r->abi, name, GORT_ABI_OFFSET);
	return e ? (struct member){(uint32_t)e->value, e->size} : (struct member){0, 0};
}

static bool resolve_caches(const struct gortread *r, struct caches *c)
{
	*c = (struct caches){.alloc = array(r, "p.mcache.alloc"),
		.nsmall = array(r, "p.mcache.nsmall"),
		.tiny = array(r, "p.mcache.tinyallocs"),
		.nlarge = array(r, "p.mcache.nlarge"),
		.largebytes = array(r, "p.mcache.largebytes"),
		.count = glayout_member(&r->abi, "mspan.allocCount"),
		.before = glayout_member(&r->abi, "mspan.allocCountBefore"),
		.sizes = glayout_variable(&r->abi, "class_to_size")};
	c->nclasses = c->sizes.size / 2;
	c->nspanclasses = c->nsmall.size / 8;
	return c->nclasses && c->nclasses <= MAX_CLASS && c->nspanclasses &&
	       c->nspanclasses <= MAX_CLASS && c->alloc.size == c->nsmall.size &&
	       c->tiny.size == 8 && c->nlarge.size == 8 && c->largebytes.size == 8 &&
	       c->count.size && c->before.size;
}

static bool add_cache(
	const struct gortread *r, const struct caches *c, uint64_t p, struct sums *sum)
{
	uint64_t nsmall[MAX_CLASS], spans[MAX_CLASS];
	uint16_t sizes[MAX_CLASS];
	size_t len = c->nspanclasses * 8;
	if (!tmem_read(&r->mem, (taddr){p + c->nsmall.offset}, nsmall, len) ||
		!tmem_read(&r->mem, (taddr){p + c->alloc.offset}, spans, len) ||
		!tmem_read(&r->mem, c->sizes.at, sizes, c->nclasses * 2))
		return false;
	sum->objects += word_at(r, p, c->tiny) + word_at(r, p, c->nlarge);
	sum->bytes += word_at(r, p, c->largebytes);
	for (size_t k = 0; k < c->nspanclasses; k++) {
		uint64_t n = nsmall[k];
		if (spans[k])
			n += (uint32_t)(word_at(r, spans[k], c->count) -
					word_at(r, spans[k], c->before));
		sum->objects += n;
		sum->bytes += n * sizes[k % c->nclasses];
	}
	return true;
}

/* What all Ps have ever allocated. */
static bool ever_allocated(const struct gortread *r, struct sums *sum)
{
	struct caches c;
	bool has_list, has_n;
	uint64_t list = variable(r, "allp", &has_list), n = variable(r, "gomaxprocs", &has_n), p;
	*sum = (struct sums){0};
	if (!has_list || !has_n || n > MAX_PS || !resolve_caches(r, &c))
		return false;
	for (uint64_t i = 0; i < n; i++)
		if (!tmem_read(&r->mem, (taddr){list + 8 * i}, &p, sizeof p) ||
			!add_cache(r, &c, p, sum))
			return false;
	return true;
}

static void read_memory(const struct gortread *r, struct gsnap_gc *gc)
{
	struct gortheap h;
	struct sums now = {0};
	int64_t size = (int64_t)page_size(r), used = heap_pages(r, "mheap.pagesused");
	int64_t mapped = heap_pages(r, "mheap.pagesmapped"),
		clean = heap_pages(r, "mheap.pagesclean");
	if (mapped != GSNAP_UNKNOWN && used != GSNAP_UNKNOWN && clean != GSNAP_UNKNOWN) {
		gc->mapped = (mapped - clean) * size;
		gc->released_bytes = clean * size;
		gc->free_bytes = mapped - used > clean ? (mapped - used - clean) * size : 0;
	}
	if (!gortheap_open(&h, r) && !gortheap_walk(&h, sum_span, &now)) {
		gc->objects = believed(now.objects);
		gc->object_bytes = believed(now.bytes);
		if (used != GSNAP_UNKNOWN && gc->object_bytes >= 0 &&
			used * size >= gc->object_bytes)
			gc->unused_bytes = used * size - gc->object_bytes;
	}
}

static void read_cpu(const struct gortread *r, struct gsnap_gc *gc)
{
	gc->cpu_assist = figure(r, "work.cpuStats.GCAssistTime");
	gc->cpu_dedicated = figure(r, "work.cpuStats.GCDedicatedTime");
	gc->cpu_idle = figure(r, "work.cpuStats.GCIdleTime");
	gc->cpu_pause = figure(r, "work.cpuStats.GCPauseTime");
	gc->cpu_total = figure(r, "work.cpuStats.TotalTime");
	int64_t parts[] = {gc->cpu_assist, gc->cpu_dedicated, gc->cpu_idle, gc->cpu_pause};
	uint64_t sum = 0;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (parts[i] == GSNAP_UNKNOWN)
			return;
		sum += (uint64_t)parts[i];
	}
	gc->cpu_gc = believed(sum);
}

void gortheap_counters(const struct gortread *r, struct gsnap_gc *gc)
{
	bool known;
	struct sums ever;
	int32_t percent = (int32_t)variable(r, "gcController.gcPercent", &known);
	gc->gc_percent = !known ? GSNAP_UNKNOWN : percent < 0 ? -1 : percent;
	gc->marked = figure(r, "gcController.heapMarked");
	gc->live = figure(r, "gcController.heapLive");
	gc->trigger = figure(r, "gcController.trigger");
	gc->goal = figure(r, "gcController.heapGoal");
	gc->mem_limit = figure(r, "gcController.memoryLimit");
	gc->limit_goal = figure(r, "gcController.limitGoal");
	gc->cycles = figure(r, "memstats.numgc");
	gc->forced = figure(r, "memstats.numforcedgc");
	gc->pause_total_ns = figure(r, "memstats.pause_total_ns");
	gc->stops[0] = gc->cycles ? figure(r, "work.sweepTermTime") : GSNAP_UNKNOWN;
	gc->stops[1] = gc->cycles ? figure(r, "work.markTermTime") : GSNAP_UNKNOWN;
	int64_t last = figure(r, "memstats.last_gc_nanotime");
	gc->last = last ? last : GSNAP_UNKNOWN;
	int64_t barrier = figure(r, "writeBarrier.enabled");
	gc->marking = barrier > 0 ? barrier & 1 : barrier; /* 2: it is called in any case */
	read_cpu(r, gc);
	gortsched_hist(r, "sched.stwTotalTimeGC", &gc->pauses);
	gortsched_hist(r, "sched.stwStoppingTimeGC", &gc->stopping);
	if (ever_allocated(r, &ever)) {
		gc->allocs = believed(ever.objects);
		gc->alloc_bytes = believed(ever.bytes);
	}
}

void gortheap_gc(const struct gortread *r, struct gsnap_gc *gc)
{
	gortheap_counters(r, gc);
	read_memory(r, gc);
}

void gortheap_stats(const struct gortread *r, struct gsnap_stats *st)
{
	bool known;
	struct sums ever;
	int32_t percent = (int32_t)variable(r, "gcController.gcPercent", &known);
	int64_t used = heap_pages(r, "mheap.pagesused");
	st->gc_percent = !known ? GSNAP_UNKNOWN : percent < 0 ? -1 : percent;
	st->mem_limit = figure(r, "gcController.memoryLimit");
	st->heap_live = figure(r, "gcController.heapLive");
	st->heap_goal = figure(r, "gcController.heapGoal");
	if (st->heap_goal > INT64_MAX / 2)
		st->heap_goal = GSNAP_UNKNOWN; /* collector off */
	st->heap_inuse = used == GSNAP_UNKNOWN ? used : used * (int64_t)page_size(r);
	st->num_gc = figure(r, "memstats.numgc");
	st->gc_pause_total_ns = figure(r, "memstats.pause_total_ns");
	st->total_alloc = ever_allocated(r, &ever) ? believed(ever.bytes) : GSNAP_UNKNOWN;
}
