/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * patch.h - jumps over the entries of functions that a program has linked in, put there while the
 * loader relocates this library: no function of another library is called, nothing is used whose
 * address is not known relative to the pc or by a relative relocation.
 *
 * A jump takes five bytes and leads to a trampoline within its reach, which leads anywhere.
 */
#ifndef GORT_RACE_PATCH_H
#define GORT_RACE_PATCH_H

#include "elfsym.h"

struct patch {
	const char *advice; /* what to try when the kernel does not let code be changed */
	struct elfsym sym;
	struct elfload load;
	uint64_t bias;
	unsigned char *near, *next; /* memory for trampolines, and what is free of it */
	size_t size;
};

/* Each library that is linked with patch.c defines it: called at that moment. */
void patch_program(void);

/* The first of the program's headers in memory, from the auxiliary vector. */
uint64_t patch_headers(void);

/* Maps the program's file and finds its symbols. */
bool patch_open(struct patch *p);
void patch_close(struct patch *p);

/* load and bias are filled in. From here to patch_end() n jumps can be put. */
void patch_begin(struct patch *p, uint32_t n);
void patch_end(struct patch *p);

/* `at` is in the file's terms. */
void patch_redirect(struct patch *p, uint64_t at, const void *to);

#define FAR_JUMP 14

/* Replaces that many bytes of a function. */
void patch_far_jump(unsigned char *from, const void *to);

#endif
