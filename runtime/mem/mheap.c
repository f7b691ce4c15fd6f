/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mheap.c - arenas and spans (Go's mheap.go); mheap.h has the structures.
 *
 * Pages are mapped GROWBYTES at a time, each time right behind what the newest arena has, at
 * addresses where nothing else is: 0x00c0'0000'0000 as in Go, which no text looks like and few
 * numbers, or 1 TiB further each time something is there. So limits of the address space and strict
 * overcommit count what is used. An arena ends early when somebody has mapped what follows.
 *
 * A span of more than an arena lies in arenas that are mapped whole and follow each other.
 *
 * Rejected: reserving arenas first, inaccessible, as Go does, since reserved space counts for
 * RLIMIT_AS.
 */
#include "mem/mheap.h"

#include <errno.h>
#include <string.h>

#include "base/noptr.h"
#include "base/throw.h"
#include "mem/malloc.h"
#include "mem/mgc.h"
#include "sched/proc.h"
#include "sched/race.h"
#include "sched/sanitizer.h"

#define HINTFIRST ((uintptr_t)0xc0 << 32)
#define HINTSTEP  ((uintptr_t)1 << 40)
#define HINTS     0x70
#define RACESTEP  ((RACEEND - RACEFIRST) / HINTS)

struct mheap mheap NOPTRDATA = {.lock = {.rank = lockRankMheap}, .lo = UINTPTR_MAX};
_Atomic(_Atomic(struct heapArena *) *) arenas[1u << ARENAL1BITS] NOPTRBSS;

void mheapinit(void)
{
	for (unsigned i = 0; i < NSPANCLASS; i++)
		lockinit(&mheap.central[i].lock, lockRankMcentral);
}

/* ---- arenas, with the lock ---- */

static void mapput(uintptr_t base, struct heapArena *ha)
{
	_Atomic(_Atomic(struct heapArena *) *) *l1 = &arenas[base >> (ARENASHIFT + ARENAL2BITS)];
	_Atomic(struct heapArena *) *l2 = load_rlx(l1);
	if (!l2) {
		l2 = persistentalloc(sizeof(*l2) << ARENAL2BITS);
		store_rel(l1, l2); /* pairs with arenaof */
	}
	store_rel(&l2[base >> ARENASHIFT & ((1u << ARENAL2BITS) - 1)], ha);
}

static void listarena(struct heapArena *ha)
{
	if (mheap.narena == mheap.maxarena) {
		uint32_t max = mheap.maxarena ? 2 * mheap.maxarena : 64;
		struct heapArena **more = persistentalloc(max * sizeof(*more));
		for (uint32_t i = 0; i < mheap.narena; i++)
			more[i] = mheap.all[i];
		mheap.all = more;
		mheap.maxarena = max;
	}
	uint32_t i = mheap.narena++;
	for (; i > 0 && mheap.all[i - 1]->base > ha->base; i--)
		mheap.all[i] = mheap.all[i - 1];
	mheap.all[i] = ha;
	mheap.firstarena = 0;
}

static struct heapArena *newarena(uintptr_t base)
{
	struct heapArena *ha = sysalloc(sizeof(*ha));
	ha->base = base;
	memset(ha->used, 0xff, sizeof(ha->used));
	ha->firstfree = PAGESPERARENA / 64;
	if (base - 8 < load_rlx(&mheap.lo))
		store_rlx(&mheap.lo, base - 8);
	if (base + ARENASIZE > load_rlx(&mheap.hi))
		store_rlx(&mheap.hi, base + ARENASIZE);
	mapput(base, ha);
	listarena(ha);
	return ha;
}

/* Bytes at p are the heap's now. */
static void pagesmapped(struct heapArena *ha, uint32_t n)
{
	san_root((void *)(ha->base + ((uintptr_t)ha->mapped << PAGESHIFT)),
		(uintptr_t)n << PAGESHIFT);
	pagesadd(ha, ha->mapped, n);
	ha->mapped += n;
	mheap.pagesmapped += n;
	mheap.pagesclean += n;
	mheap.firstarena = 0;
}

bool extendarena(struct heapArena *ha, uint32_t n)
{
	uintptr_t at = ha->base + ((uintptr_t)ha->mapped << PAGESHIFT);
	if (ha->closed || PAGESPERARENA - ha->mapped < n)
		return false;
	if (!sysmapat(at, (uintptr_t)n << PAGESHIFT)) {
		ha->closed = errno == EEXIST;
		return false;
	}
	pagesmapped(ha, n);
	return true;
}

/* Where size bytes could be mapped in new arenas, behind the last of them. */
static uintptr_t placeat(unsigned hint)
{
	if (hint > 0 || mheap.narena == 0)
		return raceenabled ? RACEFIRST + hint * RACESTEP : HINTFIRST + hint * HINTSTEP;
	return mheap.all[mheap.narena - 1]->base + ARENASIZE;
}

static bool maparenas(uintptr_t base, size_t npages)
{
	if (arenaof(base) || !sysmapat(base, npages << PAGESHIFT))
		return false;
	for (; npages > 0; base += ARENASIZE) {
		uint32_t n = npages < PAGESPERARENA ? (uint32_t)npages : PAGESPERARENA;
		pagesmapped(newarena(base), n);
		npages -= n;
	}
	return true;
}

/* The arena that was mapped last may have room for n more pages behind what it has free. */
static bool growlast(uint32_t n)
{
	uint32_t more = (n + GROWPAGES - 1) / GROWPAGES * GROWPAGES;
	for (uint32_t i = mheap.narena; i-- > 0;)
		if (extendarena(mheap.all[i], more))
			return true;
	return false;
}

static void grow(size_t npages)
{
	size_t more = (npages + GROWPAGES - 1) / GROWPAGES * GROWPAGES;
	if (npages <= PAGESPERARENA && growlast((uint32_t)npages))
		return;
	for (unsigned hint = 0; hint < HINTS; hint++)
		if (maparenas(placeat(hint), more))
			return;
	unlock(&mheap.lock); /* the message may need memory */
	throwlimit(LIMIT_MEMORY, "cannot allocate %zu bytes of heap beside the %zu that there are",
		(size_t)npages << PAGESHIFT, (size_t)mheap.pagesmapped << PAGESHIFT);
}

/* ---- pages, with the lock ---- */

struct pages {
	struct heapArena *ha;
	uint32_t page;
};

static bool findpages(uint32_t n, struct pages *out)
{
	while (mheap.firstarena < mheap.narena && mheap.all[mheap.firstarena]->maxfree == 0)
		mheap.firstarena++;
	for (uint32_t i = mheap.firstarena; i < mheap.narena; i++) {
		uint32_t page = pagesalloc(mheap.all[i], n);
		if (page < PAGESPERARENA) {
			*out = (struct pages){mheap.all[i], page};
			return true;
		}
	}
	return false;
}

/* Whether the first n pages of ha are free. */
static bool beginsfree(const struct heapArena *ha, size_t n)
{
	uint32_t w = 0;
	for (; w < PAGESPERARENA / 64 && n >= 64; w++, n -= 64)
		if (ha->used[w])
			return false;
	return n == 0 || w == PAGESPERARENA / 64 || !(ha->used[w] & (((uint64_t)1 << n % 64) - 1));
}

/* Whether npages pages from the beginning of arena i are free, all in arenas that follow. */
static bool freefrom(uint32_t i, size_t npages)
{
	for (;; i++) {
		if (!beginsfree(mheap.all[i], npages))
			return false;
		if (npages <= PAGESPERARENA)
			return true;
		npages -= PAGESPERARENA;
		if (i + 1 == mheap.narena ||
			mheap.all[i]->base + ARENASIZE != mheap.all[i + 1]->base)
			return false;
	}
}

static bool findarenas(size_t npages, struct pages *out)
{
	for (uint32_t i = 0; i < mheap.narena; i++) {
		if (freefrom(i, npages)) {
			*out = (struct pages){mheap.all[i], 0};
			return true;
		}
	}
	return false;
}

static bool findroom(size_t npages, struct pages *out)
{
	return npages > PAGESPERARENA ? findarenas(npages, out) : findpages((uint32_t)npages, out);
}

/* Calls f for the part of a run of pages that each arena has. */
static void eacharena(uintptr_t start, size_t npages, void *arg,
	void (*f)(struct heapArena *ha, uint32_t page, uint32_t n, void *arg))
{
	while (npages > 0) {
		uint32_t page = pageof(start), left = PAGESPERARENA - page;
		uint32_t n = npages < left ? (uint32_t)npages : left;
		f(arenaof(start), page, n, arg);
		start += (uintptr_t)n << PAGESHIFT;
		npages -= n;
	}
}

static void usepart(struct heapArena *ha, uint32_t page, uint32_t n, void *clean)
{
	*(size_t *)clean += pagesuse(ha, page, n);
}

static void freepart(struct heapArena *ha, uint32_t page, uint32_t n, void *arg)
{
	(void)arg;
	pagesfree(ha, page, n);
}

static void setpart(struct heapArena *ha, uint32_t page, uint32_t n, void *arg)
{
	struct mspan *s = arg;
	uint32_t first = pageof(s->startAddr);
	bool small = s->state == mSpanInUse && s->sizeclass;
	for (uint32_t i = page; i < page + n; i++) {
		struct pageinfo info = {0};
		if (small)
			info = (struct pageinfo){s->sizeclass, s->kind & 15, (i - first) & 15};
		__atomic_store(&ha->info[i], &info, __ATOMIC_RELEASE); /* pairs with pageinfoof */
		/* Pairs with spanOf. */
		store_rel(&ha->spans[i], s->state == mSpanInUse ? s : NULL);
	}
}

/* ---- spans ---- */

static struct mspan *newspanstruct(void)
{
	enum { BATCH = 32 };
	if (!mheap.freespans) {
		struct mspan *more = persistentalloc(BATCH * sizeof(*more));
		for (unsigned i = 0; i < BATCH; i++) {
			lockinit(&more[i].speciallock, lockRankSpecial);
			more[i].next = mheap.freespans;
			mheap.freespans = &more[i];
		}
	}
	struct mspan *s = mheap.freespans;
	mheap.freespans = s->next;
	return s;
}

static void initbits(struct mspan *s)
{
	struct heapArena *ha = arenaof(s->startAddr);
	uint32_t page = pageof(s->startAddr);
	s->bits = ha->bits[page];
	s->heapBits = s->kind == SPANTYPED && s->sizeclass ? ha->heapBits[page] : NULL;
	zerounseen((void *)s->bits, (s->nelems + 63) / 64 * sizeof(*s->bits));
	s->allocCache = UINT64_MAX;
}

static void initspan(
	struct mspan *s, size_t npages, unsigned sizeclass, enum spankind kind, size_t elemsize)
{
	s->npages = (uint32_t)npages;
	s->sizeclass = (uint8_t)sizeclass;
	s->kind = (uint8_t)kind;
	s->elemsize = elemsize;
	s->divMagic = sizeclasses.magic[sizeclass];
	s->nelems = sizeclass ? (uint32_t)((npages << PAGESHIFT) / elemsize) : 1;
	s->freeindex = s->allocCount = s->allocCountBefore = 0;
	s->largetype = NULL;
	store_rlx(&s->sweepgen, mheap.sweepcycle);
	s->next = NULL;
	initbits(s);
}

static uint64_t tailof(const struct mspan *s)
{
	return ((uint64_t)s->npages << PAGESHIFT) - s->nelems * s->elemsize;
}

/* With the lock. Whoever looks at the class after a stop sees it. */
static void useclass(unsigned class)
{
	_Atomic uint64_t *word = &mheap.classes[class / 64];
	store_rlx(word, load_rlx(word) | (uint64_t)1 << class % 64);
}

struct mspan *mheapalloc(size_t npages, unsigned sizeclass, enum spankind kind, size_t elemsize)
{
	struct pages at;
	size_t clean = 0;
	lock(&mheap.lock);
	while (!findroom(npages, &at))
		grow(npages);
	uintptr_t start = at.ha->base + ((uintptr_t)at.page << PAGESHIFT);
	eacharena(start, npages, &clean, usepart);
	mheap.pagesused += npages;
	mheap.pagesclean -= clean;
	mheap.nspans++;
	useclass(SPANCLASS(sizeclass, kind));
	if (sizeclass == 0)
		mheap.largebytes += elemsize;
	struct mspan *s = newspanstruct();
	s->startAddr = start;
	s->needzero = clean != npages;
	initspan(s, npages, sizeclass, kind, elemsize);
	mheap.tailbytes += tailof(s);
	store_rel(&s->state, mSpanInUse); /* pairs with findObject */
	eacharena(start, npages, s, setpart);
	bool ahead = clean && prefaultwanted(start + (npages << PAGESHIFT));
	unlock(&mheap.lock);
	if (ahead && load_rlx(&sched.sysmonwait))
		wakesysmon();
	if (clean)
		scavengefor(clean);
	return s;
}

void mheapfree(struct mspan *s)
{
	lock(&mheap.lock);
	store_rel(&s->state, mSpanDead);
	eacharena(s->startAddr, s->npages, s, setpart);
	eacharena(s->startAddr, s->npages, NULL, freepart);
	mheap.pagesused -= s->npages;
	mheap.tailbytes -= tailof(s);
	mheap.nspans--;
	if (s->sizeclass == 0) {
		mheap.largebytes -= s->elemsize;
		mheap.nlargefreed++;
	}
	mheap.firstarena = 0;
	s->next = mheap.freespans;
	mheap.freespans = s;
	unlock(&mheap.lock);
}

/* ---- objects ---- */

uintptr_t findObject(uintptr_t p, struct mspan **span, uint32_t *index)
{
	if (p - load_rlx(&mheap.lo) >= load_rlx(&mheap.hi) - load_rlx(&mheap.lo))
		return 0;
	struct mspan *s = spanOf(p);
	if (!s || load_acq(&s->state) != mSpanInUse)
		return 0;
	uint32_t i = objIndex(s, p);
	if (i >= s->nelems || isFree(s, i))
		return 0;
	*span = s;
	*index = i;
	return s->startAddr + i * s->elemsize;
}
