/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stack.c - the stack region (Go's stack.go, but nothing like it: C stacks cannot be copied).
 *
 * One reserved PROT_NONE region per size class, opened in chunks of slots, so that strict
 * overcommit and RLIMIT_AS are charged for what is used only. A slot is committed by touching it.
 *
 *	slot:  | guard | lo .................................. hi | struct gcold | colour |
 *
 * A slot has an odd number of pages: were it a power of two, the tops of all stacks would meet in
 * few sets of the TLB. Those of the default class are 61 pages apart, not 63 or 65, which saves 25
 * bytes of page table a goroutine.
 * The guard, a 16th of the class's size as C functions with large frames would step over one page,
 * is MADV_GUARD_INSTALL (Linux 6.13): no VMA a stack, so a million of them fit. Older kernels get
 * PROT_NONE guards for as many stacks as the VMA limit allows, and none beyond
 * (GORT_DEBUG=stackguard=1 and 2 ask for that). Tops are coloured by slot number: stacks of one
 * class would otherwise meet in the same cache sets.
 * MADV_NOHUGEPAGE: a huge page under 64 KiB slots costs 16 times the memory.
 *
 * Free stacks travel in magazines (Bonwick, Adams: Magazines and Vmem, 2001). Each P has two a
 * class, so that it takes and gives stacks newest first, whose top pages are dirty and cached, and
 * goes to the class's depot once in MAGSLOTS times. In the depot a magazine is
 *
 *	young --sysmon, each 5 s--> old --sysmon, given back to the system--> clean
 *
 * and is taken from young first. So pages that deep calls have touched do not stay for ever, while
 * stacks in use never cost a system call. sysmon also empties the magazines of idle Ps, which
 * belong to whoever holds sched.lock.
 *
 * Fresh stacks and clean ones get their top pages a magazine at a time, once a program has used
 * that many: in one system call (MADV_POPULATE_WRITE, Linux 5.14), or by touching them, whichever
 * was quicker at first. The call costs a quarter of the faults on one virtual machine, and an
 * eighth more than them on another, whose page tables are shadowed. That is nearly all that
 * starting many goroutines costs, and needs no P: while there is demand, sysmon does the same for
 * the next magazines (ready), up to an eighth of those in use.
 *
 * A stack that its goroutine is about to leave must not be reachable by another P: it waits in
 * p.dying until this P's next exit or spawn, by which time this M has switched away.
 *
 * Rejected: free stacks linked through their top words. Spilling half of a P's list to the class
 * touches a cold line and a TLB entry for each of them.
 */
#include "sched/stack.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/throw.h"
#include "debug/options.h"
#include "mem/malloc.h"
#include "mem/mgc.h"
#include "sched/proc.h"
#include "sched/sanitizer.h"
#include "sched/valgrind.h"

#define CHUNKSLOTS 64u
#define CHUNKSIZE  ((uintptr_t)16 << 20) /* at most */
#define READYMAX   32u
#define MAGSLOTS   29u
#define POPULATED  128u /* stacks, after which tops are populated a magazine at a time */
#define REGIONMAX  ((uintptr_t)1 << 40)
#define PAGE       ((uintptr_t)4096)
#define TOPLINES   5 /* what a goroutine that waits on a channel uses */

#define MADVPOPULATEWRITE 23
#define MADVGUARDINSTALL  102
#define PIDFDSELF         (-10000)

/* Scavenging: so many magazines at a time. */
#define ROUND_NS       10000000
#define ROUNDMAGAZINES 64

enum { GUARDINSTALL, GUARDMPROTECT, GUARDNONE };

struct stackmag {
	struct stackmag *next;
	uint64_t n;
	uintptr_t top[MAGSLOTS];
	bool fresh; /* have no guards yet */
};

_Static_assert(sizeof(struct stackmag) == 256, "whole cache lines");

static struct stackclass {
	struct mutex lock;
	uintptr_t nominal;     /* the size of the class */
	uintptr_t size;        /* of its slots */
	uintptr_t base, limit; /* the region; base == 0: not reserved yet */
	uintptr_t opened;      /* end of what is readable and writable */
	uintptr_t next;        /* first slot never used */
	struct stackmag *young, *old, *ready, *clean, *empty;
	uint32_t nready;
	_Atomic bool wanted;  /* a magazine was clean or fresh when it was needed */
	_Atomic bool filling; /* sysmon readies one */
} stackpool[NSTACKCLASS] = {
	{.lock = {.rank = lockRankStack}, .nominal = 64u << 10, .size = 17 * PAGE},
	{.lock = {.rank = lockRankStack}, .nominal = 256u << 10, .size = 61 * PAGE},
	{.lock = {.rank = lockRankStack}, .nominal = 1u << 20, .size = 257 * PAGE},
	{.lock = {.rank = lockRankStack}, .nominal = 8u << 20, .size = 2049 * PAGE},
};

uint8_t stackdefault = 1;

static _Atomic uint32_t guardkind;
static _Atomic int32_t guardsleft; /* mprotect guards that may still be made */
static _Atomic bool novector, nopopulate;

/* ---- classes ---- */

int stackclassof(uint64_t size)
{
	for (int class = 0; class < NSTACKCLASS; class ++)
		if (stackpool[class].nominal >= size)
			return class;
	return -1;
}

/* Two VMAs a guard; some are for everything else. */
static int32_t guardbudget(void)
{
	char text[24] = "";
	struct m *mp = getm();
	if (mp)
		mp->noretake++;
	int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (mp)
		mp->noretake--;
	long n = atol(text);
	return n > 16384 && n < INT32_MAX ? (int32_t)((n - 16384) / 2) : 24000;
}

/* Gives up on the best kind of guard, for the kind that works everywhere. */
static void guardfallback(void)
{
	uint32_t install = GUARDINSTALL;
	store_rlx(&guardsleft, guardbudget());
	cas_acqrel(&guardkind, &install, GUARDMPROTECT);
}

void stackinit(void)
{
	if (options.stack) {
		int class = stackclassof((uint64_t)options.stack);
		stackdefault = (uint8_t)(class < 0 ? NSTACKCLASS - 1 : class);
	}
	if (debug.stackguard == 1)
		guardfallback();
	else if (debug.stackguard == 2)
		store_rlx(&guardkind, GUARDNONE);
}

/* ---- memory ---- */

static uintptr_t guardsize(const struct stackclass *sc)
{
	return sc->nominal / 16;
}

static uintptr_t slotof(const struct stackclass *sc, uintptr_t top)
{
	return sc->base + (top - sc->base) / sc->size * sc->size;
}

static uintptr_t slottop(const struct stackclass *sc, uintptr_t slot)
{
	uintptr_t n = (slot - sc->base) / sc->size;
	return slot + sc->size - sizeof(struct gcold) - (n * 11 % 32) * 64;
}

/* madvise on n ranges, in one system call where the kernel does that (6.14). */
static bool advise(const struct iovec *v, uint32_t n, int advice)
{
	size_t bytes = 0;
	for (uint32_t i = 0; i < n; i++)
		bytes += v[i].iov_len;
	if (!load_rlx(&novector)) {
		long done = rawsyscall6(SYS_process_madvise, PIDFDSELF, (long)v, n, advice, 0, 0);
		if (done == (long)bytes)
			return true;
		if (done < 0)
			store_rlx(&novector, true);
	}
	for (uint32_t i = 0; i < n; i++)
		if (madvise(v[i].iov_base, v[i].iov_len, advice) != 0)
			return false;
	return true;
}

static void mprotectguards(const struct iovec *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (xadd_rlx(&guardsleft, -1) <= 0 ||
			mprotect(v[i].iov_base, v[i].iov_len, PROT_NONE) != 0) {
			store_rlx(&guardkind, GUARDNONE);
			return;
		}
	}
}

