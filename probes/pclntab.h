/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pclntab.h - Go's table of functions, lines and inlined calls, which the runtime itself needs and
 * which `-ldflags=-s -w` therefore leaves in the file. Format: go1.20 and later (magic 0xfffffff1),
 * $GOROOT/src/runtime/symtab.go, symtabinl.go; unchanged up to Go 1.27.
 *
 * Program counters are offsets from moduledata.text. Every read is checked against the table.
 */
#ifndef GORT_PROBES_PCLNTAB_H
#define GORT_PROBES_PCLNTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PCDATA_INLTREE = 2, FUNCDATA_INLTREE = 3 };
enum { FUNCFLAG_TOPFRAME = 1, FUNCFLAG_SPWRITE = 2, FUNCFLAG_ASM = 4 };

struct pclntab {
	const uint8_t *base;
	size_t size; /* to the end of the segment: the table's own length is not recorded */
	uint32_t nfunc;
	uint64_t names, cutab, files, pctab, funcs; /* offsets of its parts */
};

/* runtime._func, decoded. */
struct gofunc {
	uint32_t entry; /* offset from text */
	uint32_t end;   /* entry of the next function */
	const char *name;
	int32_t args; /* bytes of arguments and results on the stack, negative: unknown */
	uint32_t pcsp, pcfile, pcln, cu;
	uint8_t flag;
	uint32_t npcdata, nfuncdata;
	uint64_t tail; /* offset of the pcdata words in the table */
};

/* Whether a pclntab that this reader understands starts here. */
bool pclntab_looks_right(const uint8_t *p, size_t size);
/* 0, or -EPROTO when the header is not one this reader understands. */
int pclntab_init(struct pclntab *t, const uint8_t *base, size_t size);

/* Function number i < nfunc; false when the table is broken there. */
bool pclntab_func(const struct pclntab *t, uint32_t i, struct gofunc *f);
/* The function that a text offset lies in. */
bool pclntab_find(const struct pclntab *t, uint32_t off, struct gofunc *f);
/* Finds functions of package runtime by name in one pass; UINT32_MAX for what does not exist. */
void pclntab_lookup(const struct pclntab *t, const char *const *names, uint32_t *idx, size_t n);

/* Value of one of f's pc-value tables at a text offset; -1 when it has none. */
int32_t pclntab_value(
	const struct pclntab *t, const struct gofunc *f, uint32_t table, uint32_t off);
/* Offset of f's pcdata table, 0 when it has none. */
uint32_t pclntab_pcdata(const struct pclntab *t, const struct gofunc *f, uint32_t which);
/* Offset of f's funcdata from moduledata.gofunc, UINT32_MAX when it has none. */
uint32_t pclntab_funcdata(const struct pclntab *t, const struct gofunc *f, uint32_t which);
/* Text at an offset of the name table, NULL when it does not end inside the table. */
const char *pclntab_name(const struct pclntab *t, uint32_t off);
/*
 * File and line at a text offset; of the innermost call inlined there, as funcline() of the
 * runtime.
 */
const char *pclntab_line(
	const struct pclntab *t, const struct gofunc *f, uint32_t off, uint32_t *line);

#endif
