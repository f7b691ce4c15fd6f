/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mgccheck.c - what a program did not tell the collector: GORT_DEBUG=gcmalloccheck=1 and
 * gcbarriercheck=1.
 *
 * gcmalloccheck: when all is marked, memory that is not looked at (mforeign.c) is. What it points
 * to and is not marked is about to be freed in use, unless that memory is free itself.
 *
 * gcbarriercheck, in mode barrier: the first pause copies every object that the collector scans,
 * the final one compares. A word that has changed since was overwritten while the barrier was on,
 * so its old value is among those that were logged, or the store missed its barrier. That finds
 * each such store, whether or not it loses an object. Objects made meanwhile are left out: their
 * memory held anything before. A word that has got its old value back is not seen.
 *
 * The first pause may come between a barrier and its store. So the flag is never 0 with this check,
 * and the last thing that each goroutine has told its barrier counts as logged: it is in the middle
 * of at most one store.
 *
 * Both run in a stop, and tell later.
 */
#include "mem/mgccheck.h"

#include <stdio.h>
#include <string.h>

#include "base/throw.h"
#include "debug/options.h"
#include "mem/malloc.h"
#include "mem/mforeign.h"
#include "mem/mgc.h"
#include "mem/mheap.h"

#define MAXFOUND 32u

struct found {
	uintptr_t object, slot; /* inverted: this is a root */
	uintptr_t holder;
	size_t size;
};

static struct {
	struct found found[MAXFOUND];
	uint32_t n;
	uint64_t more;
} strays, missed;

/* ---- malloc's memory ---- */

static bool known(uintptr_t object)
{
	for (uint32_t i = 0; i < strays.n; i++)
		if (strays.found[i].object == ~object)
			return true;
	return false;
}

static void findstrays(uintptr_t at, const uintptr_t *words, size_t n)
{
	size_t size;
	for (size_t i = 0; i < n; i++) {
		uintptr_t object = unmarkedobject(words[i], &size);
		if (!object || known(object))
			continue;
		if (strays.n < MAXFOUND)
			strays.found[strays.n++] =
				(struct found){~object, ~(at + i * sizeof(*words)), 0, size};
		else
			strays.more++;
	}
}

void malloccheck(void)
{
	foreigndo(findstrays);
}

/* ---- sets of words ---- */

/* Inverted, 0: empty. Its memory is no root either. */
struct set {
	uintptr_t *word;
	size_t size, used;
};

static struct set logged;
static struct set timers; /* active ones: their links are libgort's business (mgcroot.c) */
static struct mutex loggedlock = {.rank = lockRankLeaf};

static uintptr_t *place(const struct set *s, uintptr_t not )
{
	size_t i = (not *0x9e3779b97f4a7c15u >> 20) & (s->size - 1);
	while (s->word[i] && s->word[i] != not )
		i = (i + 1) & (s->size - 1);
	return &s->word[i];
}

static void grow(struct set *s)
{
	struct set old = *s;
	s->size = old.size ? 2 * old.size : 4096;
	s->word = sysalloc(s->size * sizeof(*s->word));
	for (size_t i = 0; i < old.size; i++)
		if (old.word[i])
			*place(s, old.word[i]) = old.word[i];
	if (old.word)
		sysfree(old.word, old.size * sizeof(*old.word));
}

static void insert(struct set *s, uintptr_t word)
{
	if (2 * (s->used + 1) > s->size)
		grow(s);
	uintptr_t *at = place(s, ~word);
	s->used += !*at;
	*at = ~word;
}

static bool isin(const struct set *s, uintptr_t word)
{
	return s->size && *place(s, ~word);
}

static void clear(struct set *s)
{
	if (s->word)
		memset(s->word, 0, s->size * sizeof(*s->word));
	s->used = 0;
}

void barrierlogged(uintptr_t old)
{
	lock(&loggedlock);
	insert(&logged, old);
	unlock(&loggedlock);
}

/* ---- stores under way ---- */

/*
 * The last that a goroutine, or a thread that runs none, has told its barrier: a pointer that it
 * overwrites, or [lo, hi). Never removed: who is free will be used again.
 */
struct writer {
	uintptr_t who, old, lo, hi;
};

struct writers {
	struct writer *at; /* by who; 0: empty */
	size_t size, used;
};

/* then: in the first pause, since goroutines go on telling. */
static struct writers writers, then; /* writers with loggedlock */

static struct writer *writerof(const struct writers *w, uintptr_t who)
{
	size_t i = (who * 0x9e3779b97f4a7c15u >> 20) & (w->size - 1);
	while (w->at[i].who && w->at[i].who != who)
		i = (i + 1) & (w->size - 1);
	return &w->at[i];
}

static void copywriters(struct writers *to, const struct writers *from, size_t size)
{
	*to = (struct writers){sysalloc(size * sizeof(*to->at)), size, from->used};
	for (size_t i = 0; i < from->size; i++)
		if (from->at[i].who)
			*writerof(to, from->at[i].who) = from->at[i];
}

static void dropwriters(struct writers *w)
{
	if (w->at)
		sysfree(w->at, w->size * sizeof(*w->at));
	*w = (struct writers){0};
}

