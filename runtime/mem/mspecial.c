/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mspecial.c - the lists of specials (Go's mheap.go, addspecial; mgcsweep.go). mspecial.h.
 *
 * The arena has a bit for each span with a list that has roots, so that these are found in a pause
 * without looking at all spans, nor at the samples of the heap profile, of which there are many.
 *
 * Finalizers are Go's: what an object with one refers to is a root, and the object itself is not.
 * So of objects that refer to each other the first of a chain is finalized first, those behind it
 * in later cycles, and those of a circle never; and marking is complete when it ends, as the object
 * that a sweep revives can reach nothing that is not marked.
 *
 * Rejected: shading unmarked objects with finalizers in the final pause, and marking on: all
 * finalizers of a cycle become due at once, but the pause takes as long as what they reach.
 */
#include "mem/mspecial.h"

#include "base/throw.h"
#include "mem/malloc.h"
#include "mem/mgc.h"
#include "mem/mheap.h"
#include "mem/mprof.h"
#include "mem/nostop.h"

static struct {
	struct mutex lock;
	struct special *free;
} specials = {.lock = {.rank = lockRankLeaf}};

/* ---- memory ---- */

struct special *specialalloc(enum specialkind kind)
{
	enum { BATCH = 128 };
	nostop_begin();
	lock(&specials.lock);
	struct special *sp = specials.free, *more = NULL;
	if (sp)
		specials.free = sp->next;
	unlock(&specials.lock);
	if (!sp)
		sp = more = persistentalloc(BATCH * sizeof(*more));
	for (unsigned i = 1; more && i < BATCH; i++)
		specialfree(&more[i]);
	nostop_end();
	*sp = (struct special){.kind = kind};
	return sp;
}

void specialfree(struct special *sp)
{
	*sp = (struct special){0};
	nostop_begin();
	lock(&specials.lock);
	sp->next = specials.free;
	specials.free = sp;
	unlock(&specials.lock);
	nostop_end();
}

/* ---- the list of a span ---- */

static void lockspecials(struct mspan *s)
{
	nostop_begin();
	lock(&s->speciallock);
}

static void unlockspecials(struct mspan *s)
{
	unlock(&s->speciallock);
	nostop_end();
}

static bool hasroots(const struct mspan *s)
{
	const struct special *sp = s->specials;
	while (sp && sp->kind == SPECIALPROFILE)
		sp = sp->next;
	return sp != NULL;
}

/* The arena's bit of s, with its lock. */
static void tellarena(const struct mspan *s)
{
	struct heapArena *ha = arenaof(s->startAddr);
	uint32_t page = pageof(s->startAddr);
	uint64_t bit = (uint64_t)1 << page % 64;
	uint64_t *at = &ha->specials[page / 64];
	if (hasroots(s)) {
		if (!(__atomic_fetch_or(at, bit, __ATOMIC_RELAXED) & bit))
			xadd_rlx(&ha->nspecials, 1);
	} else if (__atomic_fetch_and(at, ~bit, __ATOMIC_RELAXED) & bit) {
		xadd_rlx(&ha->nspecials, -1);
	}
}

/* Where one of that place and kind is or would be. */
static struct special **findspecial(struct mspan *s, uintptr_t offset, enum specialkind kind)
{
	struct special **at = &s->specials;
	while (*at && ((*at)->offset < offset || ((*at)->offset == offset && (*at)->kind < kind)))
		at = &(*at)->next;
	return at;
}

static bool isat(const struct special *sp, uintptr_t offset, enum specialkind kind)
{
	return sp && sp->offset == offset && sp->kind == kind;
}

bool addspecial(struct mspan *s, const void *p, struct special *sp)
{
	sp->offset = (uintptr_t)p - s->startAddr;
	lockspecials(s);
	struct special **at = findspecial(s, sp->offset, sp->kind);
	bool fits = sp->kind == SPECIALCLEANUP || !isat(*at, sp->offset, sp->kind);
	if (fits) {
		sp->next = *at;
		*at = sp;
		tellarena(s);
	}
	unlockspecials(s);
	return fits;
}

struct special *removespecial(struct mspan *s, uintptr_t p, enum specialkind kind, uint64_t id)
{
	uintptr_t offset = p - s->startAddr;
	lockspecials(s);
	struct special **at = findspecial(s, offset, kind), *sp;
	while (isat(*at, offset, kind) && id && (*at)->id != id)
		at = &(*at)->next;
	sp = isat(*at, offset, kind) ? *at : NULL;
	if (sp) {
		*at = sp->next;
		tellarena(s);
	}
	unlockspecials(s);
	return sp;
}

_Atomic uintptr_t *findweakhandle(struct mspan *s, const void *p)
{
	uintptr_t offset = (uintptr_t)p - s->startAddr;
	lockspecials(s);
	struct special *sp = *findspecial(s, offset, SPECIALWEAK);
	_Atomic uintptr_t *handle = isat(sp, offset, SPECIALWEAK) ? sp->handle : NULL;
	unlockspecials(s);
	return handle;
}

/* ---- sweeping ---- */

static void dispose(struct special *sp)
{
	switch (sp->kind) {
	case SPECIALFINALIZER:
		queuefinalizer(sp);
		break;
	case SPECIALCLEANUP:
		queuecleanup(sp);
		break;
	case SPECIALWEAK:
		store_rel(sp->handle, 0); /* pairs with gort_weak_value */
		specialfree(sp);
		break;
	case SPECIALPROFILE:
		mProf_Free(sp->bucket);
		specialfree(sp);
		break;
	}
}

static bool hasfinalizer(const struct special *sp, uintptr_t end)
{
	for (; sp && sp->offset < end; sp = sp->next)
		if (sp->kind == SPECIALFINALIZER)
			return true;
	return false;
}

/* Of an object that was not marked and ends at end, from *at on. Returns what follows. */
static struct special **sweepobject(struct special **at, uintptr_t end, bool revived)
{
	while (*at && (*at)->offset < end) {
		struct special *sp = *at;
		if (revived && sp->kind >= SPECIALCLEANUP) { /* when it is freed */
			at = &sp->next;
			continue;
		}
		*at = sp->next;
		dispose(sp);
	}
	return at;
}

void sweepspecials(struct mspan *s)
{
	struct special **at = &s->specials;
	while (*at) {
		uint32_t i = objIndex(s, s->startAddr + (*at)->offset);
		uintptr_t end = (i + 1) * s->elemsize;
		uint64_t mark = load_rlx(&s->bits[i / 64].mark), bit = (uint64_t)1 << i % 64;
		bool revived = !(mark & bit) && hasfinalizer(*at, end);
		if (revived)
			store_rlx(&s->bits[i / 64].mark, mark | bit);
		if (!(mark & bit))
			at = sweepobject(at, end, revived);
		while (*at && (*at)->offset < end)
			at = &(*at)->next;
	}
	tellarena(s);
}

/* ---- roots ---- */

static void scanspecial(const struct mspan *s, const struct special *sp)
{
	switch (sp->kind) {
	case SPECIALFINALIZER:
		scancontents(s->startAddr + sp->offset);
		break;
	case SPECIALCLEANUP:
		scanword((uintptr_t)sp->arg);
		break;
	case SPECIALWEAK:
		scanword((uintptr_t)sp->handle);
		break;
	case SPECIALPROFILE:
		break;
	}
}

static void scanspan(struct mspan *s)
{
	lockspecials(s);
	for (const struct special *sp = s->specials; sp; sp = sp->next)
		scanspecial(s, sp);
	unlockspecials(s);
}

static void scanarena(struct heapArena *ha)
{
	for (uint32_t w = 0; w < PAGESPERARENA / 64; w++) {
		uint64_t set = __atomic_load_n(&ha->specials[w], __ATOMIC_RELAXED);
		for (; set; set &= set - 1)
			scanspan(load_acq(&ha->spans[w * 64 + (uint32_t)__builtin_ctzll(set)]));
	}
}

void specialroots(void)
{
	for (uint32_t i = 0; i < mheap.narena; i++)
		if (load_rlx(&mheap.all[i]->nspecials))
			scanarena(mheap.all[i]);
}