static void installguards(const struct stackclass *sc, const struct stackmag *mag)
{
	struct iovec v[MAGSLOTS];
	uint32_t n = (uint32_t)mag->n;
	for (uint32_t i = 0; i < n; i++) {
		uintptr_t slot = slotof(sc, mag->top[i]), lo = slot + guardsize(sc);
		v[i] = (struct iovec){(void *)slot, guardsize(sc)};
		san_root((void *)lo, slot + sc->size - lo);
		valgrindstack(lo, slot + sc->size);
	}
	if (load_rlx(&guardkind) == GUARDINSTALL && !advise(v, n, MADVGUARDINSTALL))
		guardfallback();
	if (load_rlx(&guardkind) == GUARDMPROTECT)
		mprotectguards(v, n);
}

static bool openbytes(struct stackclass *sc, uintptr_t len)
{
	if (sc->limit - sc->opened < len || !sysmap((void *)sc->opened, len))
		return false;
	sc->opened += len;
	return true;
}

/*
 * With the lock, when all slots that are open are used. Opens an eighth of what there is, or one
 * chunk: each time keeps out those who populate. False when there is no room.
 */
static bool openchunks(struct stackclass *sc)
{
	uintptr_t n = CHUNKSIZE / sc->size, chunk = (n < CHUNKSLOTS ? n : CHUNKSLOTS) * sc->size;
	if (!sc->base) {
		size_t size;
		void *p = sysreserve(REGIONMAX, chunk, 4, &size);
		madvise(p, size, MADV_NOHUGEPAGE);
		sc->base = sc->opened = sc->next = (uintptr_t)p;
		sc->limit = sc->base + size;
	}
	uintptr_t more = (sc->opened - sc->base) / chunk / 8;
	return (more > 1 && openbytes(sc, more * chunk)) || openbytes(sc, chunk);
}

