/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * direct.c - the program looks where its own calls of the detector go: "direct" when all of the
 * first two of a function do so to memory that is no file's, "stub" when none does.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern long data;
long data;

__attribute__((noinline)) static void touch(long v)
{
	data = v;
}

/* Uninstrumented, or its own reads of code would be accesses. */
#define UNSEEN __attribute__((noinline, no_sanitize("thread")))

/* Code in memory that belongs to no file. */
UNSEEN static int anonymous(uintptr_t at)
{
	char line[512];
	unsigned long lo, hi, inode;
	char perm[8];
	int found = 0;
	FILE *f = fopen("/proc/self/maps", "r");
	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "%lx-%lx %7s %*x %*s %lu", &lo, &hi, perm, &inode) == 4 &&
			at >= lo && at < hi)
			found = inode == 0 && !strcmp(perm, "r-xp");
	}
	if (f)
		fclose(f);
	return found;
}

UNSEEN static uintptr_t target(const unsigned char *call)
{
	int32_t rel;
	memcpy(&rel, call + 1, sizeof rel);
	return (uintptr_t)call + 5 + (uintptr_t)(intptr_t)rel;
}

UNSEEN int main(void)
{
	const unsigned char *p = (const unsigned char *)(uintptr_t)touch;
	int calls = 0, direct = 0;
	touch(1);
	for (int i = 0; i < 64 && calls < 2; i++) {
		if (p[i] != 0xe8 && !(p[i] == 0xff && p[i + 1] == 0x15))
			continue;
		calls++;
		direct += p[i] == 0xe8 && anonymous(target(p + i));
		i += 4;
	}
	puts(!calls ? "no calls" : direct == calls ? "direct" : direct ? "some" : "stub");
	return 0;
}
