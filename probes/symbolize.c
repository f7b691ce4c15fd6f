/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbolize.c - from a pc of another process to functions, files and lines.
 *
 * Best source first: .debug_info (inlined calls, file and line), then the symbol table, then the
 * dynamic one, then nothing but the module and the offset in it. Function names are the linker's,
 * so that all three sources agree; C++ names stay mangled. Answers are cached by pc for the life of
 * the symbolizer; a pc outside all known modules makes it read the mappings again.
 */
#include <stdlib.h>
#include <string.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include "dwscopes.h"
#include "pcmap.h"
#include "symbolize.h"

#define MAX_INLINE 64

struct symbolizer {
	struct modules *ms;
	struct target own; /* of symbolizer_open */
	bool owns_modules;
	struct pcmap known; /* of struct sym_pc */
};

struct symbolizer *symbolizer_over(struct modules *ms)
{
	struct symbolizer *s = calloc(1, sizeof *s);
	if (s)
		s->ms = ms;
	return s;
}

struct symbolizer *symbolizer_open(pid_t pid)
{
	struct symbolizer *s = symbolizer_over(NULL);
	if (!s)
		return NULL;
	target_init(&s->own, pid, NULL);
	s->ms = modules_open(&s->own);
	s->owns_modules = true;
	if (s->ms)
		return s;
	free(s);
	return NULL;
}

void symbolizer_close(struct symbolizer *s)
{
	if (!s)
		return;
	pcmap_free(&s->known);
	if (s->owns_modules)
		modules_close(s->ms);
	free(s);
}

static const char *die_name(Dwarf_Die *die)
{
	Dwarf_Attribute at;
	const char *name = NULL;
	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &at) ||
		dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &at))
		name = dwarf_formstring(&at);
	return name ? name : dwarf_diename(die);
}

static uint32_t die_number(Dwarf_Die *die, unsigned attr)
{
	Dwarf_Attribute at;
	Dwarf_Word v = 0;
	return dwarf_attr(die, attr, &at) && dwarf_formudata(&at, &v) == 0 ? (uint32_t)v : 0;
}

/* Where in a source file; filled into the frame that is executing there. */
struct place {
	const char *file;
	uint32_t line, column;
};

static struct place place_of_pc(Dwarf_Die *cu, Dwarf_Addr addr)
{
	struct place at = {0};
	int line = 0, column = 0;
	Dwarf_Line *l = dwarf_getsrc_die(cu, addr);
	if (!l)
		return at;
	at.file = dwarf_linesrc(l, NULL, NULL);
	dwarf_lineno(l, &line);
	dwarf_linecol(l, &column);
	at.line = line > 0 ? (uint32_t)line : 0;
	at.column = column > 0 ? (uint32_t)column : 0;
	return at;
}

static struct place place_of_call(Dwarf_Die *cu, Dwarf_Die *inlined)
{
	Dwarf_Files *files;
	size_t n;
	struct place at = {.line = die_number(inlined, DW_AT_call_line),
		.column = die_number(inlined, DW_AT_call_column)};
	if (dwarf_getsrcfiles(cu, &files, &n) == 0)
		at.file = dwarf_filesrc(files, die_number(inlined, DW_AT_call_file), NULL, NULL);
	return at;
}

/* What is being resolved, and the frames found so far, innermost first. */
struct lookup {
	struct module *m;
	uint64_t pc, entry;
	struct sym_frame frames[MAX_INLINE];
	uint32_t n;
};

static void push(struct lookup *k, const char *func, struct place at, bool inlined)
{
	if (k->n == MAX_INLINE)
		return;
	k->frames[k->n++] = (struct sym_frame){.func = func,
		.file = at.file,
		.line = at.line,
		.column = at.column,
		.inlined = inlined};
}

static const char *symbol_name(struct lookup *k)
{
	GElf_Sym sym;
	GElf_Off offset;
	const char *name = dwfl_module_addrinfo(k->m->dw, k->pc, &offset, &sym, NULL, NULL, NULL);
	if (name && !k->entry)
		k->entry = k->pc - offset;
	return name && *name ? name : NULL;
}

