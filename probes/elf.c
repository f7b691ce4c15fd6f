/* SPDX-License-Identifier: BSD-2-Clause */
#include "elf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool in_image(const struct elf *e, uint64_t off, uint64_t len)
{
	return off <= e->size && len <= e->size - off;
}

static void *copy_table(const struct elf *e, uint64_t off, unsigned n, size_t entry, int *err)
{
	*err = 0;
	if (!n || !in_image(e, off, (uint64_t)n * entry))
		return NULL;
	void *copy = malloc(n * entry);
	if (copy)
		memcpy(copy, e->image + off, n * entry);
	else
		*err = -ENOMEM;
	return copy;
}

static bool right_kind(const Elf64_Ehdr *eh, bool core)
{
	return !memcmp(eh->e_ident, ELFMAG, SELFMAG) && eh->e_ident[EI_CLASS] == ELFCLASS64 &&
	       eh->e_ident[EI_DATA] == ELFDATA2LSB && eh->e_machine == EM_X86_64 &&
	       (core ? eh->e_type == ET_CORE : eh->e_type == ET_EXEC || eh->e_type == ET_DYN);
}

/* A core of more mappings than e_phnum can count has their number in its first section header. */
static unsigned program_headers(const struct elf *e)
{
	Elf64_Shdr first;
	if (e->eh.e_phnum != PN_XNUM || !in_image(e, e->eh.e_shoff, sizeof first))
		return e->eh.e_phnum;
	memcpy(&first, e->image + e->eh.e_shoff, sizeof first);
	return first.sh_info;
}

/* Linux executes no program that has more. */
#define MAX_HEADERS (65536 / sizeof(Elf64_Phdr))

static int parse(struct elf *e, const void *image, size_t size, bool core)
{
	*e = (struct elf){.image = image, .size = size};
	if (size < sizeof e->eh)
		return -ENOEXEC;
	memcpy(&e->eh, image, sizeof e->eh);
	if (!right_kind(&e->eh, core) || e->eh.e_phentsize != sizeof *e->ph)
		return -ENOEXEC;
	int err;
	e->nph = program_headers(e);
	if (!core && e->nph > MAX_HEADERS)
		return -ENOEXEC;
	e->ph = copy_table(e, e->eh.e_phoff, e->nph, sizeof *e->ph, &err);
	if (!e->ph)
		return err ? err : -ENOEXEC;
	if (e->eh.e_shoff && e->eh.e_shentsize == sizeof *e->sh)
		e->sh = copy_table(e, e->eh.e_shoff, e->eh.e_shnum, sizeof *e->sh, &err);
	e->nsh = e->sh ? e->eh.e_shnum : 0;
	return err;
}

int elf_parse(struct elf *e, const void *image, size_t size)
{
	return parse(e, image, size, false);
}

int elf_parse_core(struct elf *e, const void *image, size_t size)
{
	return parse(e, image, size, true);
}

static int open_kind(struct elf *e, const char *path, bool core)
{
	*e = (struct elf){0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	struct stat st;
	int err = fstat(fd, &st) ? -errno : S_ISREG(st.st_mode) && st.st_size ? 0 : -ENOEXEC;
	void *image = MAP_FAILED;
	if (!err) {
		image = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		err = image == MAP_FAILED ? -errno : 0;
	}
	close(fd);
	if (err)
		return err;
	err = parse(e, image, (size_t)st.st_size, core);
	e->mapped = true;
	if (err)
		elf_close(e);
	return err;
}

int elf_open(struct elf *e, const char *path)
{
	return open_kind(e, path, false);
}

int elf_open_core(struct elf *e, const char *path)
{
	return open_kind(e, path, true);
}

void elf_close(struct elf *e)
{
	free(e->ph);
	free(e->sh);
	if (e->mapped)
		munmap((void *)(uintptr_t)e->image, e->size);
	*e = (struct elf){0};
}

/* A NUL-terminated string inside the section-name table, NULL when it is not one. */
static const char *section_name(const struct elf *e, const Elf64_Shdr *sh)
{
	if (e->eh.e_shstrndx >= e->nsh)
		return NULL;
	const Elf64_Shdr *names = &e->sh[e->eh.e_shstrndx];
	if (!in_image(e, names->sh_offset, names->sh_size) || sh->sh_name >= names->sh_size)
		return NULL;
	const char *s = (const char *)e->image + names->sh_offset + sh->sh_name;
	return memchr(s, '\0', names->sh_size - sh->sh_name) ? s : NULL;
}

const Elf64_Shdr *elf_section(const struct elf *e, const char *name)
{
	for (unsigned i = 0; i < e->nsh; i++) {
		const char *s = section_name(e, &e->sh[i]);
		if (s && !strcmp(s, name))
			return &e->sh[i];
	}
	return NULL;
}

const uint8_t *elf_segment(const struct elf *e, unsigned i, size_t *len)
{
	const Elf64_Phdr *ph = &e->ph[i];
	*len = 0;
	if (ph->p_type != PT_LOAD || ph->p_offset >= e->size)
		return NULL;
	uint64_t have = e->size - ph->p_offset;
	*len = ph->p_filesz < have ? ph->p_filesz : have;
	return e->image + ph->p_offset;
}

const uint8_t *elf_at(const struct elf *e, uint64_t vaddr, size_t *avail)
{
	for (unsigned i = 0; i < e->nph; i++) {
		size_t len;
		const uint8_t *p = elf_segment(e, i, &len);
		if (p && vaddr >= e->ph[i].p_vaddr && vaddr - e->ph[i].p_vaddr < len) {
			*avail = len - (vaddr - e->ph[i].p_vaddr);
			return p + (vaddr - e->ph[i].p_vaddr);
		}
	}
	*avail = 0;
	return NULL;
}

uint64_t elf_phdr_vaddr(const struct elf *e)
{
	for (unsigned i = 0; i < e->nph; i++)
		if (e->ph[i].p_type == PT_PHDR)
			return e->ph[i].p_vaddr;
	for (unsigned i = 0; i < e->nph; i++)
		if (e->ph[i].p_type == PT_LOAD && e->ph[i].p_offset <= e->eh.e_phoff &&
			e->eh.e_phoff - e->ph[i].p_offset < e->ph[i].p_filesz)
			return e->ph[i].p_vaddr + (e->eh.e_phoff - e->ph[i].p_offset);
	return e->eh.e_phoff;
}
