/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mprof.c - samples for the heap profile (Go's mprof.go).
 *
 * One byte in memprofilerate is sampled, on average and at random: each mcache counts down the
 * bytes to its next sample, which are exponentially distributed. The object that has the byte gets
 * a special, which tells its sweep, and is counted in the bucket of its stack and size. Buckets are
 * never freed. Whoever reads them multiplies by the chance that such an object had
 * (debug/heapprof.c).
 *
 * Go's three cycles: an object that was allocated in a cycle can be seen dead only by the sweep
 * after the next marking. If allocations counted at once, everything allocated since would look as
 * if it were in use. So a bucket has future records, by the number of the cycle: allocations go to
 * the one of two cycles later, frees to the next, and a record is added when all of its cycle has
 * been swept.
 *
 * Readers from outside (probes/gortprofile.c) take no lock: a bucket's stack never changes, and
 * they read the records until two readings agree.
 *
 * The lock is taken by whoever allocates or sweeps, who is never stopped, and by readers in no-stop
 * sections.
 */
#include "mem/mprof.h"

#include <string.h>

#include "base/clock.h"
#include "debug/options.h"
#include "debug/unwind.h"
#include "gort/debug.h"
#include "mem/malloc.h"
#include "mem/mheap.h"
#include "mem/mspecial.h"
#include "mem/nostop.h"
#include "sched/proc.h"
#include "sched/stw.h"

#define NHASH    (1u << 14)
#define MAXDEPTH 128u

struct memprof prof = {.lock = {.rank = lockRankProf}, .flushed = true};

static void lockprof(void)
{
	nostop_begin();
	lock(&prof.lock);
}

static void unlockprof(void)
{
	unlock(&prof.lock);
	nostop_end();
}

/* ---- when ---- */

/* The natural logarithm of 0 < x <= 1; libm is no part of libgort. */
static double logarithm(double x)
{
	double whole = 0, sum = 0;
	for (; x < 0.5; x *= 2)
		whole -= 0.69314718055994531;
	double t = (x - 1) / (x + 1), power = t;
	for (int i = 1; i < 20; i += 2, power *= t * t)
		sum += power / i;
	return whole + 2 * sum;
}

/* A number from the cache's own sequence (xorshift64). */
static uint64_t draw(struct mcache *c)
{
	uint64_t x = c->random ? c->random : ((uint64_t)nanotime() ^ (uintptr_t)c) | 1;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return c->random = x;
}

/* Bytes to the next sample. */
static uint64_t nextsample(struct mcache *c)
{
	double rate = debug.memprofilerate;
	if (rate <= 1)
		return rate == 1 ? 0 : UINT64_MAX;
	double u = (double)((draw(c) >> 11) + 1) / (double)(UINT64_C(1) << 53);
	return (uint64_t)(-logarithm(u) * rate);
}

__attribute__((visibility("default"))) int64_t gort_memprofile_rate(int64_t rate)
{
	getgchecked("gort_memprofile_rate");
	int64_t old = debug.memprofilerate;
	if (rate < 0)
		return old;
	stopTheWorld();
	debug.memprofilerate = rate < INT32_MAX ? (int32_t)rate : INT32_MAX;
	for (int32_t i = 0; i < load_acq(&nallp); i++)
		allp[i]->mcache.nextsample = allp[i]->mcache.random = 0;
	startTheWorld(gomaxprocs);
	return old;
}

/* ---- where ---- */

static __attribute__((noinline)) uint32_t callers(uintptr_t *pcs, uint32_t max)
{
	struct unwinder u;
	struct regs regs = {0};
	struct g *gp = getg();
	uint32_t n = 0;
	regs_here(&regs);
	unwind_init(&u, &regs, gp ? gp->stack.lo : 0, gp ? gp->stack.hi : 0, false);
	while (n < max && unwind_next(&u))
		pcs[n++] = u.regs.r[DW_RIP];
	return n;
}

static uint64_t hashof(const uintptr_t *pcs, uint32_t n, uint64_t size)
{
	uint64_t h = size;
	for (uint32_t i = 0; i < n; i++)
		h = (h ^ pcs[i]) * 0x9e3779b97f4a7c15u ^ h >> 29;
	return h;
}

static struct bucket *newbucket(const uintptr_t *pcs, uint32_t n, uint64_t size, uint64_t hash)
{
	struct bucket *b = persistentalloc(sizeof(*b) + n * sizeof(*pcs));
	if (!prof.hash)
		prof.hash = persistentalloc(NHASH * sizeof(struct bucket *));
	b->hash = hash;
	b->size = size;
	b->npcs = n;
	memcpy(b->pcs, pcs, n * sizeof(*pcs));
	b->next = prof.hash[hash % NHASH];
	prof.hash[hash % NHASH] = b;
	b->all = load_rlx(&prof.all);
	store_rel(&prof.all, b); /* complete before a reader from outside can find it */
	prof.n++;
	return b;
}

/* With the lock. */
static struct bucket *findbucket(const uintptr_t *pcs, uint32_t n, uint64_t size)
{
	uint64_t hash = hashof(pcs, n, size);
	struct bucket *b = prof.hash ? prof.hash[hash % NHASH] : NULL;
	while (b && (b->hash != hash || b->size != size || b->npcs != n ||
			    memcmp(b->pcs, pcs, n * sizeof(*pcs)) != 0))
		b = b->next;
	return b ? b : newbucket(pcs, n, size, hash);
}

void profilealloc(struct mcache *c, struct mspan *s, void *p)
{
	uintptr_t pcs[MAXDEPTH];
	bool fresh = c->random == 0; /* nothing has been counted down */
	c->nextsample = nextsample(c);
	if (debug.memprofilerate <= 0 || (fresh && debug.memprofilerate > 1))
		return;
	uint32_t n = callers(pcs, MAXDEPTH);
	lockprof();
	struct bucket *b = findbucket(pcs, n, s->elemsize);
	b->future[(prof.cycle + 2) % FUTURES].allocs++;
	unlockprof();
	struct special *sp = specialalloc(SPECIALPROFILE);
	sp->bucket = b;
	if (!addspecial(s, p, sp))
		specialfree(sp);
}

void mProf_Free(struct bucket *b)
{
	lockprof();
	b->future[(prof.cycle + 1) % FUTURES].frees++;
	unlockprof();
}

/* ---- cycles ---- */

/* With the lock. */
static void flush(uint32_t cycle)
{
	for (struct bucket *b = load_rlx(&prof.all); b; b = b->all) {
		struct counts *f = &b->future[cycle % FUTURES];
		b->active.allocs += f->allocs;
		b->active.frees += f->frees;
		*f = (struct counts){0};
	}
}

void mProf_Flush(void)
{
	lockprof();
	if (!prof.flushed)
		flush(prof.cycle);
	prof.flushed = true;
	unlockprof();
}

void mProf_NextCycle(void)
{
	lockprof();
	prof.cycle++;
	prof.flushed = false;
	unlockprof();
}

void mProf_PostSweep(void)
{
	lockprof();
	flush(prof.cycle + 1);
	unlockprof();
}

uint32_t memprofile(struct memrecord *records, uint32_t max)
{
	uint32_t i = 0;
	mProf_Flush();
	lockprof();
	for (const struct bucket *b = load_rlx(&prof.all); b && i < max; b = b->all, i++)
		records[i] = (struct memrecord){
			b->active.allocs, b->active.frees, b->size, b->pcs, b->npcs};
	uint32_t n = prof.n;
	unlockprof();
	return n;
}

void memrecordof(const struct mspan *s, uintptr_t base, struct memrecord *r)
{
	const struct special *sp = s->specials;
	while (sp && (sp->kind != SPECIALPROFILE || sp->offset != base - s->startAddr))
		sp = sp->next;
	*r = (struct memrecord){0};
	if (sp)
		*r = (struct memrecord){
			.size = sp->bucket->size, .pcs = sp->bucket->pcs, .npcs = sp->bucket->npcs};
}
