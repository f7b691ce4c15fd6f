/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * corefiles.c - the memory of a core: its own bytes, and those of files that were mapped.
 *
 * Only what the process could not write is read from a file: code and constants. A private page
 * that was written is in the core, whatever coredump_filter says of files, or it is lost; what the
 * file has in its place would be old.
 */
#include "core.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMPARED  4096 /* bytes of a file that its identity is judged by: ELF header, build ids */
#define MAX_IMAGE (1ull << 30)
#define PIECE     4096u

/* Number of the first segment that ends behind addr. */
static size_t segment_from(const struct core *c, uint64_t addr)
{
	size_t lo = 0, hi = c->nsegments;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (c->segments[mid].hi <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static const struct core_segment *segment_at(const struct core *c, uint64_t addr)
{
	size_t i = segment_from(c, addr);
	return i < c->nsegments && c->segments[i].lo <= addr ? &c->segments[i] : NULL;
}

const struct core_map *core_map_at(const struct core *c, uint64_t addr)
{
	size_t lo = 0, hi = c->nmaps;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (c->maps[mid].hi <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < c->nmaps && c->maps[lo].lo <= addr ? &c->maps[lo] : NULL;
}

/* ---- files ---- */

/* A core is foreign: only regular files are opened, and never waited for. */
static bool map_file(struct core_file *f)
{
	struct stat st;
	int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	void *map = MAP_FAILED;
	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (fd >= 0)
		close(fd);
	if (map == MAP_FAILED)
		return false;
	f->map = map;
	f->size = (size_t)st.st_size;
	return true;
}

/* What the core has of the start of the file is the same in it. */
static bool same_start(const struct core *c, const struct core_file *f)
{
	for (size_t i = 0; i < c->nmaps; i++) {
		if (&c->files[c->maps[i].file] != f || c->maps[i].offset)
			continue;
		const struct core_segment *s = segment_at(c, c->maps[i].lo);
		if (!s || s->lo != c->maps[i].lo || s->flags & PF_W)
			continue;
		size_t n = s->have < COMPARED ? s->have : COMPARED;
		if (n > f->size || memcmp(s->bytes, f->map, n))
			return false;
	}
	return true;
}

bool core_file_open(struct core *c, struct core_file *f)
{
	if (f->state != CORE_UNTRIED)
		return f->state == CORE_THERE;
	if (c->exe && f == core_exe(c))
		f->path = c->exe;
	f->state = !map_file(f) ? CORE_ABSENT : same_start(c, f) ? CORE_THERE : CORE_OTHER;
	return f->state == CORE_THERE;
}

/* gcore writes no segment for constants that are in a file: its headers tell the rights. */
static uint32_t file_flags(struct core *c, const struct core_map *m)
{
	struct elf e;
	uint32_t flags = 0;
	struct core_file *f = &c->files[m->file];
	if (!core_file_open(c, f) || elf_parse(&e, f->map, f->size))
		return 0;
	for (unsigned i = 0; i < e.nph; i++)
		if (e.ph[i].p_type == PT_LOAD && e.ph[i].p_offset / PIECE == m->offset / PIECE)
			flags = e.ph[i].p_flags;
	elf_close(&e);
	return flags;
}

uint32_t core_flags(struct core *c, uint64_t addr)
{
	const struct core_segment *s = segment_at(c, addr);
	const struct core_map *m = s ? NULL : core_map_at(c, addr);
	return s ? s->flags : m ? file_flags(c, m) : 0;
}

struct core_file *core_exe(struct core *c)
{
	const struct core_map *m = core_map_at(c, core_auxv(c, AT_PHDR));
	if (!m)
		m = core_map_at(c, core_auxv(c, AT_ENTRY));
	return m ? &c->files[m->file] : NULL;
}

/* ---- memory ---- */

static void lacks(struct core *c, uint64_t at, enum core_lack why)
{
	if (c->lack == CORE_NOTHING) {
		c->lack = why;
		c->lacking = at;
	}
}

/* [at, at + len) of a file; what lies beyond its end was never there. */
static size_t from_file(
	struct core *c, const struct core_map *m, uint64_t at, void *buf, size_t len)
{
	struct core_file *f = &c->files[m->file];
	uint64_t off = m->offset + (at - m->lo);
	if (!core_file_open(c, f)) {
		lacks(c, at, f->state == CORE_OTHER ? CORE_FILE_OTHER : CORE_FILE_ABSENT);
		return 0;
	}
	if (off >= f->size)
		return 0;
	len = len < m->hi - at ? len : m->hi - at;
	len = len < f->size - off ? len : f->size - off;
	memcpy(buf, f->map + off, len);
	return len;
}

/* Bytes at an address up to the end of what holds them; 0 when there are none. */
static size_t read_some(struct core *c, uint64_t at, void *buf, size_t len)
{
	const struct core_segment *s = segment_at(c, at);
	if (s && at - s->lo < s->have) {
		uint64_t off = at - s->lo;
		len = len < s->have - off ? len : s->have - off;
		memcpy(buf, s->bytes + off, len);
		return len;
	}
	if (s && len > s->hi - at)
		len = s->hi - at;
	const struct core_map *m = core_map_at(c, at);
	if (m && !(s && s->flags & PF_W))
		return from_file(c, m, at, buf, len);
	if (s && s->flags & PF_R)
		lacks(c, at, c->cut ? CORE_CUT : CORE_LEFT_OUT);
	return 0;
}

void core_readv(void *ctx, struct tmem_read_at *reads, size_t n)
{
	struct core *c = ctx;
	for (size_t i = 0; i < n; i++) {
		size_t done = 0, got = 1;
		while (got && done < reads[i].len) {
			got = read_some(c, reads[i].at.v + done, (char *)reads[i].buf + done,
				reads[i].len - done);
			done += got;
		}
		reads[i].ok = done == reads[i].len;
	}
}

/* What a core leaves out are files' pages: none of the objects that are counted lie there. */
uint64_t core_bytes(void *ctx)
{
	const struct core *c = ctx;
	uint64_t n = 0;
	for (size_t i = 0; i < c->nsegments; i++)
		n += c->segments[i].have;
	return n;
}

static bool read_at(struct core *c, uint64_t at, void *buf, size_t len)
{
	struct tmem_read_at r = {.at = {at}, .buf = buf, .len = len};
	core_readv(c, &r, 1);
	return r.ok;
}

/* ---- executables without their file ---- */

static bool image_headers(struct core *c, uint64_t base, Elf64_Ehdr *eh, Elf64_Phdr **ph)
{
	*ph = NULL;
	if (!read_at(c, base, eh, sizeof *eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) ||
		eh->e_phentsize != sizeof **ph || !eh->e_phnum)
		return false;
	*ph = malloc(eh->e_phnum * sizeof **ph);
	if (*ph && read_at(c, base + eh->e_phoff, *ph, eh->e_phnum * sizeof **ph))
		return true;
	free(*ph);
	return false;
}

/* Where the bytes of a segment end in the file, 0 when it has none or they make no sense. */
static uint64_t segment_end(const Elf64_Phdr *ph)
{
	uint64_t end;
	if (ph->p_type != PT_LOAD || __builtin_add_overflow(ph->p_offset, ph->p_filesz, &end))
		return 0;
	return end <= MAX_IMAGE ? end : 0;
}

static uint64_t image_size(const Elf64_Ehdr *eh, const Elf64_Phdr *ph)
{
	uint64_t size = sizeof *eh;
	for (unsigned i = 0; i < eh->e_phnum; i++)
		if (segment_end(&ph[i]) > size)
			size = segment_end(&ph[i]);
	return size;
}

/* The address of file offset 0 less the one it was linked for. */
static uint64_t image_bias(const Elf64_Ehdr *eh, const Elf64_Phdr *ph, uint64_t base)
{
	for (unsigned i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && !ph[i].p_offset)
			return base - ph[i].p_vaddr;
	return 0;
}

/*
 * The first address from addr on of which the core itself has the byte, or UINT64_MAX. A byte of
 * each part that is passed over is asked for, so that it is noted as lacking.
 */
static uint64_t next_held(struct core *c, uint64_t addr)
{
	uint8_t byte;
	for (size_t i = segment_from(c, addr); i < c->nsegments; i++) {
		const struct core_segment *s = &c->segments[i];
		addr = addr < s->lo ? s->lo : addr;
		if (addr - s->lo < s->have)
			return addr;
		read_at(c, addr, &byte, 1);
	}
	return UINT64_MAX;
}

/* What the core has of it: its file is not there, and headers that lie may claim a gigabyte. */
static void copy_segment(struct core *c, const Elf64_Phdr *ph, uint64_t bias, uint8_t *image)
{
	uint64_t from = ph->p_vaddr + bias;
	for (uint64_t at = next_held(c, from) - from; at < ph->p_filesz;
		at = next_held(c, from + at) - from) {
		uint64_t piece = PIECE - (ph->p_vaddr + at) % PIECE;
		size_t len = piece < ph->p_filesz - at ? piece : ph->p_filesz - at;
		read_at(c, from + at, image + ph->p_offset + at, len);
		at += len;
	}
}

/* Headers that lie may name the same bytes again and again, hence the sum. */
void *core_image(struct core *c, uint64_t base, size_t *size)
{
	Elf64_Ehdr eh;
	Elf64_Phdr *ph;
	uint64_t sum = 0;
	if (!image_headers(c, base, &eh, &ph))
		return NULL;
	*size = image_size(&eh, ph);
	uint8_t *image = mmap(NULL, *size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (unsigned i = 0; image != MAP_FAILED && i < eh.e_phnum; i++) {
		sum += segment_end(&ph[i]) ? ph[i].p_filesz : 0;
		if (segment_end(&ph[i]) && sum <= MAX_IMAGE)
			copy_segment(c, &ph[i], image_bias(&eh, ph, base), image);
	}
	free(ph);
	if (image == MAP_FAILED)
		return NULL;
	eh.e_shoff = eh.e_shnum = eh.e_shstrndx = 0;
	memcpy(image, &eh, sizeof eh);
	return image;
}

int core_exe_elf(struct core *c, struct elf *e)
{
	struct core_file *f = core_exe(c);
	uint64_t phdr = core_auxv(c, AT_PHDR);
	if (f && core_file_open(c, f))
		return elf_open(e, f->path);
	const struct core_map *m = core_map_at(c, phdr);
	uint64_t base = m ? m->lo - m->offset : phdr & ~(uint64_t)(PIECE - 1);
	size_t size;
	void *image = phdr ? core_image(c, base, &size) : NULL;
	if (!image)
		return -ENOEXEC;
	int err = elf_parse(e, image, size);
	e->mapped = true;
	if (err)
		elf_close(e);
	return err;
}

/* ---- what is missing ---- */

void core_explain(struct core *c, char *why, size_t why_size, char *what_to_try, size_t try_size)
{
	const struct core_map *m = core_map_at(c, c->lacking);
	const char *path = m ? c->files[m->file].path : "";
	bool is_exe = m && &c->files[m->file] == core_exe(c);
	why[0] = what_to_try[0] = '\0';
	switch (c->lack) {
	case CORE_NOTHING:
		return;
	case CORE_CUT:
		snprintf(why, why_size,
			"the core is cut off: it has %" PRIu64 " of %" PRIu64 " bytes",
			c->size - c->cut, c->size);
		snprintf(what_to_try, try_size, "ulimit -c unlimited, and room on the disk");
		return;
	case CORE_FILE_ABSENT:
		snprintf(why, why_size,
			"page 0x%" PRIx64 " is not in the core, and %.120s is not here",
			c->lacking & ~(uint64_t)(PIECE - 1), path);
		break;
	case CORE_FILE_OTHER:
		snprintf(why, why_size,
			"page 0x%" PRIx64 " is not in the core, and %.110s is another build",
			c->lacking & ~(uint64_t)(PIECE - 1), path);
		break;
	case CORE_LEFT_OUT:
		snprintf(why, why_size, "page 0x%" PRIx64 " was left out of the core",
			c->lacking & ~(uint64_t)(PIECE - 1));
		break;
	}
	if (is_exe)
		snprintf(what_to_try, try_size,
			"--exe FILE      (the executable, just as it was when it ran)");
	else
		snprintf(what_to_try, try_size,
			"echo 0x7f > /proc/PID/coredump_filter      (before the next core)");
}
