/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elfscan.c - reads just enough of an ELF file to tell how a program was built.
 *
 * The bytes are foreign: every table and text is taken through span() or text(), which refuse what
 * does not lie inside the file, and every walk is bounded by the size of its table.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "elfscan.h"

struct image {
	const unsigned char *data;
	size_t len;
};

/* A table of n entries of size bytes at off, or NULL. Entries may be unaligned: copy them out. */
static const unsigned char *span(const struct image *im, uint64_t off, uint64_t n, size_t size)
{
	if (off > im->len || n > (im->len - off) / size)
		return NULL;
	return im->data + off;
}

/* The text at off, or "" when it is not terminated inside the file. */
static const char *text(const struct image *im, uint64_t off)
{
	if (off >= im->len || !memchr(im->data + off, 0, im->len - off))
		return "";
	return (const char *)im->data + off;
}

static bool section(const struct image *im, const Elf64_Ehdr *eh, uint64_t i, Elf64_Shdr *sh)
{
	const unsigned char *table = span(im, eh->e_shoff, eh->e_shnum, sizeof *sh);
	if (!table || eh->e_shentsize != sizeof *sh || i >= eh->e_shnum)
		return false;
	memcpy(sh, table + i * sizeof *sh, sizeof *sh);
	return true;
}

static void scan_symbols(
	const struct image *im, const Elf64_Ehdr *eh, const Elf64_Shdr *sh, struct elfscan *out)
{
	Elf64_Shdr strings;
	uint64_t n = sh->sh_size / sizeof(Elf64_Sym);
	const unsigned char *table = span(im, sh->sh_offset, n, sizeof(Elf64_Sym));
	if (!table || !section(im, eh, sh->sh_link, &strings) || strings.sh_offset > im->len)
		return;
	for (uint64_t i = 0; i < n; i++) {
		Elf64_Sym sym;
		memcpy(&sym, table + i * sizeof sym, sizeof sym);
		if (strcmp(text(im, strings.sh_offset + sym.st_name), "__tsan_init") != 0)
			continue;
		if (sym.st_shndx == SHN_UNDEF) {
			out->tsan_calls = true;
		} else if (sym.st_value != 0) {
			out->tsan_inside = true;
			out->tsan_exported |= sh->sh_type == SHT_DYNSYM;
			return;
		}
	}
}

static void scan_buildinfo(const struct image *im, const Elf64_Shdr *sh, struct elfscan *out)
{
	static const char setting[] = "build\t-race=true\n";
	const unsigned char *data = span(im, sh->sh_offset, sh->sh_size, 1);
	if (data && memmem(data, sh->sh_size, setting, sizeof setting - 1))
		out->go_race = true;
}

static void scan_sections(const struct image *im, const Elf64_Ehdr *eh, struct elfscan *out)
{
	Elf64_Shdr names, sh;
	if (!section(im, eh, eh->e_shstrndx, &names) || names.sh_offset > im->len)
		return;
	for (uint64_t i = 0; section(im, eh, i, &sh); i++) {
		const char *name = text(im, names.sh_offset + sh.sh_name);
		if (!strcmp(name, ".go.buildinfo"))
			scan_buildinfo(im, &sh, out);
		if (!strcmp(name, ".go.buildinfo") || !strcmp(name, ".gopclntab"))
			out->go = true;
		else if (!strcmp(name, ".gort.abi"))
			out->libgort = true;
		else if (!strcmp(name, ".note.gort.stamp"))
			out->gort_cc = true;
		else if (!strcmp(name, ".note.gort.race"))
			out->gort_race = true;
		else if (sh.sh_type == SHT_SYMTAB || sh.sh_type == SHT_DYNSYM)
			scan_symbols(im, eh, &sh, out);
	}
}