static _Noreturn void throwstacks(const struct stackclass *sc)
{
	if (sc->opened == sc->limit)
		throwlimit(LIMIT_MEMORY,
			"cannot start a goroutine: all %zu stacks of %zu bytes are in use",
			(sc->limit - sc->base) / sc->size, sc->nominal);
	throwlimit(LIMIT_MEMORY,
		"cannot start a goroutine: no memory for stacks of %zu bytes beside the %zu "
		"that there are",
		sc->nominal, (sc->opened - sc->base) / sc->size);
}

/* How the pages under tops are had; and the least that a magazine took, in ns, each way. */
enum { BYCALL, BYTOUCH, NWAYS, TRIALS = 8 * NWAYS };
static _Atomic uint32_t trials;
static _Atomic int64_t quickest[NWAYS] = {INT64_MAX, INT64_MAX};

static uint32_t choosetops(uint32_t trial)
{
	if (load_rlx(&nopopulate))
		return BYTOUCH;
	if (trial < TRIALS)
		return trial % NWAYS;
	return load_rlx(&quickest[BYTOUCH]) < load_rlx(&quickest[BYCALL]) ? BYTOUCH : BYCALL;
}

/* The page under each top: nothing has been written to it yet. */
static void populate(const struct stackclass *sc, const struct stackmag *mag)
{
	struct iovec v[MAGSLOTS];
	uint32_t trial = load_rlx(&trials), way = choosetops(trial), n = (uint32_t)mag->n;
	int64_t start = trial < TRIALS ? nanotime() : 0;
	for (uint32_t i = 0; i < n; i++)
		v[i] = (struct iovec){(void *)(slotof(sc, mag->top[i]) + sc->size - PAGE), PAGE};
	if (way == BYCALL && !advise(v, n, MADVPOPULATEWRITE))
		store_rlx(&nopopulate, true);
	/* After the call too, so that the two compare. A sanitizer need not be asked. */
	for (uint32_t i = 0; i < n; i++)
		__asm__ volatile("movb $0, (%0)" : : "r"(v[i].iov_base) : "memory");
	if (trial >= TRIALS || n < MAGSLOTS)
		return;
	int64_t took = nanotime() - start;
	if (took < load_rlx(&quickest[way]))
		store_rlx(&quickest[way], took);
	store_rlx(&trials, trial + 1);
}

