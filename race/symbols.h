/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbols.h - names and lines for what the program itself asks of the detector: stacks, a pc. The
 * launcher knows them, as it does for reports; without one the symbol tables say the functions.
 */
#ifndef GORT_RACE_SYMBOLS_H
#define GORT_RACE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "elfsym.h"
#include "modules.h"

/* One call; what is not known is NULL or 0. */
struct call {
	uint64_t pc, offset; /* in the module, as addr2line -e module wants it */
	const char *module, *function, *file;
	uint32_t line;
};

/*
 * Shows the calls at each pc, which points into the call, to fn: of inlined ones the innermost
 * first. fn must not report anything nor ask for symbols.
 */
void symbols_each(
	const uint64_t *pcs, uint32_t n, void (*fn)(void *arg, const struct call *call), void *arg);

/* Copies what is known of the module that addr lies in; false: in none. */
bool symbols_module(uint64_t addr, struct module *module);

/* The variable at addr and its module's path; false: it lies in no module. */
bool symbols_variable(
	uintptr_t addr, char *name, size_t size, struct elfsym_object *object, const char **path);

#endif
