/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dwscopes.h - the functions, inlined calls and blocks around a pc.
 *
 * dwarf_getscopes of libdw is not used: where an inlined call's origin is damaged it fails and
 * leaks what it had found; and above such a call it follows the origin, not the code.
 */
#ifndef GORT_PROBES_DWSCOPES_H
#define GORT_PROBES_DWSCOPES_H

#include <stdbool.h>
#include <elfutils/libdw.h>

#define DWSCOPES_MAX 256

/* Fills out with the scopes of addr, innermost first, the compilation unit last; how many. */
int dwscopes(Dwarf_Die *cu, Dwarf_Addr addr, Dwarf_Die out[DWSCOPES_MAX]);

/* To the next sibling. Damaged DWARF may lead back: siblings come in the order of the file. */
static inline bool dwscopes_next(Dwarf_Die *die)
{
	Dwarf_Off at = dwarf_dieoffset(die);
	return !dwarf_siblingof(die, die) && dwarf_dieoffset(die) > at;
}

#endif
