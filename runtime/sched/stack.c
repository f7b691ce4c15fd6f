/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stack.c - the stack region (Go's stack.go, but nothing like it: C stacks cannot be copied).
 *
 * One reserved PROT_NONE region per size class, opened in chunks of slots, so that strict
 * overcommit and RLIMIT_AS are charged for what is used only. A slot is committed by touching it.
 *
 *	slot:  | guard | lo .................................. hi | colour |
 *
 * The guard, a 16th of the slot as C functions with large frames would step over one page, is
 * MADV_GUARD_INSTALL (Linux 6.13): no VMA a stack, so a million of them fit. Older kernels get
 * PROT_NONE guards for as many stacks as the VMA limit allows, and none beyond. Tops are coloured
 * by slot number: stacks of one class would otherwise meet in the same cache sets.
 * MADV_NOHUGEPAGE: a huge page under 64 KiB slots costs 16 times the memory.
 *
 * Free stacks are reused newest first, per P (their top pages are dirty and likely cached). The
 * link to the next free stack lies in the topmost word of each. A P with too many gives half to
 * the class.
 *
 * A stack that its goroutine is about to leave must not be reachable by another P: it waits in
 * p.dying until this P's next exit or spawn, by which time this M has switched away.
 */
#include "sched/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/throw.h"
#include "sched/proc.h"
#include "sched/sanitizer.h"

#define CHUNKSLOTS       64u
#define CACHEMAX         256u
#define MADVGUARDINSTALL 102
#define MPROTECTGUARDS   24000u /* two VMAs each, of vm.max_map_count's 65530 */
#define REGIONMAX        ((uintptr_t)1 << 40)

static struct stackclass {
	struct mutex lock;
	uintptr_t size;
	uintptr_t base, limit; /* the region; base == 0: not reserved yet */
	uintptr_t opened;      /* end of what is readable and writable */
	uintptr_t next;        /* first slot never used */
	uintptr_t free;        /* top of the newest free stack */
	uint32_t nfree;
} stackpool[NSTACKCLASS] = {
	{.lock = {.rank = lockRankStack}, .size = 64u << 10},
	{.lock = {.rank = lockRankStack}, .size = 256u << 10},
	{.lock = {.rank = lockRankStack}, .size = 1u << 20},
	{.lock = {.rank = lockRankStack}, .size = 8u << 20},
};

uint8_t stackdefault = 1;

static bool guardsbymprotect;
static _Atomic uint32_t nguards;

/* "64k", "1M", "262144": the smallest class that holds it. */
void stackinit(void)
{
	const char *text = gortenv("STACK");
	if (!text || !*text)
		return;
	char *end;
	unsigned long size = strtoul(text, &end, 10);
	if (*end == 'k' || *end == 'K')
		size <<= 10;
	else if (*end == 'm' || *end == 'M')
		size <<= 20;
	for (stackdefault = 0; stackdefault < NSTACKCLASS - 1; stackdefault++)
		if (stackpool[stackdefault].size >= size)
			return;
}

/* Halves the wish until the address space (RLIMIT_AS) grants it. */
static void reserve(struct stackclass *sc)
{
	for (uintptr_t size = REGIONMAX; size >= CHUNKSLOTS * sc->size; size /= 2) {
		void *p = mmap(
			NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p == MAP_FAILED)
			continue;
		madvise(p, size, MADV_NOHUGEPAGE);
		sc->base = sc->opened = sc->next = (uintptr_t)p;
		sc->limit = sc->base + size;
		return;
	}
	throw("stack: cannot reserve address space: errno %d", errno);
}

static uintptr_t guardsize(const struct stackclass *sc)
{
	return sc->size / 16;
}

static void installguard(uintptr_t slot, uintptr_t size)
{
	if (!guardsbymprotect) {
		if (madvise((void *)slot, size, MADVGUARDINSTALL) == 0)
			return;
		guardsbymprotect = true;
	}
	if (xadd_rlx(&nguards, 1) < MPROTECTGUARDS)
		mprotect((void *)slot, size, PROT_NONE);
}

static void openchunk(struct stackclass *sc)
{
	uintptr_t len = CHUNKSLOTS * sc->size;
	if (!sc->base)
		reserve(sc);
	if (sc->limit - sc->opened < len)
		throw("stack: all %zu stacks of %zu bytes are in use",
			(size_t)((sc->limit - sc->base) / sc->size), (size_t)sc->size);
	if (mprotect((void *)sc->opened, len, PROT_READ | PROT_WRITE) != 0)
		throw("stack: cannot open %zu bytes: errno %d", (size_t)len, errno);
	uintptr_t guard = guardsize(sc);
	for (uintptr_t slot = sc->opened; slot < sc->opened + len; slot += sc->size) {
		installguard(slot, guard);
		san_root((void *)(slot + guard), sc->size - guard);
	}
	sc->opened += len;
}

static uintptr_t slottop(struct stackclass *sc, uintptr_t slot)
{
	uintptr_t n = (slot - sc->base) / sc->size;
	return slot + sc->size - 64 - (n * 11 % 32) * 64;
}

static uintptr_t *linkof(uintptr_t top)
{
	return (uintptr_t *)(top - sizeof(uintptr_t));
}

static void push(struct stackcache *c, uintptr_t top)
{
	*linkof(top) = c->first;
	c->first = top;
	c->n++;
}

static uintptr_t pop(struct stackcache *c)
{
	uintptr_t top = c->first;
	c->first = *linkof(top);
	c->n--;
	return top;
}

static void refill(struct stackclass *sc, struct stackcache *c)
{
	struct stackcache pool;
	lock(&sc->lock);
	pool = (struct stackcache){sc->free, sc->nfree};
	while (pool.n && c->n < CACHEMAX / 2)
		push(c, pop(&pool));
	sc->free = pool.first;
	sc->nfree = pool.n;
	if (c->n == 0) {
		if (sc->next == sc->opened)
			openchunk(sc);
		c->first = slottop(sc, sc->next); /* its link is the zero of fresh memory */
		c->n = 1;
		sc->next += sc->size;
	}
	unlock(&sc->lock);
}

static void spill(struct stackclass *sc, struct stackcache *c)
{
	lock(&sc->lock);
	struct stackcache pool = {sc->free, sc->nfree};
	while (c->n > CACHEMAX / 2)
		push(&pool, pop(c));
	sc->free = pool.first;
	sc->nfree = pool.n;
	unlock(&sc->lock);
}

static void bind(struct g *gp, uint8_t class, uintptr_t top)
{
	struct stackclass *sc = &stackpool[class];
	uintptr_t slot = sc->base + (top - sc->base) / sc->size * sc->size;
	gp->stack.lo = slot + guardsize(sc);
	gp->stack.hi = top;
}

void stackalloc(struct p *pp, struct g *gp)
{
	uint8_t class = gp->stackclass;
	uintptr_t top = pp->dying;
	if (top && pp->dyingclass == class) {
		pp->dying = 0;
	} else {
		struct stackcache *c = &pp->stackcache[class];
		if (unlikely(c->n == 0))
			refill(&stackpool[class], c);
		top = pop(c);
	}
	bind(gp, class, top);
}

void stackfreeself(struct p *pp, struct g *gp)
{
	if (pp->dying) {
		struct stackcache *c = &pp->stackcache[pp->dyingclass];
		push(c, pp->dying);
		if (unlikely(c->n > CACHEMAX))
			spill(&stackpool[pp->dyingclass], c);
	}
	pp->dying = gp->stack.hi;
	pp->dyingclass = gp->stackclass;
	gp->stack = (struct stack){0, 0};
}

bool stackguardhit(const struct g *gp, uintptr_t addr)
{
	const struct stackclass *sc = &stackpool[gp->stackclass];
	return gp->stack.lo && addr < gp->stack.lo && addr >= gp->stack.lo - guardsize(sc);
}
