/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * moduledata.c - finds runtime.pclntab in the file and runtime.firstmoduledata in the live process.
 *
 * A section header names them in most builds; an external linker merges .gopclntab into
 * .data.rel.ro and a stripper may drop all headers, so both have a scan as fallback: the table by
 * its header, the module by the only pair of words that point to the table and to its name table.
 * The module is read from the process, never from the file: since Go 1.26, and in every PIE, the
 * file holds zeros that only relocation fills.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "gotarget.h"

#define CHUNK (1 << 20)
#define PAGE  4096u

static bool table_at(struct gotarget *g, uint64_t vaddr)
{
	size_t avail;
	const uint8_t *p = elf_at(&g->elf, vaddr, &avail);
	return p && !pclntab_init(&g->tab, p, avail);
}

static bool table_in_segment(struct gotarget *g, unsigned seg, uint64_t *vaddr)
{
	size_t len;
	const uint8_t *p = elf_segment(&g->elf, seg, &len);
	for (size_t off = 0; p && off + 72 <= len; off += 8) {
		if (pclntab_looks_right(p + off, len - off) &&
			!pclntab_init(&g->tab, p + off, len - off)) {
			*vaddr = g->elf.ph[seg].p_vaddr + off;
			return true;
		}
	}
	return false;
}

static bool find_table(struct gotarget *g, uint64_t *vaddr)
{
	static const char *const names[] = {".gopclntab", ".data.rel.ro.gopclntab"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const Elf64_Shdr *sh = elf_section(&g->elf, names[i]);
		if (sh && table_at(g, sh->sh_addr)) {
			*vaddr = sh->sh_addr;
			return true;
		}
	}
	for (unsigned i = 0; i < g->elf.nph; i++)
		if (table_in_segment(g, i, vaddr))
			return true;
	return false;
}

/* What there is of a chunk: a core that was cut off has only a part of it. */
static void read_pages(const struct gotarget *g, uint64_t at, uint8_t *to, size_t len)
{
	if (target_read(g->t, at, to, len))
		return;
	memset(to, 0, len);
	for (size_t off = 0, n; off < len; off += n) {
		n = PAGE - (at + off) % PAGE;
		n = n < len - off ? n : len - off;
		target_read(g->t, at + off, to + off, n);
	}
}

/* The word pair that opens moduledata: &pcHeader, then &funcnametab[0]. */
static uint64_t pair_in_chunk(const struct gotarget *g, uint64_t at, size_t len, uint64_t table)
{
	uint64_t names = table + g->tab.names, found = 0;
	uint64_t *words = malloc(len);
	if (!words)
		return 0;
	read_pages(g, at, (uint8_t *)words, len);
	for (size_t i = 0; i + 1 < len / 8 && !found; i++)
		if (words[i] == table && words[i + 1] == names)
			found = at + i * 8;
	free(words);
	return found;
}

static uint64_t scan_for_module(const struct gotarget *g, uint64_t table)
{
	for (unsigned i = 0; i < g->elf.nph; i++) {
		const Elf64_Phdr *ph = &g->elf.ph[i];
		size_t have; /* not p_filesz, which a damaged file can make endless */
		if (!elf_segment(&g->elf, i, &have) || (ph->p_flags & PF_X))
			continue;
		for (uint64_t off = 0; off < have; off += CHUNK) {
			uint64_t rest = have - off;
			/* One word more than a chunk, for a pair across its end. */
			size_t len = rest < CHUNK + 8 ? rest & ~7ull : CHUNK + 8;
			uint64_t at = pair_in_chunk(g, g->bias + ph->p_vaddr + off, len, table);
			if (at)
				return at;
		}
	}
	return 0;
}

static uint64_t word(const uint8_t *raw, size_t off)
{
	uint64_t v;
	memcpy(&v, raw + off, sizeof v);
	return v;
}

static void read_ranges(struct moduledata *md, const uint8_t *raw)
{
	md->data = (struct range){UINT64_MAX, 0};
	for (int i = 0; i < GO_MAX_RANGES; i++) {
		struct range r = {
			word(raw, MD_NOPTRDATA + 16 * i), word(raw, MD_NOPTRDATA + 16 * i + 8)};
		md->sections[i] = r;
		if (r.lo >= r.hi)
			continue;
		md->data.lo = r.lo < md->data.lo ? r.lo : md->data.lo;
		md->data.hi = r.hi > md->data.hi ? r.hi : md->data.hi;
	}
}

