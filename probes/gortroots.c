/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gortroots.c - the roots of a program on libgort, as its own collector has them
 * (runtime/mem/mgcroot.c): writable segments of what is loaded; thread-local variables; timers;
 * pools, maps, finalizers and cleanups; what the program has registered and pinned; what the main
 * thread had before the scheduler began. Threads that libgort did not make are in gortthreads.c.
 *
 * gort_pending, a variable of each thread, is the place of its last store, and keeps nothing.
 *
 * Lists are live: every walk is bounded. What cannot be read is no empty list (gomark.unread):
 * there is no verdict then. The exceptions are what need not exist: elements that an empty ring of
 * timers still has, and what lies behind a thread-local block, whose length is not known.
 */
#include "gortroots.h"

#include <errno.h>
#include <string.h>
#include <gelf.h>
#include "gort/abi.h"
#include "gortthreads.h"
#include "modules.h"

#define PIECE     (1u << 20)
#define PAGE      4096u
#define MAX_LIST  (1u << 20)
#define MAX_MS    70000
#define MAX_PS    4096
#define MAX_TLS   (1u << 20)
#define MAX_DTV   4096
#define MAX_ARRAY (1u << 26)

static uint64_t word_at(struct gomark *m, const struct gortread *r, uint64_t at)
{
	uint64_t v;
	if (tmem_read(&r->mem, (taddr){at}, &v, sizeof v))
		return v;
	m->unread = true;
	return 0;
}

static uint64_t get(struct gomark *m, const struct gortread *r, uint64_t base, struct member member)
{
	uint64_t v = 0;
	if (member.size && member.size <= sizeof v &&
		tmem_read(&r->mem, (taddr){base + member.offset}, &v, member.size))
		return v;
	m->unread = true;
	return 0;
}

/* A variable of that size, in the table; false when there is none. */
static bool read_struct(const struct gortread *r, const char *name, void *to, size_t size)
{
	struct variable v = glayout_variable(&r->abi, name);
	return v.size == size && tmem_read(&r->mem, v.at, to, size);
}

/* What of it can be read; false when that is not all. */
static bool mark_readable(struct gomark *m, const struct gortread *r, uint64_t lo, uint64_t hi)
{
	uint8_t *mem = malloc(PIECE);
	bool whole = mem != NULL;
	m->oom |= !mem;
	lo = (lo + 7) & ~7ull;
	for (uint64_t at = lo, n; mem && at + 8 <= hi; at += n) {
		n = hi - at < PIECE ? (hi - at) & ~7ull : PIECE;
		if (tmem_read(&r->mem, (taddr){at}, mem, n)) {
			gomark_words(m, at, mem, n);
			continue;
		}
		n = PAGE - at % PAGE < hi - at ? PAGE - at % PAGE : (hi - at) & ~7ull;
		if (tmem_read(&r->mem, (taddr){at}, mem, n))
			gomark_words(m, at, mem, n);
		else
			whole = false;
	}
	free(mem);
	return whole;
}

static void mark_range(struct gomark *m, const struct gortread *r, uint64_t lo, uint64_t hi)
{
	m->unread |= !mark_readable(m, r, lo, hi);
}

/* ---- variables ---- */

/* What sanitizers keep for themselves, which is large and none of the program's. */
static bool is_sanitizer(const char *name)
{
	static const char *const those[] = {
		"libasan", "libubsan", "libtsan", "liblsan", "libclang_rt"};
	for (size_t i = 0; i < sizeof those / sizeof *those; i++)
		if (!strncmp(name, those[i], strlen(those[i])))
			return true;
	return false;
}

/* The longest block of thread-local variables of any module; that of the program itself. */
struct tls {
	uint64_t longest, own;
};

