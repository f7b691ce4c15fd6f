/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elfsym.c - see elfsym.h. The image is a file: every table and name is checked to lie inside it,
 * and headers are copied out because they may be unaligned.
 */
#include "builtins.h"

#include <elf.h>
#include <string.h>

#include "elfsym.h"

static bool inside(const struct elfsym *e, uint64_t off, uint64_t n, size_t size)
{
	return off <= e->len && n <= (e->len - off) / size;
}

static bool section(const struct elfsym *e, const Elf64_Ehdr *eh, uint64_t i, Elf64_Shdr *sh)
{
	if (i >= eh->e_shnum || eh->e_shentsize != sizeof *sh ||
		!inside(e, eh->e_shoff, eh->e_shnum, sizeof *sh))
		return false;
	memcpy(sh, e->image + eh->e_shoff + i * sizeof *sh, sizeof *sh);
	return true;
}

static bool symtab(struct elfsym *e, const Elf64_Ehdr *eh, const Elf64_Shdr *sh)
{
	Elf64_Shdr strings;
	e->sym = sh->sh_offset;
	e->nsym = sh->sh_size / sizeof(Elf64_Sym);
	if (!inside(e, e->sym, e->nsym, sizeof(Elf64_Sym)) ||
		!section(e, eh, sh->sh_link, &strings) ||
		!inside(e, strings.sh_offset, strings.sh_size, 1) || !strings.sh_size)
		return false;
	e->str = strings.sh_offset;
	e->nstr = strings.sh_size;
	return !e->image[e->str + e->nstr - 1]; /* so that every name in it ends */
}

static bool any_symtab(struct elfsym *e, const Elf64_Ehdr *eh, uint32_t type)
{
	Elf64_Shdr sh;
	for (uint64_t i = 0; section(e, eh, i, &sh); i++) {
		if (sh.sh_type == type)
			return symtab(e, eh, &sh);
	}
	return false;
}

bool elfsym_open(struct elfsym *e, const void *image, size_t len)
{
	Elf64_Ehdr eh;
	*e = (struct elfsym){.image = image, .len = len};
	if (len < sizeof eh)
		return false;
	memcpy(&eh, image, sizeof eh);
	if (eh.e_ident[EI_MAG0] != ELFMAG0 || eh.e_ident[EI_MAG1] != ELFMAG1 ||
		eh.e_ident[EI_MAG2] != ELFMAG2 || eh.e_ident[EI_MAG3] != ELFMAG3 ||
		eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_machine != EM_X86_64 ||
		eh.e_phentsize != sizeof(Elf64_Phdr) ||
		!inside(e, eh.e_phoff, eh.e_phnum, sizeof(Elf64_Phdr)))
		return false;
	e->phoff = eh.e_phoff;
	e->phnum = eh.e_phnum;
	return any_symtab(e, &eh, SHT_SYMTAB) || any_symtab(e, &eh, SHT_DYNSYM);
}

const char *elfsym_next(struct elfsym *e, uint64_t *value, bool *weak)
{
	Elf64_Sym sym;
	while (e->next < e->nsym) {
		memcpy(&sym, e->image + e->sym + e->next++ * sizeof sym, sizeof sym);
		bool code = ELF64_ST_TYPE(sym.st_info) == STT_FUNC && sym.st_shndx != SHN_UNDEF;
		if (!code || sym.st_name >= e->nstr)
			continue;
		*value = sym.st_value;
		*weak = ELF64_ST_BIND(sym.st_info) == STB_WEAK;
		return (const char *)e->image + e->str + sym.st_name;
	}
	return NULL;
}

bool elfsym_find(const struct elfsym *e, uint32_t type, uint64_t addr, struct elfsym_object *object)
{
	Elf64_Sym sym;
	for (uint64_t i = 0; i < e->nsym; i++) {
		memcpy(&sym, e->image + e->sym + i * sizeof sym, sizeof sym);
		if (ELF64_ST_TYPE(sym.st_info) != type || sym.st_shndx == SHN_UNDEF ||
			sym.st_name >= e->nstr || addr - sym.st_value >= sym.st_size)
			continue;
		*object = (struct elfsym_object){
			(const char *)e->image + e->str + sym.st_name, sym.st_value, sym.st_size};
		return true;
	}
	return false;
}

static void add_segment(const Elf64_Phdr *ph, uint64_t at, uint64_t phoff, struct elfload *load)
{
	uint64_t end = ph->p_vaddr + ph->p_memsz;
	if (ph->p_vaddr < load->lo)
		load->lo = ph->p_vaddr;
	if (end > load->hi)
		load->hi = end;
	if (phoff - ph->p_offset < ph->p_filesz)
		load->phdr = ph->p_vaddr + (phoff - ph->p_offset);
	if ((ph->p_flags & PF_X) && at - ph->p_vaddr < ph->p_memsz) {
		load->text_lo = ph->p_vaddr;
		load->text_hi = end;
	}
}

bool elfsym_load(const struct elfsym *e, uint64_t at, struct elfload *load)
{
	Elf64_Phdr ph;
	*load = (struct elfload){.lo = UINT64_MAX};
	for (uint64_t i = 0; i < e->phnum; i++) {
		memcpy(&ph, e->image + e->phoff + i * sizeof ph, sizeof ph);
		if (ph.p_type == PT_LOAD)
			add_segment(&ph, at, e->phoff, load);
	}
	return load->phdr && load->text_hi;
}
