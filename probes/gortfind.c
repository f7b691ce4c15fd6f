/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gortfind.c - where a process keeps libgort's table.
 *
 * The section header names it; `strip` keeps headers of allocated sections. A file without any
 * section headers is searched for the magic in its data segments, in the live process: writable
 * ones (the table of a position-independent file is relocated) and read-only ones.
 */
#include <errno.h>
#include <string.h>
#include <gelf.h>
#include "gortfind.h"

#define SCAN_MAX (256ull << 20)

static int by_section(
	Elf *elf, uint64_t bias, size_t names, const struct tmem *mem, struct gortabi *out)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *name;
		if (!gelf_getshdr(scn, &sh) || !(name = elf_strptr(elf, names, sh.sh_name)))
			continue;
		if (!strcmp(name, GORT_ABI_SECTION))
			return gortabi_read(mem, (taddr){sh.sh_addr + bias}, out);
	}
	return -ENOENT;
}

static int by_scan(Elf *elf, uint64_t bias, const struct tmem *mem, struct gortabi *out)
{
	size_t n;
	GElf_Phdr ph;
	uint64_t budget = SCAN_MAX;
	int found = -ENOENT;
	if (elf_getphdrnum(elf, &n))
		return -ENOENT;
	for (size_t i = 0; i < n && found == -ENOENT; i++) {
		if (!gelf_getphdr(elf, (int)i, &ph) || ph.p_type != PT_LOAD || (ph.p_flags & PF_X))
			continue;
		uint64_t len = ph.p_memsz < budget ? ph.p_memsz : budget;
		uint64_t lo = ph.p_vaddr + bias;
		budget -= len;
		found = gortabi_scan(mem, (taddr){lo}, (taddr){lo + len}, out);
	}
	return found;
}

static int in_module(struct module *m, const struct tmem *mem, struct gortabi *out)
{
	GElf_Addr bias;
	size_t sections = 0, names;
	if (!module_elf(m))
		return -ENOENT;
	Elf *elf = dwfl_module_getelf(m->dw, &bias);
	elf_getshdrnum(elf, &sections);
	if (sections == 0)
		return by_scan(elf, bias, mem, out);
	return elf_getshdrstrndx(elf, &names) ? -ENOENT : by_section(elf, bias, names, mem, out);
}

static bool is_libgort(const struct module *m)
{
	return !strncmp(m->name, "libgort.", 8);
}

int gortfind_table(struct modules *ms, const struct tmem *mem, struct gortabi *out)
{
	struct module *exe = modules_main(ms);
	int error = exe ? in_module(exe, mem, out) : -ENOENT;
	for (int named = 1; named >= 0 && error == -ENOENT; named--)
		for (size_t i = 0; i < modules_count(ms) && error == -ENOENT; i++) {
			struct module *m = modules_get(ms, i);
			if (m != exe && is_libgort(m) == (named == 1))
				error = in_module(m, mem, out);
		}
	return error;
}