/* As moduledataverify1: the first and the last entry of the table are the ends of the code. */
static bool table_spans_text(const struct gotarget *g, const uint8_t *raw)
{
	struct gofunc first, last;
	return pclntab_func(&g->tab, 0, &first) && pclntab_func(&g->tab, g->tab.nfunc - 1, &last) &&
	       word(raw, MD_MINPC) == g->md.text + first.entry &&
	       word(raw, MD_MAXPC) == g->md.text + last.end;
}

/* Whether funcdata at an address makes sense: the first inlined calls of functions. */
static bool inlines_make_sense(struct gotarget *g, uint64_t gofunc)
{
	enum { ENOUGH = 32 };
	unsigned seen = 0;
	g->md.gofunc = gofunc;
	for (uint32_t i = 0; i < g->tab.nfunc && seen < ENOUGH; i++) {
		struct gofunc f;
		size_t avail;
		uint32_t name;
		int32_t parent;
		if (!pclntab_func(&g->tab, i, &f) || !pclntab_pcdata(&g->tab, &f, PCDATA_INLTREE) ||
			pclntab_funcdata(&g->tab, &f, FUNCDATA_INLTREE) == UINT32_MAX)
			continue;
		const uint8_t *call = gofuncdata(g, &f, FUNCDATA_INLTREE, &avail);
		if (!call || avail < 16)
			return false;
		memcpy(&name, call + 4, sizeof name);
		memcpy(&parent, call + 8, sizeof parent);
		const char *text = pclntab_name(&g->tab, name);
		if (!text || !strchr(text, '.') || name == 0 || parent < 0 ||
			(uint32_t)parent >= f.end - f.entry)
			return false;
		seen++;
	}
	return seen == ENOUGH;
}

/*
 * A version newer than the tables may have moved the member that funcdata is relative to. Then it
 * is the word of the module that makes sense of all of it; or none does, and no call is known to be
 * inlined.
 */
static void prove_gofunc(struct gotarget *g, const uint8_t *raw)
{
	uint64_t assumed = g->md.gofunc;
	bool found = inlines_make_sense(g, assumed);
	for (size_t off = MD_NOPTRDATA; off < MD_SIZE && !found; off += 8)
		found = word(raw, off) && inlines_make_sense(g, word(raw, off));
	if (!found)
		g->md.gofunc = 0;
}

/* 0 when the layout of an unknown version has it beyond what was read. */
static uint64_t member(const uint8_t raw[MD_SIZE], uint32_t off)
{
	return off <= MD_SIZE - 8 ? word(raw, off) : 0;
}

static bool read_module(struct gotarget *g, uint64_t at, uint64_t table)
{
	uint8_t raw[MD_SIZE];
	if (!target_read(g->t, at, raw, sizeof raw) || word(raw, 0) != table)
		return false;
	struct moduledata *md = &g->md;
	md->addr = at;
	md->text = word(raw, MD_TEXT);
	md->etext = word(raw, MD_ETEXT);
	md->rodata = member(raw, g->lay->md_rodata);
	md->gofunc = member(raw, g->lay->md_gofunc);
	read_ranges(md, raw);
	if (g->guess)
		prove_gofunc(g, raw);
	return md->text < md->etext && md->etext - md->text < UINT32_MAX &&
	       table_spans_text(g, raw) && word(raw, MD_FTAB) == table + g->tab.funcs &&
	       md->data.lo < md->data.hi && md->data.hi < 1ull << 47 &&
	       md->data.hi - md->data.lo < 1ull << 32;
}

int moduledata_find(struct gotarget *g)
{
	uint64_t vaddr;
	if (!find_table(g, &vaddr))
		return -EPROTO;
	uint64_t table = vaddr + g->bias;
	const Elf64_Shdr *sh = elf_section(&g->elf, ".go.module");
	if (sh && read_module(g, sh->sh_addr + g->bias, table))
		return 0;
	uint64_t at = scan_for_module(g, table);
	return at && read_module(g, at, table) ? 0 : -EPROTO;
}
