/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symtab.c - finds function names in an ELF file's symbol table (.symtab, else .dynsym).
 *
 * Pure functions over bytes, usable in a signal handler: the caller maps the file and provides the
 * memory for the sorted index. dladdr() knows no static functions, and neither it nor qsort() may
 * be called there; heapsort needs no memory and has no bad case that a hostile file could ask for.
 *
 * Of several names for one address the one a programmer would write wins: fewer leading
 * underscores, then global over weak over local.
 */
#include <elf.h>
#include <errno.h>
#include "heapsort.h"
#include "symtab.h"

static bool section_at(struct bytes image, const Elf64_Ehdr *eh, unsigned i, Elf64_Shdr *sh)
{
	struct reader r = reader_at(image, eh->e_shoff);
	reader_skip(&r, (uint64_t)i * sizeof *sh);
	return reader_take(&r, sh, sizeof *sh);
}

/* The bytes of a section; empty when it has none, is compressed or leaves the file. */
static struct bytes section_bytes(struct bytes image, const Elf64_Shdr *sh)
{
	if (sh->sh_type == SHT_NOBITS || (sh->sh_flags & SHF_COMPRESSED) ||
		sh->sh_offset > image.size || sh->sh_size > image.size - sh->sh_offset)
		return (struct bytes){NULL, 0};
	return (struct bytes){image.data + sh->sh_offset, sh->sh_size};
}

static const char *text_at(struct bytes table, uint64_t offset)
{
	struct reader r = reader_at(table, offset);
	return read_cstr(&r);
}

static void take_symbols(
	struct bytes image, const Elf64_Ehdr *eh, const Elf64_Shdr *sh, struct elf_file *f)
{
	Elf64_Shdr strings;
	if (sh->sh_link >= eh->e_shnum || !section_at(image, eh, sh->sh_link, &strings))
		return;
	f->symtab = section_bytes(image, sh);
	f->strtab = section_bytes(image, &strings);
}

static void take_section(struct bytes image, const Elf64_Ehdr *eh, const Elf64_Shdr *sh,
	const char *name, struct elf_file *f)
{
	if (sh->sh_type == SHT_SYMTAB)
		take_symbols(image, eh, sh, f);
	else if (sh->sh_type == SHT_DYNSYM && !f->symtab.size)
		take_symbols(image, eh, sh, f);
	else if (!strcmp(name, ".debug_line"))
		f->debug_line = section_bytes(image, sh);
	else if (!strcmp(name, ".debug_line_str"))
		f->debug_line_str = section_bytes(image, sh);
	else if (!strcmp(name, ".debug_str"))
		f->debug_str = section_bytes(image, sh);
	else if (!strcmp(name, ".eh_frame")) {
		f->eh_frame_addr = sh->sh_addr;
		f->eh_frame_size = sh->sh_size;
	}
}

int elf_sections(struct bytes image, struct elf_file *f)
{
	Elf64_Ehdr eh;
	Elf64_Shdr sh;
	struct reader r = reader_at(image, 0);
	*f = (struct elf_file){.symtab = {NULL, 0}};
	if (!reader_take(&r, &eh, sizeof eh) || memcmp(eh.e_ident, ELFMAG, SELFMAG) ||
		eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	if (eh.e_shentsize != sizeof sh || !section_at(image, &eh, eh.e_shstrndx, &sh))
		return 0;
	struct bytes names = section_bytes(image, &sh);
	for (unsigned i = 0; i < eh.e_shnum && section_at(image, &eh, i, &sh); i++)
		take_section(image, &eh, &sh, text_at(names, sh.sh_name), f);
	return 0;
}

static Elf64_Sym symbol_at(const struct elf_file *f, uint32_t i)
{
	Elf64_Sym sym;
	memcpy(&sym, f->symtab.data + (size_t)i * sizeof sym, sizeof sym);
	return sym;
}

static bool is_function(const Elf64_Sym *sym)
{
	unsigned type = ELF64_ST_TYPE(sym->st_info);
	return (type == STT_FUNC || type == STT_GNU_IFUNC) && sym->st_shndx != SHN_UNDEF;
}

static bool symbol_less(const struct heapsort *h, size_t a, size_t b)
{
	const uint32_t *order = h->elements;
	uint64_t va = symbol_at(h->keys, order[a]).st_value;
	uint64_t vb = symbol_at(h->keys, order[b]).st_value;
	return va < vb || (va == vb && order[a] < order[b]);
}

static void symbol_swap(const struct heapsort *h, size_t a, size_t b)
{
	uint32_t *order = h->elements, kept = order[a];
	order[a] = order[b];
	order[b] = kept;
}

size_t symtab_sort(const struct elf_file *f, uint32_t *order, size_t max)
{
	size_t n = 0, total = f->symtab.size / sizeof(Elf64_Sym);
	for (size_t i = 0; i < total && i < UINT32_MAX && n < max; i++) {
		Elf64_Sym sym = symbol_at(f, (uint32_t)i);
		if (is_function(&sym))
			order[n++] = (uint32_t)i;
	}
	struct heapsort h = {symbol_less, symbol_swap, f, order};
	heapsort_run(&h, n);
	return n;
}

static int name_score(const Elf64_Sym *sym, const char *name)
{
	int score = ELF64_ST_BIND(sym->st_info) == STB_GLOBAL ? 2 : 0;
	if (ELF64_ST_BIND(sym->st_info) == STB_WEAK)
		score = 1;
	for (int i = 0; name[i] == '_' && i < 4; i++)
		score -= 4;
	return *name ? score : -100;
}

/* First position of order whose address is above vaddr. */
static size_t upper_bound(const struct elf_file *f, const uint32_t *order, size_t n, uint64_t vaddr)
{
	size_t lo = 0, hi = n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (symbol_at(f, order[mid]).st_value <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int symtab_find(const struct elf_file *f, const uint32_t *order, size_t n, uint64_t vaddr,
	struct elf_symbol *out)
{
	size_t end = upper_bound(f, order, n, vaddr);
	int best = -1000;
	if (!end)
		return -ENOENT;
	uint64_t value = symbol_at(f, order[end - 1]).st_value;
	/* Aliases share the address; assembly functions may have no size. */
	for (size_t i = end; i-- > 0 && end - i < 64;) {
		Elf64_Sym sym = symbol_at(f, order[i]);
		if (sym.st_value != value)
			break;
		const char *name = text_at(f->strtab, sym.st_name);
		int score = name_score(&sym, name);
		if ((sym.st_size && vaddr - value >= sym.st_size) || score <= best)
			continue;
		best = score;
		*out = (struct elf_symbol){name, value, sym.st_size};
	}
	return best > -100 ? 0 : -ENOENT;
}

int symtab_data(const struct elf_file *f, uint64_t vaddr, struct elf_symbol *out)
{
	for (size_t i = 0; i < f->symtab.size / sizeof(Elf64_Sym); i++) {
		Elf64_Sym sym = symbol_at(f, (uint32_t)i);
		if (ELF64_ST_TYPE(sym.st_info) != STT_OBJECT || vaddr - sym.st_value >= sym.st_size)
			continue;
		*out = (struct elf_symbol){
			text_at(f->strtab, sym.st_name), sym.st_value, sym.st_size};
		return 0;
	}
	return -ENOENT;
}
