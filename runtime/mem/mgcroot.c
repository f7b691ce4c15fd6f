/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mgcroot.c - the roots: everything outside the heap that may hold a pointer into it.
 *
 *  - writable segments of the program and of what it has loaded, but what the loader has made
 *    read-only, and variables of the runtime that point to no objects (base/noptr.h);
 *  - stacks of goroutines and threads, and thread-local variables: mgcstack.c;
 *  - timers that are active or free, free contexts, objects in pools and maps: only the runtime
 *    knows where;
 *  - what the program registers: gort_root_add, gort_pin.
 *
 * When goroutines run while others mark, the first pause takes all of these but two: segments of
 * modules whose stores are logged, and stacks of goroutines that do not run. Those are cut into
 * jobs, which whoever marks takes one after the other.
 *
 * Loaded modules are found through dl_iterate_phdr, whose lock some thread may hold in a stop. So
 * they are gathered before it, and the loader's own list tells in the stop whether they are still
 * the same ones. They are gathered anew when the loader has counted a load or an unload.
 *
 * The memory read here belongs to others: it has what sanitizers take for errors.
 */
#include <link.h>
#include <string.h>

#include "debug/options.h"
#include "mem/malloc.h"
#include "mem/mbarrier.h"
#include "mem/mforeign.h"
#include "mem/mgc.h"
#include "mem/mgcdirty.h"
#include "mem/mheap.h"
#include "mem/mroot.h"
#include "mem/mspecial.h"
#include "sched/bubble.h"
#include "sync/context.h"
#include "sync/pool.h"
#include "sync/sync_map.h"

#define NOSAN    __attribute__((no_sanitize("address")))
#define MAXAREA  1024
#define SYSPAGE  ((uintptr_t)4096)
#define FETCHMAX ((uintptr_t)64 << 10)

/* A writable segment, or the thread-local variables of a module. */
struct area {
	uintptr_t lo, hi;
	size_t module; /* of thread-local variables: its number; lo and hi are those of roots.tp */
	bool barrier;  /* stores into it are logged */
};

/* What the loader counts. */
struct loads {
	unsigned long long adds, subs;
};

static struct {
	struct area *area;
	uint32_t n;
	uint32_t maps;  /* entries of the loader's list */
	bool unstamped; /* some module stores without a barrier */
	uint64_t bytes;
	struct loads loads; /* when these areas were gathered */
	uintptr_t tp;       /* the thread pointer of who did it */
	bool complete;      /* he had the thread-local variables of all modules */
} roots;

/* Of the cycle under way: areas with a barrier, in pieces of JOBBYTES. */
#define JOBBYTES ((uintptr_t)256 << 10)
static struct {
	struct area *area;
	uint32_t n;
	uint64_t bytes;
	bool changed;
	_Atomic uint64_t next; /* where the next piece begins, in the areas laid end to end */
} jobs;

/* ---- modules ---- */

static void addarea(struct area a)
{
	if (roots.n < MAXAREA && a.lo < a.hi)
		roots.area[roots.n++] = a;
}

/* The linker's: they begin and end the sections of base/noptr.h, in this order in memory. */
#define HIDDEN __attribute__((visibility("hidden")))
extern const char __start_gort_noptrdata[] HIDDEN, __stop_gort_noptrdata[] HIDDEN;
extern const char __start_gort_noptrbss[] HIDDEN, __stop_gort_noptrbss[] HIDDEN;

/* Adds what lies before [lo, hi) in a, if that is a part of it. What is left is behind. */
static void cutarea(struct area *a, uintptr_t lo, uintptr_t hi)
{
	if (lo >= hi || lo < a->lo || hi > a->hi)
		return;
	struct area before = *a;
	before.hi = lo;
	addarea(before);
	a->lo = hi;
}

/* What the loader makes read-only when it has written it: whole pages, as it does. */
static void cutrelro(struct area *a, const struct dl_phdr_info *info)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t lo = info->dlpi_addr + ph->p_vaddr, hi = lo + ph->p_memsz;
		if (ph->p_type == PT_GNU_RELRO)
			cutarea(a, lo > a->lo ? lo : a->lo, hi & ~(SYSPAGE - 1));
	}
}

static void addsegment(struct area a, const struct dl_phdr_info *info)
{
	cutrelro(&a, info);
	cutarea(&a, (uintptr_t)__start_gort_noptrdata, (uintptr_t)__stop_gort_noptrdata);
	cutarea(&a, (uintptr_t)__start_gort_noptrbss, (uintptr_t)__stop_gort_noptrbss);
	addarea(a);
}