/* Scopes innermost first: the inlined calls, then the function that owns the machine frame. */
static void walk_scopes(
	struct lookup *k, Dwarf_Die *cu, struct place at, Dwarf_Die *scopes, int nscopes)
{
	for (int i = 0; i < nscopes; i++) {
		Dwarf_Die *die = &scopes[i];
		int tag = dwarf_tag(die);
		if (tag == DW_TAG_inlined_subroutine) {
			push(k, die_name(die), at, true);
			at = place_of_call(cu, die);
		} else if (tag == DW_TAG_subprogram) {
			Dwarf_Addr entry;
			if (dwarf_entrypc(die, &entry) == 0)
				k->entry = entry + k->m->dwarf_bias;
			const char *name = die_name(die);
			push(k, name ? name : symbol_name(k), at, false);
			return;
		}
	}
	push(k, symbol_name(k), at, false);
}

static void from_debug_info(struct lookup *k, Dwarf_Die *cu)
{
	Dwarf_Addr addr = k->pc - k->m->dwarf_bias;
	struct place at = place_of_pc(cu, addr);
	Dwarf_Die scopes[DWSCOPES_MAX];
	walk_scopes(k, cu, at, scopes, dwscopes(cu, addr, scopes));
}

static void resolve(struct symbolizer *s, struct lookup *k)
{
	k->m = modules_at(s->ms, k->pc);
	if (!k->m && modules_refresh(s->ms))
		k->m = modules_at(s->ms, k->pc);
	if (k->m && module_elf(k->m)) {
		Dwarf_Die *cu = module_cu(k->m, k->pc);
		if (cu)
			from_debug_info(k, cu);
		else
			push(k, symbol_name(k), (struct place){0}, false);
	}
	if (!k->n)
		push(k, NULL, (struct place){0}, false);
	for (uint32_t i = 0; i < k->n; i++) {
		k->frames[i].module = k->m ? k->m->path : NULL;
		k->frames[i].offset =
			k->m ? k->pc - (k->m->has_elf ? k->m->bias : k->m->start) : k->pc;
	}
}

static struct sym_pc *answer(struct symbolizer *s, uint64_t pc)
{
	struct lookup k = {.pc = pc};
	resolve(s, &k);
	struct sym_pc *a = malloc(sizeof *a + k.n * sizeof *k.frames);
	if (!a)
		return NULL;
	*a = (struct sym_pc){.pc = pc, .entry = k.entry, .nframes = k.n};
	memcpy(a->frames, k.frames, k.n * sizeof *k.frames);
	return a;
}

const struct sym_pc *symbolizer_find(struct symbolizer *s, uint64_t pc)
{
	struct sym_pc *a = pcmap_get(&s->known, pc);
	if (a)
		return a;
	a = answer(s, pc);
	if (a && pcmap_add(&s->known, pc, a))
		return a;
	free(a);
	return NULL;
}

size_t symbolizer_pc(struct symbolizer *s, uint64_t pc, struct sym_frame *out, size_t max)
{
	const struct sym_pc *a = symbolizer_find(s, pc);
	if (max == 0)
		return 0;
	if (!a) {
		out[0] = (struct sym_frame){.offset = pc};
		return 1;
	}
	size_t n = a->nframes < max ? a->nframes : max;
	memcpy(out, a->frames, n * sizeof *out);
	return n;
}

/* A module's variables may lie behind its file's last mapping: in memory that starts as zeroes. */
static struct module *module_below(struct modules *ms, uint64_t addr)
{
	struct module *best = NULL;
	for (size_t i = 0; i < modules_count(ms); i++) {
		struct module *m = modules_get(ms, i);
		if (m->start <= addr && (!best || m->start > best->start))
			best = m;
	}
	return best;
}

bool symbolizer_data(struct symbolizer *s, uint64_t addr, struct sym_data *out)
{
	GElf_Sym sym;
	GElf_Off offset;
	struct module *m = module_below(s->ms, addr);
	if (!m || !module_elf(m))
		return false;
	const char *name = dwfl_module_addrinfo(m->dw, addr, &offset, &sym, NULL, NULL, NULL);
	if (!name || !*name || offset >= sym.st_size)
		return false;
	*out = (struct sym_data){.name = name,
		.module = m->path,
		.start = addr - offset,
		.size = sym.st_size,
		.offset = addr - offset - m->bias};
	return true;
}
