/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goheld.c - why a goroutine that waits is no leak: the words that led the marker to what it waits
 * for, back to something that lives by itself.
 *
 * Of each object the marker notes the first word that led to it. A goroutine that was woken in the
 * fixed point had been reached before it was looked into, so a chain never comes back to itself;
 * its length is bounded all the same.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <gelf.h>
#include "goleak.h"
#include "gortread.h"
#include "modules.h"

static const struct gocopy *goroutine_at(const struct golook *p, uint64_t g)
{
	uint32_t i = idmap_get(&p->waits.by_addr, g);
	return i ? &p->now.v[i - 1] : NULL;
}

/* The key of a goroutine that keeps it reachable, 0 for none. */
static uint64_t live_key(const struct golook *p, const struct gocopy *c)
{
	size_t i = (size_t)(c - p->now.v);
	enum gowait kind = c->kind;
	if (kind == GOWAIT_OTHER || kind == GOWAIT_FOREVER)
		return 0;
	for (uint32_t k = p->waits.first[i]; k; k = p->waits.keys[k - 1].next) {
		uint64_t addr = p->waits.keys[k - 1].addr;
		if (addr && gomark_live(&p->mark, addr, kind != GOWAIT_CHAN) != GO_DEAD)
			return addr;
	}
	return 0;
}

/* Blocked, but reached: what reached it leads on. All others live by themselves. */
static bool woken(const struct golook *p, const struct gocopy *c)
{
	uint8_t state = p->state[c - p->now.v];
	return state == GOLOOK_WOKEN || state == GOLOOK_UNSURE;
}