static void needed(const char *name, struct elfscan *out)
{
	if (!strncmp(name, "libgort.so", 10))
		out->libgort = true;
	if (!strcmp(name, "libgort-race.so"))
		out->direct = true;
	bool tsan = !strncmp(name, "libtsan.so", 10) || !strncmp(name, "libclang_rt.tsan", 16);
	if (tsan && strlen(name) < sizeof out->tsan)
		strcpy(out->tsan, name);
}

static void scan_dynamic(const struct image *im, const Elf64_Shdr *dyn, const Elf64_Shdr *strings,
	struct elfscan *out)
{
	uint64_t n = dyn->sh_size / sizeof(Elf64_Dyn);
	const unsigned char *table = span(im, dyn->sh_offset, n, sizeof(Elf64_Dyn));
	for (uint64_t i = 0; table && i < n; i++) {
		Elf64_Dyn d;
		memcpy(&d, table + i * sizeof d, sizeof d);
		if (d.d_tag == DT_NULL)
			break;
		if (d.d_tag == DT_NEEDED && strings->sh_offset <= im->len)
			needed(text(im, strings->sh_offset + d.d_un.d_val), out);
	}
}

static void scan_segments(const struct image *im, const Elf64_Ehdr *eh, struct elfscan *out)
{
	const unsigned char *table = span(im, eh->e_phoff, eh->e_phnum, sizeof(Elf64_Phdr));
	if (!table || eh->e_phentsize != sizeof(Elf64_Phdr))
		return;
	for (uint64_t i = 0; i < eh->e_phnum; i++) {
		Elf64_Phdr ph;
		memcpy(&ph, table + i * sizeof ph, sizeof ph);
		if (ph.p_type == PT_INTERP) {
			const char *path = text(im, ph.p_offset), *name = strrchr(path, '/');
			out->dynamic = true;
			out->musl = name && !strncmp(name, "/ld-musl-", 9);
		}
	}
}

static void scan_script(const struct image *im, struct elfscan *out)
{
	size_t from = 2, n = 0;
	while (from < im->len && (im->data[from] == ' ' || im->data[from] == '\t'))
		from++;
	while (n < sizeof out->shell - 1 && from + n < im->len && im->data[from + n] > ' ')
		n++;
	out->script = n > 0;
	memcpy(out->shell, im->data + from, n);
}

/* False of what is no x86-64 ELF file. */
static bool scan_kind(const Elf64_Ehdr *eh, struct elfscan *out)
{
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG))
		return false;
	out->elf32 = eh->e_ident[EI_CLASS] == ELFCLASS32;
	out->elf64 = eh->e_ident[EI_CLASS] == ELFCLASS64 && eh->e_machine == EM_X86_64;
	out->foreign = eh->e_ident[EI_CLASS] == ELFCLASS64 && !out->elf64;
	return out->elf64;
}

void elfscan(const void *data, size_t len, struct elfscan *out)
{
	struct image im = {data, len};
	Elf64_Ehdr eh;
	Elf64_Shdr sh, strings;
	*out = (struct elfscan){0};
	if (len > 2 && !memcmp(data, "#!", 2))
		scan_script(&im, out);
	if (len < sizeof eh)
		return;
	memcpy(&eh, data, sizeof eh);
	if (!scan_kind(&eh, out))
		return;
	scan_segments(&im, &eh, out);
	scan_sections(&im, &eh, out);
	for (uint64_t i = 0; section(&im, &eh, i, &sh); i++)
		if (sh.sh_type == SHT_DYNAMIC && section(&im, &eh, sh.sh_link, &strings))
			scan_dynamic(&im, &sh, &strings, out);
}

int elfscan_file(const char *path, struct elfscan *out)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	if (fd < 0)
		return -errno;
	void *data = MAP_FAILED;
	if (fstat(fd, &st) == 0 && st.st_size > 0)
		data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED) {
		*out = (struct elfscan){0};
	} else {
		elfscan(data, st.st_size, out);
		munmap(data, st.st_size);
	}
	close(fd);
	return rc;
}
