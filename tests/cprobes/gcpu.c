/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gcpu.c: a program on libgort that burns CPU in known functions: of its own, called back by libc,
 * and deep in the stack. It says "ready" and ends with its input. For gcpu.py.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <gort/go.h>

#define APART __attribute__((noinline))

static _Atomic bool over;

static APART unsigned spin(unsigned x, int n)
{
	for (int i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		__asm__ volatile("" : "+r"(x)); /* also when nobody wants the result */
	}
	return x;
}

/* Frames that are larger than others, and depend on registers that callees save. */
static APART unsigned heavy(unsigned x)
{
	volatile unsigned room[300] = {x};
	for (int i = 0; i < 3; i++)
		room[(x + (unsigned)i) % 300] = spin(x + (unsigned)i, 20000);
	return room[x % 300];
}

static int compare(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
	spin(x, 3000);
	return (x > y) - (x < y);
}

/* Through libc and back. */
static APART void sorted(unsigned x)
{
	unsigned v[8];
	for (unsigned i = 0; i < 8; i++)
		v[i] = x = x * 1664525 + 1013904223;
	qsort(v, 8, sizeof *v, compare);
}

/* More than a sample has of the stack. */
static APART unsigned deep(unsigned x, int n)
{
	volatile char room[4000] = {1};
	return n ? deep(x, n - 1) + (unsigned)room[0] : spin(x, 40000);
}

static void burner(int id)
{
	unsigned x = (unsigned)id;
	while (!atomic_load(&over)) {
		x = heavy(x);
		sorted(x);
		deep(x, 8);
	}
}

int gort_main(int argc, char **argv)
{
	char word[16];
	(void)argc, (void)argv;
	for (int i = 0; i < 2; i++)
		go(burner, i);
	puts("ready");
	fflush(stdout);
	int got = scanf("%15s", word);
	atomic_store(&over, true);
	return got != EOF;
}
