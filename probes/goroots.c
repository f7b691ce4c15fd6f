/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goroots.c - marks what a Go process keeps alive whatever its goroutines do: variables of all
 * modules, by their masks; finalizers and cleanups; and the Ps, which hold the timers.
 *
 * Caches of free sudogs are left out: a free sudog may still name what it was for. So are work
 * buffers of the collector (p.wbBuf), which type masks leave out by themselves: a P is marked by
 * its type, never word by word.
 */
#include "goroots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MODULES  64
#define MAX_PS       65536
#define MAX_MS       70000
#define MAX_SPECIALS (1u << 23)
#define MAX_SECTION  (1ull << 32)
#define SUDOGCACHES  (24 + 128 * 8) /* p.sudogcache and the array behind it, p.sudogbuf */

/* ---- opaque: what leads to goroutines must not count as reaching what they hold ---- */

void goroots_opaque(struct gomark *m, const struct gocopies *a, const struct gocopies *b)
{
	const struct gotarget *g = m->heap->g;
	for (size_t i = 0; i < a->nallgs; i++)
		gomark_opaque(m, a->allgs[i]);
	for (size_t i = a->nallgs; i < b->nallgs; i++)
		gomark_opaque(m, b->allgs[i]);
	uint64_t mp = target_word(g->t, g->glob.allm);
	for (unsigned n = 0; mp && n < MAX_MS; n++) {
		gomark_opaque(m, mp);
		gomark_opaque(m, target_word(g->t, mp + M_G0));
		gomark_opaque(m, target_word(g->t, mp + g->lay->m_gsignal));
		mp = target_word(g->t, mp + g->lay->m_alllink);
	}
	uint64_t allp[2];
	if (!target_read(g->t, g->glob.allp, allp, sizeof allp))
		return;
	for (unsigned i = 0; i < allp[1] && i < MAX_PS; i++)
		gomark_opaque(m, target_word(g->t, allp[0] + 8 * i));
}

/* ---- variables ---- */

enum { PIECE = 1 << 20 }; /* bytes of a section read at once; a bit a word of it is whole bytes */

/* Words of the section from r.lo on; bits: where their mask is, 0 when every word counts. */
static int mark_piece(struct gomark *m, struct range r, uint64_t bits, uint8_t *mem)
{
	const struct gotarget *g = m->heap->g;
	uint64_t n = r.hi - r.lo < PIECE ? (r.hi - r.lo) & ~7ull : PIECE;
	uint64_t skip = g->glob.sched ? g->glob.sched + g->lay->s_sudogcache : 0;
	uint8_t *mask = mem + PIECE;
	if (!target_read(g->t, r.lo, mem, n))
		return -EFAULT;
	if (!bits || !target_read(g->t, bits, mask, (n / 8 + 7) / 8))
		memset(mask, 0xff, PIECE / 64);
	for (uint64_t i = 0; i < n / 8; i++) {
		uint64_t v;
		memcpy(&v, mem + 8 * i, sizeof v);
		m->slot = r.lo + 8 * i;
		if (mask[i / 8] >> i % 8 & 1 && m->slot != skip)
			gomark_ptr(m, v);
	}
	return 0;
}

/*
 * A section with its mask, runtime.bitvector: a bit a word. In pieces: a damaged module may claim
 * gigabytes that are not there.
 */
static int mark_section(struct gomark *m, struct range r, uint64_t bitvector)
{
	const struct gotarget *g = m->heap->g;
	if (r.hi <= r.lo)
		return 0;
	if (r.hi - r.lo > MAX_SECTION)
		return -EPROTO;
	bool masked = target_u32(g->t, bitvector) >= (r.hi - r.lo) / 8;
	uint64_t bits = masked ? target_word(g->t, bitvector + 8) : 0;
	uint8_t *mem = malloc(PIECE + PIECE / 64);
	int err = mem ? 0 : -ENOMEM;
	for (; !err && r.lo < r.hi; r.lo += PIECE, bits += bits ? PIECE / 64 : 0)
		err = mark_piece(m, r, bits, mem);
	free(mem);
	return err;
}

enum { MD_DATA = 0xd0, MD_BSS = 0xe0 }; /* moduledata.data, edata, bss, ebss */

static int mark_variables(struct gomark *m)
{
	const struct gotarget *g = m->heap->g;
	uint64_t md = g->md.addr;
	int err = 0;
	for (unsigned n = 0; md && n < MAX_MODULES && !err; n++) {
		struct range data, bss;
		if (!target_read(g->t, md + MD_DATA, &data, sizeof data) ||
			!target_read(g->t, md + MD_BSS, &bss, sizeof bss))
			return -EFAULT;
		err = mark_section(m, data, md + g->lay->md_gcdatamask);
		if (!err)
			err = mark_section(m, bss, md + g->lay->md_gcbssmask);
		if (!target_read(g->t, md + g->lay->md_next, &md, sizeof md))
			return -EFAULT;
	}
	return err;
}

/* ---- Ps ---- */

/* The type of an object with a header, NULL when it has none that is known. */
static const struct gotype *header_type(struct gomark *m, uint64_t addr)
{
	struct goobj o;
	if (!goheap_find(m->heap, addr, &o) || o.span->kind != GOSPAN_HEADER ||
		goobj_base(o) + 8 != addr)
		return NULL;
	const struct gotype *t = gotype_get(&m->types, goheap_word(m->heap, addr - 8));
	return t && t->known && t->size <= o.span->elemsize - 8 ? t : NULL;
}