/* They have been used, but so many others since that they are not in the cache. */
static void prefetchtops(const struct stackmag *mag)
{
	for (uint64_t i = 0; i < mag->n; i++)
		for (uintptr_t line = 1; line <= TOPLINES; line++)
			__builtin_prefetch((void *)(mag->top[i] - line * 64), 1);
}

static void giveback(const struct stackclass *sc, const struct stackmag *mag)
{
	struct iovec v[MAGSLOTS];
	uintptr_t guard = guardsize(sc);
	for (uint64_t i = 0; i < mag->n; i++)
		v[i] = (struct iovec){(void *)(slotof(sc, mag->top[i]) + guard), sc->size - guard};
	advise(v, (uint32_t)mag->n, MADV_DONTNEED);
}

/* ---- the depot ---- */

static void magpush(struct stackmag **list, struct stackmag *mag)
{
	mag->next = *list;
	*list = mag;
}

static struct stackmag *magpop(struct stackmag **list)
{
	struct stackmag *mag = *list;
	if (mag)
		*list = mag->next;
	return mag;
}

static struct stackmag *newmag(struct stackclass *sc)
{
	struct stackmag *mag = magpop(&sc->empty);
	return mag ? mag : persistentalloc(sizeof(*mag));
}

static bool manyused(const struct stackclass *sc)
{
	return (sc->next - sc->base) / sc->size > POPULATED;
}

/* With the lock: never used slots, few at first; NULL when there is no room. */
static struct stackmag *carve(struct stackclass *sc)
{
	if (sc->next == sc->opened && !openchunks(sc))
		return NULL;
	struct stackmag *mag = newmag(sc);
	uintptr_t used = (sc->next - sc->base) / sc->size, n = used / 4 + 1;
	n = n < MAGSLOTS ? n : MAGSLOTS;
	for (; n > 0 && sc->next < sc->opened; n--, sc->next += sc->size)
		mag->top[mag->n++] = slottop(sc, sc->next);
	mag->fresh = true;
	return mag;
}

/* With the lock: stacks whose tops are not there. */
static struct stackmag *coldmag(struct stackclass *sc)
{
	struct stackmag *mag = magpop(&sc->clean);
	return mag ? mag : carve(sc);
}

/* What coldmag returned becomes fit for use. */
static void prepare(const struct stackclass *sc, struct stackmag *mag, bool many)
{
	if (mag->fresh)
		installguards(sc, mag);
	mag->fresh = false;
	if (many)
		populate(sc, mag);
}

/* With the lock: a magazine that sysmon readied. There will be demand for more. */
static struct stackmag *readymag(struct stackclass *sc)
{
	struct stackmag *mag = magpop(&sc->ready);
	if (mag)
		sc->nready--;
	if (manyused(sc))
		store_rlx(&sc->wanted, true);
	return mag;
}

/* With the lock: stacks that have been used. */
static struct stackmag *usedmag(struct stackclass *sc)
{
	struct stackmag *mag = magpop(&sc->young);
	return mag ? mag : magpop(&sc->old);
}

/* A magazine with stacks, in exchange for an empty one or NULL. */
static struct stackmag *depotget(struct stackclass *sc, struct stackmag *empty)
{
	for (unsigned i = 0;; i++, empty = NULL) {
		lock(&sc->lock);
		if (empty)
			magpush(&sc->empty, empty);
		struct stackmag *used = usedmag(sc), *ready = used ? NULL : readymag(sc);
		struct stackmag *cold = used || ready ? NULL : coldmag(sc);
		bool many = manyused(sc), filling = load_rlx(&sc->filling);
		unlock(&sc->lock);
		if (cold)
			prepare(sc, cold, many);
		else if (used && many)
			prefetchtops(used);
		if (!used && load_rlx(&sc->wanted) && load_rlx(&sched.sysmonwait))
			wakesysmon();
		if (used || ready || cold)
			return used ? used : ready ? ready : cold;
		if (!filling) /* else the last ones are in sysmon's hands */
			throwstacks(sc);
		osyield_backoff(i);
	}
}

