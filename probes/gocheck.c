/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gocheck.c - is this the variable it is taken for? Structural checks on live memory that a wrong
 * address passes with negligible probability. They also prove a layout row: with wrong offsets the
 * checks fail, and nothing is shown rather than something wrong.
 *
 * Every walk is bounded: the target runs on, and a list may be torn or circular.
 */
#include <stdlib.h>
#include <string.h>
#include "gotarget.h"

#define MAX_MS 70000
#define MAX_PS 65536

static bool plausible_pointer(uint64_t p)
{
	return p >= 4096 && p < 1ull << 47 && !(p & 7);
}

static bool read_slice(const struct gotarget *g, uint64_t at, uint64_t max, uint64_t w[3])
{
	return target_read(g->t, at, w, 3 * sizeof *w) && w[1] >= 1 && w[1] <= w[2] &&
	       w[2] <= max && plausible_pointer(w[0]);
}

static int by_pid(const void *a, const void *b)
{
	return *(const pid_t *)a - *(const pid_t *)b;
}

static bool is_thread(const struct gotarget *g, uint64_t tid)
{
	pid_t key = (pid_t)tid;
	return g->ntids && tid < INT32_MAX && bsearch(&key, g->tids, g->ntids, sizeof key, by_pid);
}

static bool plausible_stack(const uint8_t *g, uint32_t status)
{
	uint64_t lo, hi;
	memcpy(&lo, g + G_STACKLO, sizeof lo);
	memcpy(&hi, g + G_STACKHI, sizeof hi);
	if (!lo && !hi)
		return status == GSTATUS_DEAD || status == GSTATUS_IDLE ||
		       status == GSTATUS_DEADEXTRA;
	return lo < hi && hi - lo <= 1ull << 30 && !(lo & 7);
}

bool gocheck_g(const struct gotarget *g, uint64_t gp, bool first)
{
	uint8_t raw[G_MAXSIZE];
	if (!plausible_pointer(gp) || !target_read(g->t, gp, raw, g->lay->g_size))
		return false;
	uint32_t status;
	uint64_t goid;
	memcpy(&status, raw + g->lay->g_atomicstatus, sizeof status);
	memcpy(&goid, raw + g->lay->g_goid, sizeof goid);
	status &= ~GO_SCAN_BIT;
	return status <= GSTATUS_DEADEXTRA && goid < 1ull << 40 && (!first || goid == 1) &&
	       plausible_stack(raw, status);
}

bool gocheck_allgs(const struct gotarget *g, uint64_t at)
{
	uint64_t w[3];
	return read_slice(g, at, 1u << 28, w) && gocheck_g(g, target_word(g->t, w[0]), true) &&
	       gocheck_g(g, target_word(g->t, w[0] + 8 * (w[1] - 1)), w[1] == 1);
}

bool gocheck_sched(const struct gotarget *g, uint64_t at)
{
	uint64_t goidgen = target_word(g->t, at + SCHED_GOIDGEN);
	uint64_t mnext = target_word(g->t, at + g->lay->s_mnext);
	uint32_t nmidle = target_u32(g->t, at + g->lay->s_nmidle);
	return target_u32(g->t, at + g->lay->s_maxmcount) > 0 && goidgen > 0 &&
	       goidgen < 1ull << 48 && mnext > 0 && mnext < 1u << 30 && nmidle <= mnext;
}

/*
 * A thread of the runtime, by its own goroutine, which has its address. Not by the kernel's threads
 * alone: of a process that has called exit the others may be gone.
 */
static bool plausible_m(const struct gotarget *g, uint64_t m)
{
	uint64_t g0 = plausible_pointer(m) ? target_word(g->t, m + M_G0) : 0;
	return g0 && target_word(g->t, g0 + G_M) == m;
}

static bool plausible_p(const struct gotarget *g, uint64_t p, uint32_t id)
{
	uint32_t head[2];
	if (!target_read(g->t, p, head, sizeof head) || head[0] != id || head[1] > 4)
		return false;
	uint64_t m = target_word(g->t, p + g->lay->p_m);
	return (!m || plausible_m(g, m)) && !(target_word(g->t, p + g->lay->p_runnext) & 7);
}

