/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mgcroot.c - the roots: everything outside the heap that may hold a pointer into it.
 *
 *  - writable segments of the program and of what it has loaded;
 *  - stacks of goroutines from the stack pointer up, with struct gcold above; registers where the
 *    thread stands in the signal handler, the saved ones where it waits in a system call. A
 *    goroutine that was switched out has its registers on the stack;
 *  - what struct g holds: arguments of one that has not run, a value that is being sent, labels;
 *  - stacks and thread-local variables of other threads. libc puts a thread's descriptor, to which
 *    the thread pointer points, at the top of its stack;
 *  - timers that are active or free, objects in pools and maps: only the runtime knows where;
 *  - what the program registers: gort_root_add, gort_pin.
 *
 * Loaded modules are found through dl_iterate_phdr, whose lock some thread may hold in a stop. So
 * they are gathered before it, and the loader's own list tells in the stop whether they are still
 * the same ones.
 *
 * The memory read here belongs to others: it has what sanitizers take for errors.
 */
#include <link.h>
#include <string.h>
#include <unistd.h>

#include "mem/malloc.h"
#include "mem/mgc.h"
#include "mem/mroot.h"
#include "mem/mspecial.h"
#include "sync/pool.h"
#include "sync/sync_map.h"

#define NOSAN   __attribute__((no_sanitize("address")))
#define MAXAREA 1024
#define PAGE    4096u
#define REDZONE 128

/* A writable segment, or the thread-local variables of a module. */
struct area {
	uintptr_t lo, hi;
	size_t module; /* of thread-local variables: its number; lo and hi are this thread's */
};

static struct {
	struct area *area;
	uint32_t n;
	uint32_t maps; /* entries of the loader's list */
	uint64_t bytes;
	uint64_t stackbytes;
} roots;

/* ---- modules ---- */

static void addarea(uintptr_t lo, uintptr_t hi, size_t module)
{
	if (roots.n < MAXAREA && lo < hi)
		roots.area[roots.n++] = (struct area){lo, hi, module};
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
	if (skipped(info->dlpi_name))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t lo = info->dlpi_addr + ph->p_vaddr, tls = (uintptr_t)info->dlpi_tls_data;
		if (ph->p_type == PT_LOAD && (ph->p_flags & PF_W))
			addarea(lo, lo + ph->p_memsz, 0);
		if (ph->p_type == PT_TLS && ph->p_memsz)
			addarea(tls, tls + ph->p_memsz, info->dlpi_tls_modid);
	}
	return 0;
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

void rootsgather(void)
{
	if (!roots.area)
		roots.area = sysalloc(MAXAREA * sizeof(*roots.area));
	roots.n = 0;
	roots.maps = countmaps();
	dl_iterate_phdr(addmodule, NULL);
}

bool rootscurrent(void)
{
	return roots.maps != UINT32_MAX && countmaps() == roots.maps;
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
	uintptr_t here = (uintptr_t)__builtin_thread_pointer();
	if (dtv && a->module <= dtv[-1].length && dtv[a->module].address + 1 > 1)
		return dtv[a->module].address;
	/* In the static block all threads have it at the same distance. */
	return a->lo && here - a->lo < 16 * PAGE ? tp - (here - a->lo) : 0;
}

static void scantls(uintptr_t tp)
{
	for (uint32_t i = 0; i < roots.n; i++) {
		const struct area *a = &roots.area[i];
		uintptr_t at = a->module ? tlsof(tp, a) : 0;
		if (at)
			scanblock(at, at + (a->hi - a->lo));
	}
}

/* ---- threads and goroutines ---- */

static void scanstack(uintptr_t sp, uintptr_t hi)
{
	scanblock(sp, hi);
	roots.stackbytes += hi - sp;
}

static void scangoroutine(const struct g *gp, uintptr_t sp)
{
	scanstack(sp, gp->stack.hi + sizeof(struct gcold));
}

/* What the kernel saved of the vector registers; objects may be under way in them. */
static NOSAN void scanregisters(const ucontext_t *uc)
{
	enum { MAGIC = 0x46505853, MAGICAT = 464, LEGACY = 512 };
	const char *fp = (const char *)uc->uc_mcontext.fpregs;
	uint32_t words[2]; /* magic, size of all */
	scanblock((uintptr_t)uc->uc_mcontext.gregs, (uintptr_t)(uc->uc_mcontext.gregs + NGREG));
	if (!fp)
		return;
	memcpy(words, fp + MAGICAT, sizeof(words));
	size_t size = words[0] == MAGIC ? words[1] : LEGACY;
	scanblock((uintptr_t)fp, (uintptr_t)fp + size);
}

extern void *__libc_stack_end;

