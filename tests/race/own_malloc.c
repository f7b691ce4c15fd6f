/* SPDX-License-Identifier: BSD-2-Clause */
/* own_malloc.c - a program with a malloc() of its own says whether that is what it calls. */
#include <stdio.h>
#include <stdlib.h>

static char memory[1 << 20] __attribute__((aligned(16)));
static size_t used;

void *malloc(size_t n)
{
	char *p = memory + used;
	used += (n + 15) & ~(size_t)15;
	return used <= sizeof memory ? p : NULL;
}

void free(void *p)
{
	(void)p;
}

int main(void)
{
	char *p = malloc(8);
	puts(p >= memory && p < memory + sizeof memory ? "own" : "other");
	free(p);
	return 0;
}