/* An empty magazine, in exchange for a full one or NULL. */
static struct stackmag *depotput(struct stackclass *sc, struct stackmag *full)
{
	lock(&sc->lock);
	if (full)
		magpush(&sc->young, full);
	struct stackmag *mag = newmag(sc);
	unlock(&sc->lock);
	return mag;
}

static __attribute__((noinline)) void refill(struct stackclass *sc, struct stackcache *c)
{
	struct stackmag *empty = c->loaded;
	if (c->spare && c->spare->n) {
		c->loaded = c->spare;
		c->spare = empty;
	} else {
		c->loaded = depotget(sc, empty);
	}
}

static __attribute__((noinline)) void makeroom(struct stackclass *sc, struct stackcache *c)
{
	struct stackmag *full = c->loaded;
	if (full && c->spare && c->spare->n == 0)
		c->loaded = c->spare;
	else
		c->loaded = depotput(sc, full ? c->spare : NULL);
	if (full)
		c->spare = full;
}

static inline void put(struct p *pp, uint8_t class, uintptr_t top)
{
	struct stackcache *c = &pp->stackcache[class];
	if (unlikely(!c->loaded || c->loaded->n == MAGSLOTS))
		makeroom(&stackpool[class], c);
	c->loaded->top[c->loaded->n++] = top;
}

/* ---- goroutines ---- */

void stackalloc(struct p *pp, struct g *gp)
{
	uint8_t class = gp->stackclass;
	uintptr_t top = pp->dying;
	if (top && pp->dyingclass == class) {
		pp->dying = 0;
	} else {
		struct stackcache *c = &pp->stackcache[class];
		if (unlikely(!c->loaded || c->loaded->n == 0))
			refill(&stackpool[class], c);
		top = c->loaded->top[--c->loaded->n];
	}
	/* Nothing on it is to be scanned in this cycle. Before hi, by which markers find it. */
	store_rel(&((struct gcold *)top)->gcepoch, load_rlx(&gcepoch));
	gp->stack.lo = slotof(&stackpool[class], top) + guardsize(&stackpool[class]);
	*(volatile uintptr_t *)&gp->stack.hi = top;
}

void stackrenew(const struct g *gp)
{
	const struct stackclass *sc = &stackpool[gp->stackclass];
	void *lo = (void *)gp->stack.lo;
	size_t size = sc->size - guardsize(sc);
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	if (mmap(lo, size, PROT_READ | PROT_WRITE, flags, -1, 0) != lo)
		throwlimit(LIMIT_MEMORY, "cannot start a goroutine: no memory for its stack");
	madvise(lo, size, MADV_NOHUGEPAGE);
}

void stackfreeself(struct p *pp, struct g *gp)
{
	if (pp->dying)
		put(pp, pp->dyingclass, pp->dying);
	pp->dying = gp->stack.hi;
	pp->dyingclass = gp->stackclass;
	gp->stack = (struct stack){0, 0};
}

bool stackaddress(uintptr_t addr)
{
	for (int class = 0; class < NSTACKCLASS; class ++) {
		const struct stackclass *sc = &stackpool[class];
		if (addr - sc->base >= sc->next - sc->base)
			continue;
		uintptr_t slot = slotof(sc, addr);
		return addr >= slot + guardsize(sc) && addr < slottop(sc, slot);
	}
	return false;
}

bool stackguardhit(const struct g *gp, uintptr_t addr)
{
	const struct stackclass *sc = &stackpool[gp->stackclass];
	return gp->stack.lo && addr < gp->stack.lo && addr >= gp->stack.lo - guardsize(sc);
}

/* ---- giving memory back: sysmon only ---- */

static struct {
	int64_t next;   /* when to look again */
	int64_t flip;   /* when old magazines may be made of young ones */
	uint64_t exits; /* goroutines that had ended then */
	bool pending;
} scavenge;

static void retire(struct stackclass *sc, struct stackmag **slot)
{
	struct stackmag *mag = *slot;
	if (!mag || mag->n == 0)
		return;
	*slot = NULL;
	lock(&sc->lock);
	magpush(&sc->young, mag);
	unlock(&sc->lock);
}

