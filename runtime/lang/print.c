/* SPDX-License-Identifier: BSD-2-Clause */
/* print.c - print and println of go.h, under stdout's lock so that lines do not mix. */
#include <stdio.h>

#include "gort/gort.h"

static void printarg(const struct gort_arg *a)
{
	switch (a->kind) {
	case GORT_ARG_INT:
		printf("%lld", (long long)a->v.i);
		break;
	case GORT_ARG_UINT:
		printf("%llu", (unsigned long long)a->v.u);
		break;
	case GORT_ARG_DOUBLE:
		printf("%g", a->v.d);
		break;
	case GORT_ARG_CSTRING:
		fputs(a->v.p ? a->v.p : "<nil>", stdout);
		break;
	case GORT_ARG_STRING:
		fwrite(a->v.p, 1, (size_t)a->len, stdout);
		break;
	case GORT_ARG_BOOL:
		fputs(a->v.i ? "true" : "false", stdout);
		break;
	default:
		printf("%p", a->v.p);
	}
}

void gort_print(const struct gort_arg *args, int n, bool newline)
{
	flockfile(stdout);
	for (int i = 0; i < n; i++)
		printarg(&args[i]);
	if (newline)
		putchar_unlocked('\n');
	funlockfile(stdout);
}