/* What sanitizers keep for themselves, which is large. */
static bool skipped(const char *name)
{
	const char *base = strrchr(name, '/');
	base = base ? base + 1 : name;
	return !strncmp(base, "libasan", 7) || !strncmp(base, "libubsan", 8) ||
	       !strncmp(base, "libtsan", 7) || !strncmp(base, "liblsan", 7) ||
	       !strncmp(base, "libclang_rt", 11);
}

static int addmodule(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size, (void)arg;
	roots.loads = (struct loads){info->dlpi_adds, info->dlpi_subs};
	if (skipped(info->dlpi_name))
		return 0;
	bool barrier = stamped(info);
	roots.unstamped |= !barrier && !needsnostamp(info);
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t lo = info->dlpi_addr + ph->p_vaddr, tls = (uintptr_t)info->dlpi_tls_data;
		uintptr_t me = (uintptr_t)&roots - lo; /* a program that libgort.a is linked into */
		if (ph->p_type == PT_LOAD && (ph->p_flags & PF_W))
			addsegment((struct area){lo, lo + ph->p_memsz, 0,
					   barrier && me >= ph->p_memsz},
				info);
		if (ph->p_type != PT_TLS || !ph->p_memsz)
			continue;
		addarea((struct area){tls, tls + ph->p_memsz, info->dlpi_tls_modid, false});
		roots.complete &= tls != 0;
	}
	return 0;
}

static int askloads(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(struct loads *)arg = (struct loads){info->dlpi_adds, info->dlpi_subs};
	return 1;
}

/* Whether the areas are those of the modules that are loaded now. */
static bool samemodules(void)
{
	struct loads now;
	return roots.complete && dl_iterate_phdr(askloads, &now) && now.adds == roots.loads.adds &&
	       now.subs == roots.loads.subs;
}

static void gather(void)
{
	roots.n = 0;
	roots.unstamped = false;
	roots.complete = true;
	roots.tp = (uintptr_t)__builtin_thread_pointer();
	dl_iterate_phdr(addmodule, NULL);
}

/* The loader's list; no lock is needed when nobody runs who could change it. */
static uint32_t countmaps(void)
{
	uint32_t n = 0;
	if (_r_debug.r_state != RT_CONSISTENT)
		return UINT32_MAX;
	for (const struct link_map *map = _r_debug.r_map; map; map = map->l_next)
		n++;
	return n;
}

/*
 * What the pause will look through it then finds in the cache: of 8 us 5 are left. Large variables
 * would only drive each other out.
 */
static void fetch(const struct area *a)
{
	if (!a->module && !a->barrier && a->hi - a->lo <= FETCHMAX)
		for (uintptr_t at = a->lo; at < a->hi; at += LINE)
			__builtin_prefetch((const void *)at);
}

void rootsgather(void)
{
	if (!roots.area)
		roots.area = sysalloc(MAXAREA * sizeof(*roots.area));
	roots.maps = countmaps();
	if (!samemodules())
		gather();
	for (uint32_t i = 0; i < roots.n; i++)
		fetch(&roots.area[i]);
}

bool rootscurrent(void)
{
	return roots.maps != UINT32_MAX && countmaps() == roots.maps;
}

bool rootsunstamped(void)
{
	return roots.unstamped;
}

/* ---- thread-local variables ---- */

/* What the thread pointer points to begins with these two words (the x86-64 ABI of ELF TLS). */
struct tcb {
	void *self;
	const struct dtv *dtv;
};

/* libc's table of the thread: element -1 has its length. */
struct dtv {
	union {
		size_t length;
		uintptr_t address; /* UINTPTR_MAX: not made yet */
	};
	void *tofree;
};

/* Of module number n in a thread; 0 when it has none. */
static NOSAN uintptr_t tlsof(uintptr_t tp, const struct area *a)
{
	const struct dtv *dtv = ((const struct tcb *)tp)->dtv;
	if (dtv && a->module <= dtv[-1].length && dtv[a->module].address + 1 > 1)
		return dtv[a->module].address;
	/* In the static block all threads have it at the same distance. */
	return a->lo && roots.tp - a->lo < 16 * 4096 ? tp - (roots.tp - a->lo) : 0;
}

void scantls(uintptr_t tp)
{
	for (uint32_t i = 0; i < roots.n; i++) {
		const struct area *a = &roots.area[i];
		uintptr_t at = a->module ? tlsof(tp, a) : 0;
		if (at)
			scanblock(at, at + (a->hi - a->lo));
	}
}

/* ---- what only the runtime knows ---- */

typedef void linkfn(const struct timerlink *l);

static void ringdo(const struct timerlink *head, linkfn *f)
{
	for (const struct timerlink *l = head->next; l && l != head; l = l->next)
		f(l);
}

