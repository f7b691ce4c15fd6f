/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as an executable: version, table of functions, and everything the table leads to. */
#include <stdlib.h>
#include "../../probes/gounwind.h"

#define MAX_FUNCS 64

static void walk_functions(const struct gotarget *g)
{
	for (uint32_t i = 0; i < g->tab.nfunc && i < MAX_FUNCS; i++) {
		struct gofunc f;
		uint32_t line;
		if (!pclntab_func(&g->tab, i, &f))
			continue;
		pclntab_value(&g->tab, &f, f.pcsp, f.entry);
		pclntab_line(&g->tab, &f, f.entry, &line);
		pclntab_funcdata(&g->tab, &f, FUNCDATA_INLTREE);
		struct goref refs[16];
		gorefs(g, i, refs, 16);
	}
}

/* The stack is the tail of the input, the pc every function in turn. */
static void walk_stacks(struct gotarget *g, const uint8_t *data, size_t size)
{
	static struct gounwind u;
	struct gsnap s;
	gsnap_init(&s, GSNAP_GO);
	gounwind_init(&u, g, &s);
	for (uint32_t i = 0; i < g->tab.nfunc && i < MAX_FUNCS; i++) {
		struct gostack k = {
			.pc = g->md.text + i * 0x40 + 0x25, .sp = 0x1000, .mem = data, .len = size};
		gounwind_stack(&u, &k);
		gounwind_words(&u, &k);
		gounwind_created(&u, k.pc);
	}
	gounwind_free(&u);
	gsnap_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct target t;
	struct gotarget g = {.t = &t};
	target_init(&t, 0, NULL);
	if (elf_parse(&g.elf, data, size)) {
		elf_close(&g.elf);
		return 0;
	}
	gobuild_version(&g.elf, &g.version);
	elf_section(&g.elf, ".gopclntab");
	for (unsigned i = 0; i < g.elf.nph; i++) {
		size_t len;
		const uint8_t *p = elf_segment(&g.elf, i, &len);
		for (size_t off = 0; p && off + 72 <= len; off += 8) {
			if (pclntab_init(&g.tab, p + off, len - off))
				continue;
			g.md = (struct moduledata){.text = g.elf.ph[i].p_vaddr + 0x1000,
				.etext = g.elf.ph[i].p_vaddr + 0x10000,
				.gofunc = g.elf.ph[i].p_vaddr + 0x900,
				.data = {0, UINT64_MAX}};
			walk_functions(&g);
			walk_stacks(&g, data, size);
			break;
		}
	}
	elf_close(&g.elf);
	return 0;
}