/* An idle P is nobody's but sched.lock's, and nobody stands on the stack it saw die. */
static void retireidle(void)
{
	lock(&sched.lock);
	for (struct p *pp = sched.pidle; pp; pp = pp->link) {
		if (pp->dying)
			put(pp, pp->dyingclass, pp->dying);
		pp->dying = 0;
		for (int class = 0; class < NSTACKCLASS; class ++) {
			retire(&stackpool[class], &pp->stackcache[class].loaded);
			retire(&stackpool[class], &pp->stackcache[class].spare);
		}
	}
	unlock(&sched.lock);
}

/* Some of the old magazines of a class; true when there are more. */
static bool giveold(struct stackclass *sc)
{
	for (int i = 0; i < ROUNDMAGAZINES; i++) {
		lock(&sc->lock);
		struct stackmag *mag = magpop(&sc->old);
		unlock(&sc->lock);
		if (!mag)
			return false;
		giveback(sc, mag);
		lock(&sc->lock);
		magpush(&sc->clean, mag);
		unlock(&sc->lock);
	}
	return true;
}

/* Young magazines become old, and what is ready without demand. True when there were any. */
static bool flip(struct stackclass *sc)
{
	lock(&sc->lock);
	sc->old = sc->young;
	sc->young = NULL;
	while (sc->ready && !load_rlx(&sc->wanted)) {
		magpush(&sc->old, magpop(&sc->ready));
		sc->nready--;
	}
	bool any = sc->old != NULL;
	unlock(&sc->lock);
	return any;
}

static uint64_t exits(void)
{
	uint64_t n = 0;
	for (int32_t i = 0; i < gomaxprocs; i++)
		n += allp[i]->ngexited;
	return n;
}

/* Nothing is left for later when all Ps were idle, with nothing old and no exit since last time. */
static void turn(int64_t now)
{
	uint64_t n = exits();
	scavenge.pending = n != scavenge.exits || load_rlx(&sched.npidle) < gomaxprocs;
	scavenge.exits = n;
	retireidle();
	for (int class = 0; class < NSTACKCLASS; class ++)
		scavenge.pending |= flip(&stackpool[class]);
	scavenge.flip = now + debug.stackidle * INT64_C(1000000);
	scavenge.next = scavenge.flip;
}

int64_t stackscavenge(int64_t now)
{
	bool more = false;
	if (now >= scavenge.next) {
		for (int class = 0; class < NSTACKCLASS; class ++)
			more |= giveold(&stackpool[class]);
		scavenge.next = now + ROUND_NS;
		if (!more && now >= scavenge.flip)
			turn(now);
	}
	if (!more && !scavenge.pending && exits() == scavenge.exits)
		return -1;
	return scavenge.next - now;
}

/* ---- readying stacks: sysmon only ---- */

static bool prefill(struct stackclass *sc)
{
	if (!load_rlx(&sc->wanted))
		return false;
	lock(&sc->lock);
	uintptr_t ahead = (sc->next - sc->base) / sc->size / MAGSLOTS / 8;
	bool enough = sc->nready >= (ahead < READYMAX ? ahead : READYMAX);
	struct stackmag *mag = enough ? NULL : coldmag(sc);
	store_rlx(&sc->wanted, mag);
	store_rlx(&sc->filling, mag);
	unlock(&sc->lock);
	if (!mag)
		return false;
	prepare(sc, mag, true);
	lock(&sc->lock);
	store_rlx(&sc->filling, false);
	magpush(&sc->ready, mag);
	sc->nready++;
	unlock(&sc->lock);
	return true;
}

bool stackprefill(void)
{
	bool any = false;
	if (load_rlx(&sched.gcwaiting)) /* those who stop need the CPUs */
		return false;
	for (int class = 0; class < NSTACKCLASS; class ++)
		any |= prefill(&stackpool[class]);
	scavenge.pending |= any;
	return any;
}
