/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mprof.c - records for the heap, block and mutex profiles (Go's mprof.go).
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
 * Who has been blocked for a time adds it to the bucket of its stack (sync/blocked.h), and who
 * unlocks what others waited for adds their time to that of its own (sync/sema.c). Such events are
 * sampled too, and weighted when they are recorded: Go's rules, with nanoseconds for ticks.
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
#include "sched/race.h"
#include "sched/stw.h"

#define NHASH    (1u << 14)
#define MAXDEPTH 128u
#define EXPORT   __attribute__((visibility("default")))

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

EXPORT int64_t gort_memprofile_rate(int64_t rate)
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

static uint64_t hashof(enum recordkind kind, const uintptr_t *pcs, uint32_t n, uint64_t size)
{
	uint64_t h = size + kind;
	for (uint32_t i = 0; i < n; i++)
		h = (h ^ pcs[i]) * 0x9e3779b97f4a7c15u ^ h >> 29;
	return h;
}

static struct bucket *newbucket(
	enum recordkind kind, const uintptr_t *pcs, uint32_t n, uint64_t size, uint64_t hash)
{
	struct bucket *b = persistentalloc(sizeof(*b) + n * sizeof(*pcs));
	if (!prof.hash)
		prof.hash = persistentalloc(NHASH * sizeof(struct bucket *));
	b->hash = hash;
	b->size = size;
	b->npcs = n;
	b->kind = kind;
	memcpy(b->pcs, pcs, n * sizeof(*pcs));
	b->next = prof.hash[hash % NHASH];
	prof.hash[hash % NHASH] = b;
	b->all = load_rlx(&prof.all[kind]);
	store_rel(&prof.all[kind], b); /* complete before a reader from outside can find it */
	prof.n[kind]++;
	return b;
}

/* With the lock. */
static struct bucket *findbucket(
	enum recordkind kind, const uintptr_t *pcs, uint32_t n, uint64_t size)
{
	uint64_t hash = hashof(kind, pcs, n, size);
	struct bucket *b = prof.hash ? prof.hash[hash % NHASH] : NULL;
	while (b && (b->hash != hash || b->size != size || b->npcs != n || b->kind != kind ||
			    memcmp(b->pcs, pcs, n * sizeof(*pcs)) != 0))
		b = b->next;
	return b ? b : newbucket(kind, pcs, n, size, hash);
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
	struct bucket *b = findbucket(MEMRECORD, pcs, n, s->elemsize);
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
	for (struct bucket *b = load_rlx(&prof.all[MEMRECORD]); b; b = b->all) {
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

/* ---- waiting ---- */

bool blockwatched, semawatched;

static void watch(void)
{
	bool block = load_rlx(&prof.blockrate) > 0;
	blockwatched = block || raceenabled;
	semawatched = block || load_rlx(&prof.mutexrate) > 0;
}

void mprofinit(void)
{
	store_rlx(&prof.blockrate, debug.blockprofilerate);
	store_rlx(&prof.mutexrate, debug.mutexprofilefraction);
	watch();
}

static void setrate(_Atomic int64_t *to, int64_t rate)
{
	stopTheWorld();
	store_rlx(to, rate);
	watch();
	startTheWorld(gomaxprocs);
}

EXPORT void gort_blockprofile_rate(int64_t rate)
{
	getgchecked("gort_blockprofile_rate");
	setrate(&prof.blockrate, rate > 0 ? rate : 0);
}

EXPORT int64_t gort_mutexprofile_fraction(int64_t rate)
{
	getgchecked("gort_mutexprofile_fraction");
	int64_t old = load_rlx(&prof.mutexrate);
	if (rate >= 0)
		setrate(&prof.mutexrate, rate);
	return old;
}

/* 0 to n - 1 (splitmix64). The remainder is not quite even: by n in 2^64. */
static int64_t randomlt(int64_t n)
{
	static _Atomic uint64_t sequence;
	uint64_t x = xadd_rlx(&sequence, 0x9e3779b97f4a7c15u) ^ (uintptr_t)&sequence;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (int64_t)((x ^ x >> 31) % (uint64_t)n);
}

static void addevent(enum recordkind kind, double count, int64_t delay)
{
	uintptr_t pcs[MAXDEPTH];
	uint32_t n = callers(pcs, MAXDEPTH);
	lockprof();
	struct bucket *b = findbucket(kind, pcs, n, 0);
	b->count += count;
	b->delay += delay;
	unlockprof();
}

/* An event that is shorter than the rate is recorded with the chance ns / rate, and weighs more. */
void blockevent(int64_t ns)
{
	int64_t rate = load_rlx(&prof.blockrate);
	ns = ns > 0 ? ns : 1;
	if (rate <= 0 || (rate > ns && randomlt(rate) > ns))
		return;
	bool shorter = ns < rate; /* one call below, that a stack have one bucket */
	addevent(BLOCKRECORD, shorter ? (double)rate / (double)ns : 1, shorter ? rate : ns);
}

void mutexevent(int64_t ns)
{
	int64_t rate = load_rlx(&prof.mutexrate);
	if (rate > 0 && randomlt(rate) == 0)
		addevent(MUTEXRECORD, (double)rate, rate * (ns > 0 ? ns : 0));
}

/* ---- for the writers of profiles ---- */

static struct memrecord recordof(const struct bucket *b)
{
	struct memrecord r = {.pcs = b->pcs, .npcs = b->npcs};
	if (b->kind == MEMRECORD) {
		r.allocs = b->active.allocs;
		r.frees = b->active.frees;
		r.size = b->size;
	} else {
		r.count = (int64_t)b->count;
		r.delay = b->delay;
	}
	return r;
}

uint32_t profilerecords(enum recordkind kind, struct memrecord *records, uint32_t max)
{
	uint32_t i = 0;
	if (kind == MEMRECORD)
		mProf_Flush();
	lockprof();
	for (const struct bucket *b = load_rlx(&prof.all[kind]); b && i < max; b = b->all)
		records[i++] = recordof(b);
	uint32_t n = prof.n[kind];
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
