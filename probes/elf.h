/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elf.h - a small reader of ELF64 files over bytes in memory, for Go executables: what libelf would
 * do, but without its per-file state and safe on files whose headers lie. Every access is checked
 * against the image, so a hostile file yields "not there", never a fault.
 */
#ifndef GORT_PROBES_ELF_H
#define GORT_PROBES_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf {
	const uint8_t *image;
	size_t size;
	Elf64_Ehdr eh;
	Elf64_Phdr *ph; /* copies: the file need not align its tables */
	unsigned nph;
	Elf64_Shdr *sh;
	unsigned nsh;
	bool mapped; /* elf_close unmaps the image */
};

/* 0, -ENOEXEC when this is no ELF file for linux/amd64, -ENOMEM. The image must outlive *e. */
int elf_parse(struct elf *e, const void *image, size_t size);
/* Maps a file and parses it; 0 or a negative errno. */
int elf_open(struct elf *e, const char *path);
/* The same for core files, which the others refuse. */
int elf_parse_core(struct elf *e, const void *image, size_t size);
int elf_open_core(struct elf *e, const char *path);
void elf_close(struct elf *e);

/* The section with this name, NULL when there is none. */
const Elf64_Shdr *elf_section(const struct elf *e, const char *name);

/* Bytes of the file at a virtual address; *avail = how many follow in that segment. NULL: none. */
const uint8_t *elf_at(const struct elf *e, uint64_t vaddr, size_t *avail);

/* File bytes of segment i, clipped to the file; *len = their number. */
const uint8_t *elf_segment(const struct elf *e, unsigned i, size_t *len);

/* Address where a segment that holds the program headers was linked, to compute a PIE's bias. */
uint64_t elf_phdr_vaddr(const struct elf *e);

#endif
