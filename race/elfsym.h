/* SPDX-License-Identifier: BSD-2-Clause */
/* elfsym.h - functions and variables in the symbol table of an ELF image, without libc. */
#ifndef GORT_RACE_ELFSYM_H
#define GORT_RACE_ELFSYM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elfsym {
	const unsigned char *image;
	size_t len;
	uint64_t sym, nsym, str, nstr; /* offsets and sizes of the tables inside the image */
	uint64_t phoff, phnum;
	uint64_t next;
};

/* Takes .dynsym where .symtab was stripped. False when there is neither, or no x86-64 ELF image. */
bool elfsym_open(struct elfsym *e, const void *image, size_t len);

/*
 * The next function's name, terminated, its address in the file's terms and whether it is weak;
 * NULL at the end.
 */
const char *elfsym_next(struct elfsym *e, uint64_t *value, bool *weak);

/* STT_OBJECT, STT_FUNC: what holds addr, in the file's terms; its name lies in the image. */
struct elfsym_object {
	const char *name;
	uint64_t start, size;
};

bool elfsym_find(
	const struct elfsym *e, uint32_t type, uint64_t addr, struct elfsym_object *object);

/* What the program headers say. */
struct elfload {
	uint64_t lo, hi;           /* of all that is loaded */
	uint64_t phdr;             /* where the headers themselves are */
	uint64_t text_lo, text_hi; /* of the executable segment that holds `at` */
};

bool elfsym_load(const struct elfsym *e, uint64_t at, struct elfload *load);

#endif
