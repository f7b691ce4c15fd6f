/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mroot.c - registered roots and pins: one table, by address.
 *
 * A root is the range [p, p + n). A pin of p is the range [&entry.p, 8): its own entry, so that the
 * collector sees both alike. An open-addressing table, at most half full; an entry that is removed
 * leaves a tombstone, which goes away when the table is built anew.
 *
 * It changes in no-stop sections, so a pause finds it whole. Going away is the deletion of an edge:
 * what the range holds, or the pinned pointer, is logged.
 */
#include "mem/mroot.h"

#include <string.h>

#include "base/lock.h"
#include "base/throw.h"
#include "mem/malloc.h"
#include "mem/mbarrier.h"
#include "mem/nostop.h"

enum { EMPTY, ROOT, PIN, GONE };

struct root {
	const void *p;
	size_t n; /* bytes; of a pin: how often */
	uint32_t kind;
};

static struct {
	struct mutex lock;
	struct root *entry;
	size_t size; /* a power of two, or 0 */
	size_t used; /* not EMPTY */
} roots = {.lock = {.rank = lockRankRoots}};

static void lockroots(void)
{
	nostop_begin();
	lock(&roots.lock);
}

static void unlockroots(void)
{
	unlock(&roots.lock);
	nostop_end();
}

static size_t home(const void *p)
{
	return ((uintptr_t)p * 0x9e3779b97f4a7c15u >> 32) & (roots.size - 1);
}

/* The entry, or NULL. */
static struct root *find(const void *p, uint32_t kind)
{
	if (roots.size == 0)
		return NULL;
	for (size_t i = home(p); roots.entry[i].kind != EMPTY; i = (i + 1) & (roots.size - 1))
		if (roots.entry[i].kind == kind && roots.entry[i].p == p)
			return &roots.entry[i];
	return NULL;
}

static void insert(const struct root *r)
{
	size_t i = home(r->p);
	while (roots.entry[i].kind != EMPTY)
		i = (i + 1) & (roots.size - 1);
	roots.entry[i] = *r;
	roots.used++;
}

static bool alive(const struct root *r)
{
	return r->kind == ROOT || r->kind == PIN;
}

static void rebuild(void)
{
	struct root *old = roots.entry;
	size_t oldsize = roots.size, live = 0;
	for (size_t i = 0; i < oldsize; i++)
		live += alive(&old[i]);
	roots.size = 64;
	while (roots.size < 4 * live)
		roots.size *= 2;
	roots.entry = sysalloc(roots.size * sizeof(*roots.entry));
	roots.used = 0;
	for (size_t i = 0; i < oldsize; i++)
		if (alive(&old[i]))
			insert(&old[i]);
	if (old)
		sysfree(old, oldsize * sizeof(*old));
}

static void add(const void *p, size_t n, uint32_t kind)
{
	if (2 * (roots.used + 1) > roots.size)
		rebuild();
	insert(&(struct root){p, n, kind});
}

/* ---- the program's side ---- */

void gort_root_add(const void *p, size_t n)
{
	lockroots();
	bool twice = find(p, ROOT) != NULL;
	if (!twice)
		add(p, n, ROOT);
	unlockroots();
	if (twice)
		throw("gort_root_add: %p is a root already", p);
}

void gort_root_remove(const void *p)
{
	lockroots();
	struct root *r = find(p, ROOT);
	size_t n = r ? r->n : 0;
	if (r)
		r->kind = GONE;
	unlockroots();
	if (!r)
		throw("gort_root_remove: %p is not a root", p);
	gort_wbrange(p, n);
}

void gort_pin(const void *p)
{
	if (!p)
		return;
	lockroots();
	struct root *r = find(p, PIN);
	if (r)
		r->n++;
	else
		add(p, 1, PIN);
	unlockroots();
}

void gort_unpin(const void *p)
{
	if (!p)
		return;
	lockroots();
	struct root *r = find(p, PIN);
	if (r && --r->n == 0)
		r->kind = GONE;
	unlockroots();
	if (!r)
		throw("gort_unpin: %p is not pinned", p);
	wblog(p);
}

const struct gort_abi_registered rootslist = {&roots.entry, &roots.size};
_Static_assert(
	ROOT == 1 && PIN == 2 && sizeof(struct root) == 24 && offsetof(struct root, kind) == 16,
	"as struct gort_abi_registered says");

void rootsdo(void (*fn)(const void *p, size_t n))
{
	for (size_t i = 0; i < roots.size; i++) {
		struct root *r = &roots.entry[i];
		if (r->kind == ROOT)
			fn(r->p, r->n);
		else if (r->kind == PIN)
			fn(&r->p, sizeof(r->p));
	}
}
