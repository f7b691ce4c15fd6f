/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * modules.h - the executable files a C process has mapped, live or in a core, and their ELF and
 * DWARF through libdwfl. Shared by the symbolizer and the CFI unwinder. Addresses are those of the
 * target.
 */
#ifndef GORT_PROBES_MODULES_H
#define GORT_PROBES_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <elfutils/libdwfl.h>
#include "target.h"

struct cu_range {
	Dwarf_Addr lo, hi; /* before the bias is added */
	Dwarf_Die *cu;
};

struct module {
	uint64_t start, end; /* from the first to the last mapping of the file */
	uint64_t exec_start; /* of its first executable mapping */
	uint64_t exec_end;
	uint64_t exec_offset; /* of it in the file */
	uint64_t inode;
	char *path;       /* as the target's maps say, "[vdso]" included */
	const char *name; /* last component of path */

	struct modules *owner;
	Dwfl_Module *dw; /* NULL when libdwfl refused the range */
	GElf_Addr bias;  /* target address - address in the file */
	void *image;     /* of a file that is in the core only */
	size_t image_size;
	bool opened, has_elf;

	bool cus_read;
	Dwarf_Addr dwarf_bias; /* as bias, for the debug information */
	struct cu_range *cus;
	size_t ncus;
};

struct modules;

/* t must outlive it. NULL when out of memory; no mapping at all is no error. */
struct modules *modules_open(const struct target *t);
void modules_close(struct modules *ms);

/*
 * Reads the mappings again (a library may have been loaded since). True if the executable ones have
 * changed. Modules and every string got from them stay valid until modules_close.
 */
bool modules_refresh(struct modules *ms);

/* Whether the process is still there. */
bool modules_alive(const struct modules *ms);

/* The module that pc is in; NULL when none. */
struct module *modules_at(struct modules *ms, uint64_t pc);

/* The executable itself, else the lowest module; NULL when there is none. */
struct module *modules_main(struct modules *ms);
size_t modules_count(const struct modules *ms);
struct module *modules_get(struct modules *ms, size_t i);

/* Opens the file on the first call. False when it cannot be read. */
bool module_elf(struct module *m);

/* The compilation unit of pc, NULL when there is no debug information for it; its addresses are
 * those of the target less dwarf_bias. */
Dwarf_Die *module_cu(struct module *m, uint64_t pc);

#endif