bool gocheck_allp(const struct gotarget *g, uint64_t at)
{
	uint64_t w[3];
	if (!read_slice(g, at, MAX_PS, w))
		return false;
	for (uint32_t i = 0; i < w[1] && i < 8; i++)
		if (!plausible_p(g, target_word(g->t, w[0] + 8 * i), i))
			return false;
	return true;
}

bool gocheck_allm(const struct gotarget *g, uint64_t at)
{
	uint32_t n = 0, known = 0;
	for (uint64_t m = target_word(g->t, at); m && n < MAX_MS; n++) {
		if (!plausible_m(g, m))
			return false;
		known += is_thread(g, target_word(g->t, m + g->lay->m_procid));
		m = target_word(g->t, m + g->lay->m_alllink);
	}
	return known > 0 && n < MAX_MS;
}

/* heapMinimum is 4 MiB * GOGC / 100, also when off (-1) wraps it: the strongest check of all. */
bool gocheck_gccontroller(const struct gotarget *g, uint64_t at)
{
	uint64_t w[GCC_SIZE / 8];
	if (!target_read(g->t, at, w, sizeof w))
		return false;
	int32_t percent = (int32_t)w[GCC_GCPERCENT / 8];
	uint64_t minimum = (4ull << 20) * (uint64_t)(int64_t)percent / 100;
	uint64_t ready = w[GCC_MAPPEDREADY / 8], inuse = w[GCC_HEAPINUSE / 8];
	return percent >= -1 && percent <= 1000000 && (int64_t)w[GCC_MEMORYLIMIT / 8] > 0 &&
	       w[GCC_HEAPMINIMUM / 8] == minimum && ready >= 1 << 20 && ready < 1ull << 44 &&
	       inuse > 0 && !(inuse & 8191) && inuse <= ready && w[GCC_HEAPLIVE / 8] <= ready * 2 &&
	       w[GCC_HEAPMARKED / 8] <= ready * 2 && w[GCC_HEAPFREE / 8] <= ready &&
	       w[GCC_TOTALALLOC / 8] >= w[GCC_TOTALFREE / 8];
}

/* memstats.heapStats: three deltas whose sums are whole pages of heap within what is committed. */
static bool plausible_heapstats(const struct gotarget *g, uint64_t at)
{
	uint64_t committed = 0, in_heap = 0;
	for (unsigned i = 0; i < 3; i++) {
		uint64_t w[3]; /* committed, released, inHeap */
		if (!target_read(g->t, at + (uint64_t)i * g->lay->hs_size, w, sizeof w))
			return false;
		committed += w[0];
		in_heap += w[2];
	}
	return target_u32(g->t, at + g->lay->hs_gen) < 3 && in_heap > 0 && !(in_heap & 8191) &&
	       in_heap <= committed && committed < 1ull << 47;
}

bool gocheck_memstats(const struct gotarget *g, uint64_t at)
{
	const struct golayout *l = g->lay;
	if ((target_u32(g->t, at + l->ms_enablegc) & 0xff) != 1 || !plausible_heapstats(g, at))
		return false;
	uint32_t n = target_u32(g->t, at + l->ms_numgc);
	uint64_t last = target_word(g->t, at + l->ms_lastgcunix) / 1000000000u;
	if (target_u32(g->t, at + l->ms_numforcedgc) > n)
		return false;
	return n ? last > 1500000000u && last < 4000000000u : !last;
}

/* The first span of allspans covers whole pages, and is one of a list that fits its array. */
bool gocheck_mheap(const struct gotarget *g, uint64_t at)
{
	uint64_t w[3];
	const struct golayout *l = g->lay;
	if (!read_slice(g, at + l->h_allspans, 1u << 30, w))
		return false;
	uint64_t span = target_word(g->t, w[0]);
	uint64_t start = target_word(g->t, span + l->span_startaddr);
	uint64_t npages = target_word(g->t, span + l->span_npages);
	return plausible_pointer(span) && start && !(start & 8191) && start < 1ull << 47 &&
	       npages > 0 && npages < 1u << 20;
}
