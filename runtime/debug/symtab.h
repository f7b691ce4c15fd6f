/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symtab.h - the sections of an ELF file that name functions and lines, and lookups in its symbols.
 */
#ifndef GORT_DEBUG_SYMTAB_H
#define GORT_DEBUG_SYMTAB_H

#include "bytes.h"

/* Parts of a mapped ELF file; a part that is missing has size 0. */
struct elf_file {
	struct bytes symtab, strtab; /* .symtab, else .dynsym */
	struct bytes debug_line, debug_line_str, debug_str;
	uint64_t eh_frame_addr, eh_frame_size; /* as linked */
};

struct elf_symbol {
	const char *name;
	uint64_t value, size;
};

/* 0 or -ENOEXEC when the bytes are no ELF64 little-endian file. Nothing is copied. */
int elf_sections(struct bytes image, struct elf_file *f);
/*
 * Writes the numbers of f's functions into order (at most max), sorted by address; returns how
 * many.
 */
size_t symtab_sort(const struct elf_file *f, uint32_t *order, size_t max);
/* The function that covers vaddr: 0 or -ENOENT. */
int symtab_find(const struct elf_file *f, const uint32_t *order, size_t n, uint64_t vaddr,
	struct elf_symbol *out);

/* The variable that covers vaddr, by a look at all symbols: 0 or -ENOENT. */
int symtab_data(const struct elf_file *f, uint64_t vaddr, struct elf_symbol *out);

#endif
