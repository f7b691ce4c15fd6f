/* SPDX-License-Identifier: BSD-2-Clause */
/* other.c - the second object, or the library, of mode.c. */
void other(void **slot, void *v);

void other(void **slot, void *v)
{
	*slot = v;
}