static bool in_data(Elf *elf, uint64_t bias, uint64_t addr)
{
	size_t n = 0;
	GElf_Phdr ph;
	if (elf_getphdrnum(elf, &n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (gelf_getphdr(elf, (int)i, &ph) && ph.p_type == PT_LOAD && ph.p_flags & PF_W &&
			addr - bias - ph.p_vaddr < ph.p_memsz)
			return true;
	return false;
}

/* A variable of a program on libgort, by the symbols of the file whose data it is in. */
static void name_c_variable(const struct gortread *r, struct probe_hold *h)
{
	for (size_t i = 0; r->ms && i < modules_count(r->ms); i++) {
		struct module *mod = modules_get(r->ms, i);
		GElf_Addr bias;
		GElf_Off off;
		GElf_Sym s;
		Elf *elf = mod->path[0] == '/' && module_elf(mod)
				   ? dwfl_module_getelf(mod->dw, &bias)
				   : NULL;
		if (!elf || !in_data(elf, mod->bias, h->addr))
			continue;
		const char *name =
			dwfl_module_addrinfo(mod->dw, h->addr, &off, &s, NULL, NULL, NULL);
		if (!name || GELF_ST_TYPE(s.st_info) != STT_OBJECT || off >= s.st_size)
			return;
		snprintf(h->name, sizeof h->name, "%s", name);
		h->addr -= off;
		h->offset = off;
		h->size = s.st_size;
		return;
	}
}

/* The symbol of a variable, in the executable's table; of Go programs. */
static void name_go_variable(const struct gotarget *g, struct probe_hold *h)
{
	const Elf64_Shdr *sh = g ? elf_section(&g->elf, ".symtab") : NULL;
	const Elf64_Shdr *strs = sh && sh->sh_link < g->elf.nsh ? &g->elf.sh[sh->sh_link] : NULL;
	if (!strs || sh->sh_offset > g->elf.size || sh->sh_size > g->elf.size - sh->sh_offset ||
		strs->sh_offset > g->elf.size || strs->sh_size > g->elf.size - strs->sh_offset)
		return;
	for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= sh->sh_size; at += sizeof(Elf64_Sym)) {
		Elf64_Sym s;
		memcpy(&s, g->elf.image + sh->sh_offset + at, sizeof s);
		uint64_t off = h->addr - g->bias - s.st_value;
		if (ELF64_ST_TYPE(s.st_info) != STT_OBJECT || off >= s.st_size ||
			s.st_name >= strs->sh_size)
			continue;
		const char *name = (const char *)g->elf.image + strs->sh_offset + s.st_name;
		snprintf(h->name, sizeof h->name, "%.*s", (int)(strs->sh_size - s.st_name), name);
		h->addr -= off;
		h->offset = off;
		h->size = s.st_size;
		return;
	}
}

static void name_variable(const struct golook *p, struct probe_hold *h)
{
	if (p->l->r)
		name_c_variable(p->l->r, h);
	else
		name_go_variable(p->l->g, h);
}

static void describe_object(const struct golook *p, struct goobj o, struct probe_hold *h)
{
	const struct gospan *s = o.span;
	uint64_t base = goobj_base(o), type = 0;
	h->offset = h->addr - base;
	h->addr = base;
	h->size = s->elemsize;
	if (s->kind == GOSPAN_HEADER) {
		type = goheap_word(&p->l->heap, base);
		h->addr += 8;
		h->offset -= 8;
		h->size -= 8;
	} else if (s->kind == GOSPAN_LARGE) {
		type = s->type;
	}
	if (!type || !p->l->g || !gotype_name(p->l->g, type, h->name, sizeof h->name))
		h->name[0] = '\0';
}

/* What the word or owner that led to something is; false when that is not known. */
static bool holder_of(const struct golook *p, uint64_t slot, struct probe_hold *h)
{
	struct goobj o;
	const struct gocopy *c = goroutine_at(p, slot);
	*h = (struct probe_hold){.addr = slot};
	if (!slot)
		return false;
	if (slot == GOMARK_SPECIAL || slot == GOMARK_REGISTER) {
		h->by = slot == GOMARK_SPECIAL ? PROBE_HELD_SPECIAL : PROBE_HELD_REGISTER;
	} else if (c) {
		h->by = PROBE_HELD_STACK;
		h->addr = c->goid;
	} else if (!goheap_find(&p->l->heap, slot, &o)) {
		h->by = PROBE_HELD_VARIABLE;
		name_variable(p, h);
	} else if (idmap_get(&p->mark.opaque, goobj_base(o))) {
		h->by = PROBE_HELD_RUNTIME;
	} else {
		h->by = PROBE_HELD_OBJECT;
		describe_object(p, o, h);
	}
	return true;
}

static const struct gocopy *goroutine_of(const struct golook *p, uint64_t goid)
{
	for (size_t i = 0; i < p->now.n; i++)
		if (p->now.v[i].goid == goid)
			return &p->now.v[i];
	return NULL;
}

/* What it waits for may be no heap object: then it is a variable, or on somebody's stack. */
static size_t not_of_heap(const struct golook *p, uint64_t key, struct probe_hold *out)
{
	*out = (struct probe_hold){.by = PROBE_HELD_VARIABLE, .addr = key};
	for (size_t i = 0; i < p->now.n; i++) {
		const struct gocopy *c = &p->now.v[i];
		if (key < c->lo || key >= c->hi)
			continue;
		*out = (struct probe_hold){.by = PROBE_HELD_STACK, .addr = c->goid};
		return 1;
	}
	name_variable(p, out);
	return 1;
}

/*
 * Where the chain goes on behind a goroutine's stack: the next step's word or owner. A stack of
 * libgort may have been led to itself; else what the goroutine waited for was.
 */
static uint64_t behind_stack(const struct golook *p, const struct gocopy *c, uint64_t *key)
{
	uint64_t from = gortleak_from(p, c);
	*key = from ? 0 : woken(p, c) ? live_key(p, c) : 0;
	return from;
}

size_t goheld_chain(const struct golook *p, uint64_t goid, struct probe_hold *out, size_t max)
{
	const struct gocopy *c = goroutine_of(p, goid);
	uint64_t at = c ? live_key(p, c) : 0, slot = 0;
	size_t n = 0;
	while ((at || slot) && n < max) {
		struct probe_hold *h = &out[n];
		struct goobj o;
		if (at && !goheap_find(&p->l->heap, at, &o))
			return n + not_of_heap(p, at, h);
		if (!holder_of(p, slot ? slot : gomark_holder(&p->mark, at), h))
			break;
		n++;
		at = h->by == PROBE_HELD_OBJECT ? h->addr : 0;
		slot = 0;
		if (h->by == PROBE_HELD_STACK && (c = goroutine_of(p, h->addr)))
			slot = behind_stack(p, c, &at);
	}
	return n;
}
