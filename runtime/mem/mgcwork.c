/* SPDX-License-Identifier: BSD-2-Clause */
/* mgcwork.c - blocks of words that are to be looked at: mgcwork.h. */
#include "mem/mgcwork.h"

#include <string.h>

#include "mem/malloc.h"
#include "sched/runtime2.h"

#define SHAREMIN 4

static struct {
	struct mutex lock;
	_Atomic(struct workbuf *) full; /* not empty ones; the head is read without the lock */
	struct workbuf *empty;
} blocks = {.lock = {.rank = lockRankWork}};

struct gcwork *gcwork(void)
{
	struct p *pp = getm()->p;
	if (unlikely(!pp->gcwork))
		pp->gcwork = persistentalloc(sizeof(*pp->gcwork));
	return pp->gcwork;
}

static void putfull(struct workbuf *b)
{
	lock(&blocks.lock);
	b->next = load_rlx(&blocks.full);
	store_rlx(&blocks.full, b);
	unlock(&blocks.lock);
}

static struct workbuf *getfull(void)
{
	if (!load_rlx(&blocks.full))
		return NULL;
	lock(&blocks.lock);
	struct workbuf *b = load_rlx(&blocks.full);
	if (b)
		store_rlx(&blocks.full, b->next);
	unlock(&blocks.lock);
	return b;
}

static void putempty(struct workbuf *b)
{
	lock(&blocks.lock);
	b->next = blocks.empty;
	blocks.empty = b;
	unlock(&blocks.lock);
}

static struct workbuf *getempty(void)
{
	lock(&blocks.lock);
	struct workbuf *b = blocks.empty;
	if (b)
		blocks.empty = b->next;
	unlock(&blocks.lock);
	if (!b)
		b = persistentalloc(sizeof(*b));
	b->n = 0;
	return b;
}

void gcnewtop(struct gcwork *w)
{
	if (w->top)
		putfull(w->top);
	w->top = getempty();
}

uintptr_t gcpopcommon(struct gcwork *w)
{
	struct workbuf *b = getfull();
	if (!b)
		return 0;
	if (w->top)
		putempty(w->top);
	w->top = b;
	return b->word[--b->n];
}

void gcpublish(struct gcwork *w)
{
	struct workbuf *b = w->top;
	w->top = NULL;
	if (b && b->n)
		putfull(b);
	else if (b)
		putempty(b);
}

/* One who has a block must not have the only one while others find nothing. */
void gcbalance(struct gcwork *w)
{
	struct workbuf *b = w->top;
	if (!b || b->n < SHAREMIN || gchaswork())
		return;
	struct workbuf *half = getempty();
	half->n = b->n / 2;
	b->n -= half->n;
	memcpy(half->word, &b->word[b->n], half->n * sizeof(half->word[0]));
	putfull(half);
}

bool gchaswork(void)
{
	return load_rlx(&blocks.full) != NULL;
}

void gcdropwork(void)
{
	for (struct workbuf *b; (b = getfull());)
		putempty(b);
}

uint64_t gcbytes(void)
{
	uint64_t n = 0;
	for (int32_t i = 0; i < load_acq(&nallp); i++)
		n += allp[i]->gcwork ? allp[i]->gcwork->bytes : 0;
	return n;
}

uint64_t gcscanned(void)
{
	uint64_t n = 0;
	for (int32_t i = 0; i < load_acq(&nallp); i++)
		n += allp[i]->gcwork ? *(volatile uint64_t *)&allp[i]->gcwork->scanned : 0;
	return n;
}
