/* SPDX-License-Identifier: BSD-2-Clause */
/* mode.c - prints how the collector learns of this program's stores, and because of whom. */
#include <gort/go.h>
#include <stdio.h>
#include <string.h>

#ifdef CALLS_OTHER
void other(void **slot, void *v);
#endif

int gort_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	const char *why, *mode = gort_gcmode(&why), *slash = why ? strrchr(why, '/') : NULL;
#ifdef CALLS_OTHER
	void *slot;
	other(&slot, argv);
#endif
	printf("%s%s%s\n", mode, why ? " " : "", slash ? slash + 1 : why ? why : "");
	return 0;
}
