/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dwtype.h - names of DWARF types and values of them as text: in a Go program's units as %+v of
 * fmt has them, with strings quoted and lengths told; in C's as a debugger has them.
 */
#ifndef GORT_PROBES_DWTYPE_H
#define GORT_PROBES_DWTYPE_H

#include <elfutils/libdw.h>
#include "tmem.h"

#define DWTYPE_TEXT 512

/* A text that is cut, with "..." at its end, when there is no more room. */
struct dwtext {
	char s[DWTYPE_TEXT];
	size_t n;
};

/* Names that only the runtime knows: of a type by its descriptor, of a function by its pc. */
struct dwnames {
	bool (*type)(void *ctx, uint64_t type, char *buf, size_t size); /* NULL: no Go program */
	const char *(*func)(void *ctx, uint64_t pc);
	void *ctx;
};

/* The type of a DIE (DW_AT_type), false when it has none. */
bool dwtype_of(Dwarf_Die *die, Dwarf_Die *type);
/* Bytes of a value, 0 when they are not known. */
uint64_t dwtype_size(Dwarf_Die *type);
void dwtype_name(Dwarf_Die *type, struct dwtext *out);
/* A value of which the first n bytes were fetched. */
void dwtype_value(const struct tmem *mem, const struct dwnames *names, Dwarf_Die *type,
	const uint8_t *bytes, size_t n, struct dwtext *out);

#endif
