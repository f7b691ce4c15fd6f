/* SPDX-License-Identifier: BSD-2-Clause */
/* module.h - the loaded ELF modules of this process, readable in signal handlers. */
#ifndef GORT_DEBUG_MODULE_H
#define GORT_DEBUG_MODULE_H

#include "base/atomic.h"
#include "eh.h"
#include "line.h"
#include "symtab.h"

#define MODULE_PATH     512
#define MODULE_BUILD_ID 80

/* What is read from a module's file when it is first asked for. */
struct module_file {
	struct elf_file elf;
	uint32_t *order; /* symtab_sort */
	size_t norder;
	struct line_tables lines;
	struct line_seq *seqs; /* sorted by low */
	size_t nseqs;
};

struct module {
	uintptr_t lo, hi; /* of all its segments */
	uintptr_t base;   /* load bias: run-time address minus address in the file */
	uintptr_t text_lo, text_hi;
	uint64_t text_offset; /* of text_lo in the file */
	struct eh_image eh;
	bool main, vdso;
	char path[MODULE_PATH];
	char build_id[MODULE_BUILD_ID]; /* hex */
	struct module_file *_Atomic file;
};

struct module_table {
	unsigned long long adds, subs; /* the loader's counters when the table was made */
	uint32_t generation;           /* changes when an address may mean another module */
	uint32_t n;
	struct module *m[];
};

/* Brings the table up to date. Takes the loader's lock: not in signal handlers. */
void modules_refresh(void);
/* The current table, never freed; NULL before the first refresh. Async-signal-safe. */
const struct module_table *modules(void);
/* The module that pc lies in, or NULL. Async-signal-safe. */
struct module *module_find(uintptr_t pc);
/*
 * The module's file, mapped and indexed on first use; NULL when it cannot be read. No allocation.
 */
const struct module_file *module_file(struct module *mod);

#endif
