/* SPDX-License-Identifier: BSD-2-Clause */
#include "dwscopes.h"

/* The child of a scope that has addr in its ranges, too. */
static bool inner_scope(Dwarf_Die *scope, Dwarf_Addr addr, Dwarf_Die *out)
{
	if (dwarf_child(scope, out))
		return false;
	do
		if (dwarf_haspc(out, addr) > 0)
			return true;
	while (dwscopes_next(out));
	return false;
}

int dwscopes(Dwarf_Die *cu, Dwarf_Addr addr, Dwarf_Die out[DWSCOPES_MAX])
{
	int n = 1;
	out[0] = *cu;
	while (n < DWSCOPES_MAX && inner_scope(&out[n - 1], addr, &out[n]))
		n++;
	for (int i = 0; i < n / 2; i++) {
		Dwarf_Die t = out[i];
		out[i] = out[n - 1 - i];
		out[n - 1 - i] = t;
	}
	return n;
}