static bool mark_p(struct gomark *m, uint64_t p)
{
	const struct golayout *l = m->heap->g->lay;
	const struct gotype *t = header_type(m, p);
	uint64_t skip = l->p_sudogcache, skipend = skip + SUDOGCACHES;
	if (!t || t->size <= skipend)
		return false;
	for (uint64_t i = 0; i < t->ptrbytes / 8; i++) {
		m->slot = p + 8 * i;
		if (t->mask[i / 64] >> i % 64 & 1 && (8 * i < skip || 8 * i >= skipend))
			gomark_ptr(m, goheap_word(m->heap, m->slot));
	}
	return true;
}

static int mark_ps(struct gomark *m)
{
	const struct gotarget *g = m->heap->g;
	uint64_t allp[2];
	if (!target_read(g->t, g->glob.allp, allp, sizeof allp))
		return -EFAULT;
	for (unsigned i = 0; i < allp[1] && i < MAX_PS; i++)
		if (!mark_p(m, target_word(g->t, allp[0] + 8 * i)))
			return -EPROTO; /* its timers would be lost */
	return 0;
}

/* ---- specials: finalizers and cleanups ---- */

/* kinds: _KindSpecialFinalizer and _KindSpecialCleanup of mheap.go; 0: the version has none. */
static void special_kinds(int minor, uint8_t *finalizer, uint8_t *cleanup)
{
	*finalizer = minor >= 25 ? 2 : 1;
	*cleanup = minor >= 25 ? 7 : minor == 24 ? 6 : 0;
}

/*
 * A finalizer keeps alive what its object points to, and its function, but not the object. The
 * members after the special's header lie where they do in every version that has them.
 */
static void mark_special(struct gomark *m, struct gospan *s, const uint8_t *raw)
{
	const struct golayout *l = m->heap->g->lay;
	uint8_t finalizer, cleanup, kind = raw[l->special_kind];
	uint64_t off = 0, w[3];
	memcpy(&off, raw + l->special_offset, l->minor >= 24 ? 8 : 2);
	special_kinds(l->minor, &finalizer, &cleanup);
	memcpy(w, raw + l->special_fn, sizeof w);
	if (kind == finalizer) {
		struct goobj o;
		gomark_ptr(m, w[0]);
		if (off < s->size && goheap_find(m->heap, s->start + off, &o))
			gomark_object(m, o);
	} else if (cleanup && kind == cleanup) {
		gomark_ptr(m, w[0]);
		gomark_ptr(m, l->minor >= 26 ? w[1] : 0);
		gomark_ptr(m, l->minor >= 26 ? w[2] : 0);
	}
}

static void mark_specials(struct gomark *m)
{
	uint8_t raw[64];
	unsigned budget = MAX_SPECIALS;
	for (uint32_t i = 0; i < m->heap->nspans; i++) {
		uint64_t at = m->heap->spans[i].specials;
		for (; at && budget; budget--) {
			m->unread |= !target_read(m->heap->g->t, at, raw, 56);
			if (m->unread)
				return;
			mark_special(m, &m->heap->spans[i], raw);
			memcpy(&at, raw, sizeof at);
		}
	}
	m->unread |= !budget;
}

int goroots_mark(struct gomark *m)
{
	int err = mark_variables(m);
	if (!err)
		err = mark_ps(m);
	if (err)
		return err;
	m->owner = GOMARK_SPECIAL;
	mark_specials(m);
	m->owner = 0;
	return 0;
}

/* ---- registers ---- */

/* Stacks of threads at rest, disjoint. */
struct rests {
	struct range *v;
	size_t n;
};

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;
	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

/*
 * The stack that an M stands on when it has nothing of its own under way: it waits for a P, or is
 * in a system call, or in C, of a goroutine that has all it needs on its stack. (Go's collector
 * reads no registers at all; but it stops goroutines only where they keep nothing there.)
 */
static size_t stacks_at_rest(const struct gotarget *g, uint64_t mp, struct range stacks[2])
{
	uint64_t gp = target_word(g->t, mp + g->lay->m_curg), g0 = target_word(g->t, mp + M_G0);
	uint32_t status = 0;
	if (!target_read(g->t, g0, &stacks[0], sizeof *stacks))
		return 0;
	if (!gp)
		return !target_word(g->t, mp + g->lay->m_p);
	if (!target_read(g->t, gp + g->lay->g_atomicstatus, &status, sizeof status) ||
		(status & ~GO_SCAN_BIT) != GSTATUS_SYSCALL ||
		!target_read(g->t, gp, &stacks[1], sizeof *stacks))
		return 0;
	return 2;
}

/* Only as many as there are, if memory lacks: what is left out counts as busy. */
static void find_rests(const struct gotarget *g, struct rests *r)
{
	uint64_t mp = target_word(g->t, g->glob.allm);
	for (unsigned n = 0; mp && n < MAX_MS; n++) {
		struct range *more = realloc(r->v, (r->n + 2) * sizeof *more);
		if (!more)
			break;
		r->v = more;
		r->n += stacks_at_rest(g, mp, r->v + r->n);
		mp = target_word(g->t, mp + g->lay->m_alllink);
	}
	qsort(r->v, r->n, sizeof *r->v, by_start);
}

static bool rests_at(const struct rests *r, uint64_t sp)
{
	size_t lo = 0, n = r->n;
	while (n > 1) {
		size_t half = n / 2;
		lo += r->v[lo + half].lo <= sp ? half : 0;
		n -= half;
	}
	return n && sp >= r->v[lo].lo && sp < r->v[lo].hi;
}

void goroots_registers(struct gomark *m, const struct thread_regs *regs, size_t n)
{
	struct rests rests = {0};
	find_rests(m->heap->g, &rests);
	m->owner = GOMARK_REGISTER;
	for (size_t i = 0; i < n; i++)
		if (!rests_at(&rests, regs[i].general[REGS_RSP]))
			gomark_words(m, 0, (const uint8_t *)&regs[i], sizeof regs[i]);
	m->owner = 0;
	free(rests.v);
}