/* Of a thread that libgort did not make. */
static void scanthread(const struct stopped *t)
{
	uintptr_t hi = (t->tp + PAGE) & ~(uintptr_t)(PAGE - 1);
	if (t->tid == getpid())
		hi = (uintptr_t)__libc_stack_end;
	if (hi > t->sp)
		scanstack(t->sp - REDZONE, hi);
	scantls(t->tp);
}

static void scanstanding(const struct stopped *t, struct m *mp)
{
	scanregisters(t->context);
	if (!mp)
		scanthread(t);
	else if (mp->curg && t->sp - mp->curg->stack.lo < mp->curg->stack.hi - mp->curg->stack.lo)
		scangoroutine(mp->curg, t->sp - REDZONE);
}

_Static_assert(offsetof(struct g, arg5) + 8 <= offsetof(struct g, sudog) + sizeof(struct sudog),
	"the arguments lie in the sudog");

/* The arguments of one that has not run yet, or its sudog; and its labels. */
static void scang(const struct g *gp)
{
	scanblock((uintptr_t)&gp->sudog, (uintptr_t)(&gp->sudog + 1));
	scanword((uintptr_t)load_rlx(&gp->labels));
}

/* On its way from its stack to the scheduler's: exitsyscall found no P. */
static uintptr_t awaitswitch(const struct g *gp)
{
	uintptr_t sp;
	for (unsigned i = 0; !(sp = load_acq(&gp->sched.sp)); i++)
		osyield_backoff(i);
	return sp;
}

/* Where the stack of a goroutine begins that neither runs here nor stands in the handler. */
static uintptr_t waitingsp(const struct g *gp)
{
	uintptr_t sp = load_acq(&gp->sched.sp);
	const struct m *mp = *(struct m *const volatile *)&gp->m;
	if (sp)
		return sp;
	if (mp && load_acq(&mp->gate) == GATE_SYSCALL && !gcold(gp)->blocking)
		return gcold(gp)->savedsp;
	return awaitswitch(gp);
}

static bool stands(const struct g *gp)
{
	const struct m *mp = *(struct m *const volatile *)&gp->m;
	return mp && mp->curg == gp && (load_acq(&mp->stop.state) & STOP_MASK) == STOP_STANDS;
}

uintptr_t rootssp(const struct g *gp)
{
	return waitingsp(gp);
}

void rootsgoroutine(const struct g *gp)
{
	scang(gp);
	scangoroutine(gp, waitingsp(gp));
}

static void scangoroutines(uintptr_t sp, bool (*leaveout)(const struct g *gp))
{
	uint64_t n = load_acq(&allglen);
	struct g **all = load_acq(&allgptr);
	const struct g *me = getm()->curg;
	for (uint64_t i = 0; i < n; i++) {
		struct g *gp = all[i];
		if (readgstatus(gp) == _Gdead || (leaveout && leaveout(gp)))
			continue;
		scang(gp);
		if (gp == me)
			scangoroutine(gp, sp);
		else if (gp->stack.hi && !stands(gp))
			scangoroutine(gp, waitingsp(gp));
	}
}

/* What the main thread had before it called gort_run. */
static void scanmain(void)
{
	scanstack(m0.g0_.syscallsp, m0.g0_.stack.hi);
}

/* ---- what only the runtime knows ---- */

static void scanring(const struct timerlink *head)
{
	for (const struct timerlink *l = head->next; l && l != head; l = l->next)
		scanword((uintptr_t)l);
}

static void scantimers(const struct timers *ts)
{
	scanring(&ts->spill);
	for (unsigned level = 0; level < NTIMERLEVEL; level++)
		for (uint64_t slots = ts->occupied[level]; slots; slots &= slots - 1)
			scanring(&ts->slot[level][__builtin_ctzll(slots)]);
	for (unsigned i = 0; i < 2; i++)
		scanword((uintptr_t)ts->cache[i].first);
}

static void scanregistered(const void *p, size_t n)
{
	scanblock((uintptr_t)p, (uintptr_t)p + n);
}

void rootsmark(uintptr_t sp, bool (*leaveout)(const struct g *gp))
{
	roots.bytes = roots.stackbytes = 0;
	for (uint32_t i = 0; i < roots.n; i++) {
		if (roots.area[i].module)
			continue;
		scanblock(roots.area[i].lo, roots.area[i].hi);
		roots.bytes += roots.area[i].hi - roots.area[i].lo;
	}
	for (int32_t i = 0; i < load_acq(&nallp); i++)
		scantimers(&allp[i]->timers);
	for (struct m *mp = load_acq(&allm); mp; mp = mp->alllink)
		if (mp->tp)
			scantls(mp->tp);
	scanmain();
	poolroots(scanblock);
	mapsroots(scanblock);
	rootsdo(scanregistered);
	specialroots();
	finroots();
	scangoroutines(sp, leaveout);
	standingdo(scanstanding);
}

uint64_t rootsglobals(void)
{
	return roots.bytes;
}

uint64_t rootsstacks(void)
{
	return roots.stackbytes;
}