static void mark_module(
	struct gomark *m, const struct gortread *r, struct module *mod, struct tls *tls)
{
	GElf_Addr bias;
	size_t n = 0;
	Elf *elf = module_elf(mod) ? dwfl_module_getelf(mod->dw, &bias) : NULL;
	if (!elf || elf_getphdrnum(elf, &n)) {
		m->unread = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;
		if (!gelf_getphdr(elf, (int)i, &ph))
			continue;
		uint64_t lo = ph.p_vaddr + mod->bias;
		if (ph.p_type == PT_LOAD && ph.p_flags & PF_W)
			mark_range(m, r, lo, lo + ph.p_memsz);
		if (ph.p_type != PT_TLS || ph.p_memsz > MAX_TLS || ph.p_align > PAGE)
			continue;
		uint64_t align = ph.p_align ? ph.p_align : 1;
		tls->longest = ph.p_memsz > tls->longest ? ph.p_memsz : tls->longest;
		if (mod == modules_main(r->ms))
			tls->own = (ph.p_memsz + align - 1) / align * align;
	}
}

static void mark_variables(struct gomark *m, const struct gortread *r, struct tls *tls)
{
	for (size_t i = 0; r->ms && i < modules_count(r->ms); i++) {
		struct module *mod = modules_get(r->ms, i);
		if (mod->path[0] == '/' && !is_sanitizer(mod->name))
			mark_module(m, r, mod, tls);
	}
}

/* ---- thread-local variables ---- */

/* One block, but for gort_pending; false when not all of it can be read. */
static bool mark_block(
	struct gomark *m, const struct gortread *r, uint64_t lo, uint64_t hi, uint64_t pending)
{
	if (pending < lo || pending >= hi)
		return mark_readable(m, r, lo, hi);
	bool below = mark_readable(m, r, lo, pending);
	return mark_readable(m, r, pending + 8, hi) && below;
}

/*
 * By libc's table of the thread, whose element -1 has its length, and an element the address of a
 * module's block, all ones when it was not made yet. Which module's is not known from there: each
 * is taken to be as long as the longest. A static program may have no table: its block ends at tp.
 */
static void mark_tls(struct gomark *m, const struct gortread *r, uint64_t tp, struct tls tls)
{
	struct variable v = glayout_variable(&r->abi, "gort_pending.offset");
	uint64_t dtv = word_at(m, r, tp + 8), n = dtv ? word_at(m, r, dtv - 16) : 0;
	uint64_t pending = tp + word_at(m, r, v.at.v);
	m->unread |= !mark_block(m, r, tp - tls.own, tp, pending) || n >= MAX_DTV;
	n = n < MAX_DTV ? n : 0;
	for (uint64_t i = 1; i <= n; i++) {
		uint64_t at = word_at(m, r, dtv + 16 * i);
		if (at + 1 > PAGE && at != tp - tls.own)
			mark_block(m, r, at, at + tls.longest, pending);
	}
}

static int mark_threads(struct gomark *m, const struct gortread *r,
	const struct gortthreads *threads, struct tls tls, const char **why)
{
	struct gortms ms = {0};
	int err = gortthreads_ms(r, &ms);
	for (size_t i = 0; !err && i < ms.n; i++)
		if (ms.v[i].tp)
			mark_tls(m, r, ms.v[i].tp, tls);
	struct gortforeign f = {0};
	if (!err)
		err = gortthreads_foreign(r, &ms, threads, &f, why);
	for (size_t i = 0; !err && i < f.n; i++) {
		mark_range(m, r, f.v[i].lo, f.v[i].hi);
		if (f.v[i].regs)
			gomark_words(m, 0, (const uint8_t *)f.v[i].regs, sizeof *f.v[i].regs);
		if (f.v[i].tp)
			mark_tls(m, r, f.v[i].tp, tls);
	}
	free(f.v);
	free(ms.v);
	return err;
}

/* ---- what only the runtime knows ---- */

/* What the main thread had before it called gort_run. */
static void mark_main(struct gomark *m, const struct gortread *r)
{
	struct variable m0 = glayout_variable(&r->abi, "m0");
	uint64_t g0 = m0.size ? get(m, r, m0.at.v, glayout_member(&r->abi, "m.g0")) : 0;
	if (!g0)
		return;
	uint64_t sp = get(m, r, g0, r->lay.g[G_SYSCALLSP]), hi = get(m, r, g0, r->lay.g[G_HI]);
	if (sp && sp < hi && hi - sp < 1u << 30)
		mark_range(m, r, sp, hi);
}