static void timersdo(const struct timers *ts, linkfn *f)
{
	ringdo(&ts->spill, f);
	for (unsigned level = 0; level < NTIMERLEVEL; level++)
		for (uint64_t slots = ts->occupied[level]; slots; slots &= slots - 1)
			ringdo(&ts->slot[level][__builtin_ctzll(slots)], f);
	for (unsigned i = 0; i < 2; i++)
		for (const struct timerlink *l = ts->cache[i].first; l; l = l->next)
			f(l);
}

void rootstimers(linkfn *f)
{
	for (int32_t i = 0; i < load_acq(&nallp); i++)
		timersdo(&allp[i]->timers, f);
	for (unsigned i = 0; i < NBUBBLE; i++) {
		const struct p *pp = __atomic_load_n(&bubbles[i].p, __ATOMIC_ACQUIRE);
		if (pp)
			timersdo(&pp->timers, f);
	}
}

static void scanlink(const struct timerlink *l)
{
	scanword((uintptr_t)l);
}

/* What the main thread had before it called gort_run. */
static void scanmain(void)
{
	scanblock(m0.g0_.syscallsp, m0.g0_.stack.hi);
}

static void scanregistered(const void *p, size_t n)
{
	scanblock((uintptr_t)p, (uintptr_t)p + n);
}

static void scanforeign(uintptr_t at, const uintptr_t *words, size_t n)
{
	(void)at;
	scanblock((uintptr_t)words, (uintptr_t)(words + n));
}

/* Segments, of one kind: their stores are logged, or are not. */
static void scanareas(bool barrier)
{
	for (uint32_t i = 0; i < roots.n; i++) {
		const struct area *a = &roots.area[i];
		if (!a->module && a->barrier == barrier)
			scanblock(a->lo, a->hi);
		if (!a->module)
			roots.bytes += barrier == a->barrier ? a->hi - a->lo : 0;
	}
}

/* All that nobody logs, but stacks. */
static void scanothers(void)
{
	scanareas(false);
	rootstimers(scanlink);
	ctxroots(scanword);
	for (struct m *mp = load_acq(&allm); mp; mp = mp->alllink)
		if (mp->tp)
			scantls(mp->tp);
	scanmain();
	poolroots(scanblock);
	mapsroots(scanblock);
	rootsdo(scanregistered);
	specialroots();
	finroots();
	if (unlikely(options.gcroots))
		foreigndo(scanforeign);
}

void rootsmark(uintptr_t sp, bool (*leaveout)(const struct g *gp))
{
	roots.bytes = 0;
	scanareas(true);
	scanothers();
	stacksmark(sp, leaveout);
}

/* ---- while goroutines run ---- */

static void makejobs(void)
{
	if (!jobs.area)
		jobs.area = sysalloc(MAXAREA * sizeof(*jobs.area));
	jobs.n = 0;
	jobs.bytes = 0;
	store_rlx(&jobs.next, 0);
	for (uint32_t i = 0; i < roots.n; i++) {
		const struct area *a = &roots.area[i];
		if (a->module || !a->barrier)
			continue;
		jobs.area[jobs.n++] = *a;
		jobs.bytes += a->hi - a->lo;
	}
	roots.bytes += jobs.bytes;
}

void rootsbegin(uintptr_t sp, bool changed)
{
	roots.bytes = 0;
	jobs.changed = changed;
	scanothers();
	makejobs();
	stacksbegin(sp);
}

static void scanpiece(uint64_t at, uint64_t end)
{
	for (uint32_t i = 0; i < jobs.n && at < end; i++) {
		const struct area *a = &jobs.area[i];
		uint64_t size = a->hi - a->lo;
		if (at < size) {
			scanblock(a->lo + at, a->lo + (end < size ? end : size));
			at = size;
		}
		at -= size;
		end = end > size ? end - size : 0;
	}
}

bool rootsjob(void)
{
	if (load_rlx(&jobs.next) < jobs.bytes) {
		uint64_t at = xadd_rlx(&jobs.next, JOBBYTES);
		uint64_t end = at + JOBBYTES < jobs.bytes ? at + JOBBYTES : jobs.bytes;
		if (at < end)
			scanpiece(at, end);
		return true;
	}
	return stacksjob() || (jobs.changed && dirtyjob());
}

bool rootsleft(void)
{
	return load_rlx(&jobs.next) < jobs.bytes || load_acq(&gcscanning) ||
	       (jobs.changed && dirtyleft());
}

void rootscheck(void)
{
	scanareas(true);
	scanothers();
}

void rootsvariables(void (*f)(uintptr_t lo, uintptr_t hi, void *arg), void *arg)
{
	for (uint32_t i = 0; i < roots.n; i++)
		if (!roots.area[i].module)
			f(roots.area[i].lo, roots.area[i].hi, arg);
}

uint64_t rootsglobals(void)
{
	return roots.bytes;
}
