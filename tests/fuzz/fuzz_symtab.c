/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_symtab.c - ELF files: sections, the sorted symbol index and lookups. Input: an ELF file. */
#include "debug/symtab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_file f;
	struct elf_symbol sym;
	uint32_t order[256];
	size_t longest = 0;
	if (elf_sections((struct bytes){data, size}, &f))
		return 0;
	size_t n = symtab_sort(&f, order, 256);
	for (uint64_t vaddr = 0; vaddr < 0x4000; vaddr += 13)
		if (!symtab_find(&f, order, n, vaddr, &sym) && strlen(sym.name) > longest)
			longest = strlen(sym.name);
	return longest > size;
}