/*
 * From one element of a ring on, until it comes back to the P at [lo, hi). A ring that is empty may
 * still have the elements of another time, which lead in circles: Brent's algorithm ends there.
 */
static void mark_ring(struct gomark *m, uint64_t at, uint64_t lo, uint64_t hi)
{
	uint64_t seen = at;
	for (unsigned n = 0, power = 1; at && (at < lo || at >= hi) && power < MAX_LIST;) {
		gomark_ptr(m, at);
		m->slot = at;
		at = goheap_word(m->heap, at);
		if (at == seen)
			return;
		if (++n == power) {
			seen = at;
			power *= 2;
			n = 0;
		}
	}
}

/* Timers of a P: by the first word of each. Those of goroutines that sleep are on their stacks. */
static bool mark_rings(struct gomark *m, const struct gortread *r, uint64_t lo, uint64_t hi)
{
	uint64_t *words = malloc(hi - lo + 1);
	bool read = words && tmem_read(&r->mem, (taddr){lo}, words, hi - lo);
	for (size_t i = 0; read && i < (hi - lo) / 8; i++) {
		m->slot = lo + 8 * i;
		mark_ring(m, words[i], lo, hi);
	}
	free(words);
	return read;
}

static bool mark_timers(struct gomark *m, const struct gortread *r)
{
	const struct gort_abi_entry *e = gortabi_find(&r->abi, "p.timers", GORT_ABI_OFFSET);
	struct variable list = r->lay.var[V_ALLP], n = r->lay.var[V_GOMAXPROCS];
	int32_t nps = 0;
	if (!e || !list.size || n.size != sizeof nps || !tmem_read(&r->mem, n.at, &nps, sizeof nps))
		return false;
	uint64_t ps = word_at(m, r, list.at.v);
	for (int32_t i = 0; i < nps && i < MAX_PS; i++) {
		uint64_t p = word_at(m, r, ps + 8 * (uint64_t)i) + e->value;
		if (!mark_rings(m, r, p, p + e->size))
			return false;
	}
	return true;
}

static bool mark_list(struct gomark *m, const struct gortread *r, const char *name)
{
	struct gort_abi_roots l;
	if (!read_struct(r, name, &l, sizeof l) || l.hi < l.lo || l.hi > PIECE)
		return false;
	uint64_t at = word_at(m, r, (uint64_t)l.first);
	for (unsigned n = 0; at && n < MAX_LIST; n++, at = word_at(m, r, at + l.next))
		mark_range(m, r, at + l.lo, at + l.hi);
	return !at;
}

static void mark_item(
	struct gomark *m, const struct gortread *r, const struct gort_abi_pools *l, uint64_t at)
{
	mark_range(m, r, at, at + l->item);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t array = word_at(m, r, at + l->arrays[i]);
		uint32_t n = (uint32_t)word_at(m, r, at + l->arrays[i] + 8);
		m->unread |= n >= MAX_ARRAY;
		if (array && n < MAX_ARRAY)
			mark_range(m, r, array, array + 8ull * n);
	}
}

static bool mark_pools(struct gomark *m, const struct gortread *r)
{
	struct gort_abi_pools l;
	if (!read_struct(r, "roots.pools", &l, sizeof l) || !l.item || l.item > PIECE ||
		l.list.hi < l.list.lo || l.list.hi - l.list.lo > 8 * 16)
		return false;
	uint64_t at = word_at(m, r, (uint64_t)l.list.first);
	for (unsigned n = 0; at && n < MAX_LIST; n++, at = word_at(m, r, at + l.list.next)) {
		for (uint64_t k = 0; k < (l.list.hi - l.list.lo) / 8; k++) {
			uint64_t chunk = word_at(m, r, at + l.list.lo + 8 * k);
			for (uint64_t i = 0; chunk && i < 1ull << k; i++)
				mark_item(m, r, &l, chunk + i * l.item);
		}
	}
	return !at;
}

struct registered {
	uint64_t p, n;
	uint32_t kind, pad;
};

