/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fakego.h - builds a tiny Go executable in memory: ELF headers, build info, a pclntab with three
 * functions, one of them with an inlined call. For unit tests and as the seed of fuzz targets,
 * where a real binary would be a thousand times larger than what is under test.
 */
#ifndef GORT_TESTS_FAKEGO_H
#define GORT_TESTS_FAKEGO_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#define FAKEGO_BASE  0x400000u /* where the file is mapped */
#define FAKEGO_TEXT  0x401000u /* main.main, main.leaf, runtime.goexit follow each other */
#define FAKEGO_FUNC  0x40u     /* bytes of each */
#define FAKEGO_FRAME 0x18      /* pcsp of main.main and main.leaf */
#define FAKEGO_SIZE  0x3000

struct fakego {
	uint8_t image[FAKEGO_SIZE];
	size_t table;  /* file offset of pclntab */
	size_t gofunc; /* file offset of the inline tree */
};

/* version: as in the build info, e.g. "go1.26.8". */
void fakego_build(struct fakego *f, const char *version);

#endif