static void morewriters(void)
{
	struct writers more;
	copywriters(&more, &writers, writers.size ? 2 * writers.size : 256);
	dropwriters(&writers);
	writers = more;
}

void barrierunderway(uintptr_t old, uintptr_t lo, uintptr_t hi)
{
	const struct m *mp = getm();
	bool goroutine = mp && mp->curg;
	uintptr_t who = goroutine ? (uintptr_t)mp->curg : (uintptr_t)__builtin_thread_pointer();
	lock(&loggedlock);
	if (2 * (writers.used + 1) > writers.size)
		morewriters();
	struct writer *w = writerof(&writers, who);
	writers.used += !w->who;
	*w = (struct writer){who, old, lo, hi};
	unlock(&loggedlock);
}

static void rememberwriters(void)
{
	if (writers.size)
		copywriters(&then, &writers, writers.size);
	for (size_t i = 0; i < then.size; i++)
		if (then.at[i].old)
			insert(&logged, then.at[i].old);
}

static bool wasunderway(uintptr_t slot)
{
	for (size_t i = 0; i < then.size; i++)
		if (slot - then.at[i].lo < then.at[i].hi - then.at[i].lo)
			return true;
	return false;
}

/* ---- the copies ---- */

static void addtimer(const struct timerlink *l)
{
	size_t size;
	uintptr_t object = existingobject((uintptr_t)l, &size);
	if (object)
		insert(&timers, object);
}

/* A span as it was in the first pause. Its memory is no root. */
struct copy {
	struct copy *next;
	const struct mspan *span;
	size_t room;
	uint64_t alloc[BITWORDS];
	uintptr_t words[];
};

static struct copy *copies;

static void copyspan(const struct mspan *s)
{
	size_t size = s->npages << PAGESHIFT, room = sizeof(struct copy) + size;
	if (s->kind == SPANNOSCAN)
		return;
	struct copy *c = sysalloc(room);
	*c = (struct copy){.next = copies, .span = s, .room = room};
	for (uint32_t w = 0; w < (s->nelems + 63) / 64; w++)
		c->alloc[w] = s->bits[w].alloc;
	memcpy(c->words, (const void *)s->startAddr, size);
	copies = c;
}

static void dropcopies(void)
{
	for (struct copy *c; (c = copies);) {
		copies = c->next;
		sysfree(c, c->room);
	}
	clear(&logged);
	clear(&timers);
	dropwriters(&then);
}

void barriercheckbegin(void)
{
	dropcopies();
	spansdo(copyspan);
	rootstimers(addtimer);
	rememberwriters();
}

/* The word at that place has changed from old. */
static void changed(const struct copy *c, uint32_t index, uintptr_t slot, uintptr_t old)
{
	size_t size;
	uintptr_t object = existingobject(old, &size);
	if (!object || isin(&logged, old) || wasunderway(slot))
		return;
	if (missed.n == MAXFOUND) {
		missed.more++;
		return;
	}
	uintptr_t holder = c->span->startAddr + index * c->span->elemsize;
	missed.found[missed.n++] = (struct found){~object, ~slot, ~holder, c->span->elemsize};
}

static void compareobject(const struct copy *c, uint32_t index)
{
	const struct mspan *s = c->span;
	size_t first = index * s->elemsize / 8, n = s->elemsize / 8;
	const volatile uintptr_t *now = (const volatile uintptr_t *)s->startAddr;
	if (isin(&timers, s->startAddr + first * 8))
		return;
	for (size_t i = first; i < first + n; i++) {
		bool pointer =
			s->kind == SPANSCAN || !s->sizeclass || (s->heapBits[i / 64] >> i % 64 & 1);
		if (pointer && now[i] != c->words[i])
			changed(c, index, s->startAddr + i * 8, c->words[i]);
	}
}

void barriercheckend(void)
{
	for (const struct copy *c = copies; c; c = c->next)
		for (uint32_t i = 0; i < c->span->nelems; i++)
			if (c->alloc[i / 64] >> i % 64 & 1)
				compareobject(c, i);
	dropcopies();
}

/* ---- telling ---- */

void checkstell(void)
{
	for (uint32_t i = 0; i < strays.n; i++)
		dprintf(2,
			"gort: gcmalloccheck: the object at %#lx of %zu bytes is freed, and memory "
			"that the collector does not look at points to it: the word at %#lx\n",
			~strays.found[i].object, strays.found[i].size, ~strays.found[i].slot);
	for (uint32_t i = 0; i < missed.n; i++)
		dprintf(2,
			"gort: gcbarriercheck: a store without a barrier has overwritten the "
			"pointer to the object at %#lx: word %zu of the object at %#lx of %zu "
			"bytes\n",
			~missed.found[i].object,
			(~missed.found[i].slot - ~missed.found[i].holder) / 8,
			~missed.found[i].holder, missed.found[i].size);
	if (strays.more + missed.more)
		dprintf(2, "gort: and %lu more\n", (unsigned long)(strays.more + missed.more));
	strays.n = missed.n = 0;
	strays.more = missed.more = 0;
}