static bool mark_registered(struct gomark *m, const struct gortread *r)
{
	struct gort_abi_registered l;
	if (!read_struct(r, "roots.registered", &l, sizeof l))
		return false;
	uint64_t at = word_at(m, r, (uint64_t)l.array), n = word_at(m, r, (uint64_t)l.length);
	if (n > MAX_LIST)
		return false;
	for (uint64_t i = 0; at && i < n; i++) {
		struct registered e;
		if (!tmem_read(&r->mem, (taddr){at + i * sizeof e}, &e, sizeof e))
			return false;
		if (e.kind == 1 && e.n < 1ull << 40)
			mark_range(m, r, e.p, e.p + e.n);
		else if (e.kind == 2)
			gomark_ptr(m, e.p);
	}
	return true;
}

/* ---- specials ---- */

struct specials {
	struct member next, offset, kind, arg, handle;
	uint64_t finalizer, weak, cleanup;
};

static bool find_specials(const struct gortread *r, struct specials *s)
{
	static const char *const names[] = {"SPECIALFINALIZER", "SPECIALWEAK", "SPECIALCLEANUP"};
	uint64_t *const to[] = {&s->finalizer, &s->weak, &s->cleanup};
	for (unsigned i = 0; i < 3; i++) {
		const struct gort_abi_entry *e = gortabi_find(&r->abi, names[i], GORT_ABI_CONST);
		if (!e)
			return false;
		*to[i] = e->value;
	}
	s->next = glayout_member(&r->abi, "special.next");
	s->offset = glayout_member(&r->abi, "special.offset");
	s->kind = glayout_member(&r->abi, "special.kind");
	s->arg = glayout_member(&r->abi, "special.arg");
	s->handle = glayout_member(&r->abi, "special.handle");
	return s->next.size && s->offset.size && s->kind.size && s->arg.size && s->handle.size;
}

/* A finalizer keeps what its object refers to, not the object. */
static void mark_special(struct gomark *m, const struct gortread *r, const struct specials *s,
	const struct gospan *span, uint64_t at)
{
	uint64_t kind = get(m, r, at, s->kind);
	struct goobj o;
	if (kind == s->finalizer) {
		uint64_t addr = span->start + get(m, r, at, s->offset);
		if (goheap_find(m->heap, addr, &o))
			gomark_object(m, o);
	} else if (kind == s->cleanup) {
		gomark_ptr(m, get(m, r, at, s->arg));
	} else if (kind == s->weak) {
		gomark_ptr(m, get(m, r, at, s->handle));
	}
}

static bool mark_specials(struct gomark *m, const struct gortread *r)
{
	struct specials s = {0};
	unsigned budget = MAX_LIST;
	if (!find_specials(r, &s))
		return false;
	for (uint32_t i = 0; i < m->heap->nspans; i++) {
		const struct gospan *span = &m->heap->spans[i];
		for (uint64_t at = span->specials; at && budget; budget--) {
			mark_special(m, r, &s, span, at);
			at = get(m, r, at, s.next);
		}
	}
	return budget;
}

static bool mark_runtime(struct gomark *m, const struct gortread *r)
{
	mark_main(m, r);
	bool all = mark_timers(m, r) && mark_pools(m, r) && mark_registered(m, r) &&
		   mark_list(m, r, "roots.maps");
	m->owner = GOMARK_SPECIAL;
	all = all && mark_specials(m, r) && mark_list(m, r, "roots.finalizers") &&
	      mark_list(m, r, "roots.cleanups");
	m->owner = 0;
	return all;
}

int gortroots_mark(struct gomark *m, const struct gortread *r, const struct gortthreads *threads,
	const char **why)
{
	struct tls tls = {0};
	mark_variables(m, r, &tls);
	*why = "its variables cannot be read";
	if (m->unread)
		return -EPROTO;
	bool all = mark_runtime(m, r);
	*why = m->unread ? "what its libgort keeps alive cannot all be read"
			 : "its libgort does not tell all that it keeps alive";
	if (m->unread || !all)
		return -EPROTO;
	int err = mark_threads(m, r, threads, tls, why);
	if (err || !m->unread)
		return err;
	*why = "the variables of some threads cannot be read";
	return -EPROTO;
}
