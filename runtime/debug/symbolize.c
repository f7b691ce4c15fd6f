/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbolize.c - names a pc of this process by the symbol table and line table of its module's file.
 *
 * Calls that the compiler inlined are not told apart here: that needs .debug_info, which the tools
 * outside read with libdw. A dump from inside therefore shows one line a machine frame, named after
 * the function that owns the frame, with the file:line of the innermost inlined call.
 */
#include "symbolize.h"

static const struct line_seq *find_seq(const struct module_file *f, uint64_t vaddr)
{
	size_t lo = 0, hi = f->nseqs;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (f->seqs[mid].low <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* Sequences of one file do not overlap; allow a few that a linker left behind. */
	for (size_t i = lo; i-- > 0 && lo - i < 8;)
		if (vaddr < f->seqs[i].high)
			return &f->seqs[i];
	return NULL;
}

static size_t put_hex(char *to, uint64_t v)
{
	size_t digits = 1;
	while (digits < 16 && v >> (digits * 4))
		digits++;
	for (size_t i = digits; i--; v >>= 4)
		to[i] = "0123456789abcdef"[v & 15];
	return digits;
}

/* "libc.so.6+0x271ca"; an address outside all modules stands alone. */
static void name_by_offset(struct symbol *out, uintptr_t pc)
{
	const char *path = out->mod ? out->mod->path : "", *slash = strrchr(path, '/');
	size_t n = 0;
	for (path = slash ? slash + 1 : path; *path && n < 50; path++)
		out->unnamed[n++] = *path;
	if (n)
		out->unnamed[n++] = '+';
	out->unnamed[n++] = '0';
	out->unnamed[n++] = 'x';
	n += put_hex(out->unnamed + n, out->mod ? pc - out->mod->base : pc);
	out->unnamed[n] = '\0';
	out->func = out->unnamed;
}

void symbolize_func(uintptr_t pc, bool callsite, struct symbol *out)
{
	struct elf_symbol sym;
	uintptr_t at = pc - callsite;
	out->entry = 0;
	out->internal = false;
	out->line = 0;
	out->file[0] = '\0';
	out->mod = module_find(at);
	const struct module_file *f = out->mod ? module_file(out->mod) : NULL;
	if (!f || symtab_find(&f->elf, f->order, f->norder, at - out->mod->base, &sym))
		return name_by_offset(out, pc);
	out->func = sym.name;
	out->entry = out->mod->base + sym.value;
}

static bool runtime_file(const char *file)
{
	static const char *const rooms[] = {
		"sched/", "sync/", "mem/", "lang/", "net/", "testing/", "debug/", "base/"};
	const char *in = strstr(file, "runtime/");
	for (unsigned i = 0; in && i < sizeof rooms / sizeof rooms[0]; i++)
		if (!strncmp(in + strlen("runtime/"), rooms[i], strlen(rooms[i])))
			return true;
	return false;
}

static void find_line(uintptr_t pc, struct symbol *out)
{
	struct line_pos pos;
	const struct module_file *f = out->mod ? module_file(out->mod) : NULL;
	uint64_t vaddr = pc - (out->mod ? out->mod->base : 0);
	const struct line_seq *seq = f ? find_seq(f, vaddr) : NULL;
	if (!seq || line_find(&f->lines, seq, vaddr, &pos))
		return;
	line_path(&pos, out->file, sizeof out->file);
	out->line = pos.line;
}

static bool public_function(const char *func)
{
	return !strncmp(func, "gort_", 5) && strcmp(func, "gort_main") != 0;
}

/*
 * Our own functions are told by their public prefix or by the file they are written in. That is the
 * file of their entry: the line of a call in them may lie in a header whose code was inlined, which
 * users include too.
 */
void symbolize(uintptr_t pc, bool callsite, struct symbol *out)
{
	symbolize_func(pc, callsite, out);
	if (out->entry)
		find_line(out->entry, out);
	bool in_runtime = runtime_file(out->file);
	out->internal = in_runtime || public_function(out->func);
	find_line(pc - callsite, out);
	if (in_runtime && !runtime_file(out->file))
		find_line(out->entry, out);
}
