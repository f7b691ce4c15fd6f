/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mgcdirty.c - mode kernel: marking beside code whose stores nobody tells us of. The kernel notes
 * the first write to a page since it was armed (userfaultfd's WP_ASYNC), lists those pages and arms
 * them again in one call (PAGEMAP_SCAN).
 *
 * Marking is by incremental update, not by snapshot. An object that was scanned and has changed is
 * scanned anew: in rounds while goroutines run, until few pages are left, and those in the final
 * pause, together with all roots and all stacks. A page is armed before it is read, so a write
 * that the reader misses is listed again. What a pause has found is in the common list of work, so
 * one that is given up loses nothing. tests/model has the counterexample for each of these rules.
 *
 * Objects that were allocated meanwhile have neither mark nor alloc bit until their span leaves its
 * mcache (mcentral.c), and then are black and not scanned any more; so of a page all slots are
 * scanned but those of objects that exist and are white. What a free slot has kept of an old object
 * may keep others for this cycle.
 *
 * Rejected: mprotect and SIGSEGV, which takes six times as long a page, and a mapping for each.
 */
#include "mem/mgcdirty.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/highfd.h"
#include "mem/malloc.h"
#include "mem/mgc.h"
#include "mem/mgcwork.h"
#include "mem/mheap.h"

#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif

/* Of linux/fs.h since 6.7. */
struct scanarg {
	uint64_t size, flags, start, end, walk_end;
	uint64_t vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

struct region {
	uint64_t start, end, categories;
};

#define PAGEMAP_SCAN    _IOWR('f', 16, struct scanarg)
#define PAGE_IS_WRITTEN (1u << 1)
#define WP_MATCHING     (1u << 0)
#define CHECK_WPASYNC   (1u << 1)

#define NREGION   128
#define PIECE     ((uint64_t)8 << 20) /* bytes of one job */
#define FEW       ((uint64_t)1 << 18) /* bytes that a round finds: the final pause may have them */
#define MAXROUNDS 8                   /* a program may write faster than we read */

static struct {
	int uffd, pagemap;
	pid_t pid; /* whose they are: a child's would tell of its parent */
	_Atomic bool failed;
	_Atomic bool over;       /* the round has been through all arenas */
	_Atomic uint64_t found;  /* bytes of pages, in this round */
	_Atomic uint32_t rounds; /* begun in this cycle */
	uintptr_t next;          /* where the round goes on; with mheap.lock */
} dirty = {.uffd = -1, .pagemap = -1};

/* errno is the program's: a marker may be anybody. */
static long ask(long number, long a, long b, void *c)
{
	int before = errno;
	getm()->noretake++;
	long r = syscall(number, a, b, c);
	getm()->noretake--;
	errno = before;
	return r;
}

/* ---- the kernel ---- */

static bool track(uintptr_t lo, uintptr_t hi)
{
	struct uffdio_register r = {
		.range = {.start = lo, .len = hi - lo}, .mode = UFFDIO_REGISTER_MODE_WP};
	return ask(SYS_ioctl, dirty.uffd, (long)UFFDIO_REGISTER, &r) == 0;
}

/* Pages of [lo, hi) that were written to, which are armed again; how many there are of them. */
static long written(uintptr_t *lo, uintptr_t hi, struct region *v, uint64_t n)
{
	struct scanarg arg = {.size = sizeof(arg),
		.flags = WP_MATCHING | CHECK_WPASYNC,
		.start = *lo,
		.end = hi,
		.vec = (uintptr_t)v,
		.vec_len = n,
		.category_mask = PAGE_IS_WRITTEN,
		.return_mask = PAGE_IS_WRITTEN};
	long r = ask(SYS_ioctl, dirty.pagemap, (long)PAGEMAP_SCAN, &arg);
	*lo = v ? (uintptr_t)arg.walk_end : hi;
	return r;
}

static void forget(void)
{
	ask(SYS_close, dirty.uffd, 0, NULL);
	ask(SYS_close, dirty.pagemap, 0, NULL);
	dirty.uffd = dirty.pagemap = -1;
}

bool dirtyinit(void)
{
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC};
	uintptr_t nothing = 0;
	dirty.pid = getpid();
	dirty.uffd = (int)highfd(ask(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY, 0, NULL));
	dirty.pagemap = (int)highfd(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	if (dirty.uffd >= 0 && dirty.pagemap >= 0 &&
		ask(SYS_ioctl, dirty.uffd, (long)UFFDIO_API, &api) == 0 &&
		written(&nothing, 0, NULL, 0) == 0)
		return true;
	forget();
	return false;
}

/* ---- pieces ---- */

/* The next piece, of at most size bytes, of the round; false at its end. */
static bool take(uintptr_t size, uintptr_t *lo, uintptr_t *hi)
{
	bool any = false;
	lock(&mheap.lock);
	for (uint32_t i = 0; i < mheap.narena && !any; i++) {
		const struct heapArena *ha = mheap.all[i];
		uintptr_t end = ha->base + ((uintptr_t)ha->mapped << PAGESHIFT);
		if (dirty.next >= end)
			continue;
		*lo = dirty.next > ha->base ? dirty.next : ha->base;
		*hi = end - *lo < size ? end : *lo + size;
		dirty.next = *hi;
		any = true;
	}
	unlock(&mheap.lock);
	return any;
}

static void beginround(void)
{
	lock(&mheap.lock);
	dirty.next = 0;
	store_rlx(&dirty.found, 0);
	store_rel(&dirty.over, false);
	unlock(&mheap.lock);
}

static void look(uintptr_t lo, uintptr_t hi)
{
	struct region v[NREGION];
	bool ok = track(lo, hi);
	while (ok && lo < hi) {
		long n = written(&lo, hi, v, NREGION);
		ok = n >= 0;
		for (long i = 0; i < n; i++) {
			scanchanged(v[i].start, v[i].end);
			xadd_rlx(&dirty.found, v[i].end - v[i].start);
		}
	}
	if (!ok)
		store_rlx(&dirty.failed, true);
}

/* ---- a cycle ---- */

bool dirtybegin(void)
{
	uintptr_t lo, hi;
	if (dirty.pid != getpid()) /* the parent's stay open: the numbers may be others' by now */
		dirtyinit();
	store_rlx(&dirty.failed, false);
	store_rlx(&dirty.rounds, 0);
	beginround();
	while (take(UINTPTR_MAX, &lo, &hi))
		if (!track(lo, hi) || written(&lo, hi, NULL, 0) < 0)
			return false;
	beginround();
	return true;
}

/* Whether another round is worth it. */
static bool again(void)
{
	return load_rlx(&dirty.found) > FEW && load_rlx(&dirty.rounds) < MAXROUNDS;
}

bool dirtyjob(void)
{
	uintptr_t lo, hi;
	if (load_acq(&dirty.over)) {
		if (!again() || gchaswork())
			return false;
		xadd_rlx(&dirty.rounds, 1);
		beginround();
	}
	if (!take(PIECE, &lo, &hi)) {
		store_rel(&dirty.over, true);
		return again();
	}
	look(lo, hi);
	return true;
}

bool dirtyleft(void)
{
	return !load_acq(&dirty.over) || again();
}

bool dirtyall(void)
{
	uintptr_t lo, hi;
	beginround();
	while (take(PIECE, &lo, &hi))
		look(lo, hi);
	store_rel(&dirty.over, true);
	store_rlx(&dirty.rounds, MAXROUNDS);
	return !load_rlx(&dirty.failed);
}
