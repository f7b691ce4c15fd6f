/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gunseen.c - a program on libgort that blocks in libc twice, of which libgort is not told, and
 * then computes. For gunseen.py.
 */
#include <gort/go.h>
#include <stdio.h>

#define APART __attribute__((noinline)) static

APART void fills_the_pipe(void)
{
	static char much[1 << 20];
	fwrite(much, 1, sizeof much, stdout);
	fflush(stdout);
	__asm__ volatile("");
}

APART void waits_for_a_line(void)
{
	char line[16];
	if (!fgets(line, sizeof line, stdin))
		exit(1);
	__asm__ volatile("" ::"r"(line) : "memory");
}

APART void computes(void)
{
	for (volatile long n = 0;; n++)
		;
}

int gort_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	fills_the_pipe();
	waits_for_a_line();
	computes();
	return 0;
}
