/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * core.c - what a core file says of its process, apart from memory (corefiles.c): segments, notes.
 *
 * The kernel writes the notes of the thread that got the signal first, then those of the others;
 * gcore writes those of the process before all threads. So nothing is taken from their order but
 * that a thread's floating-point registers follow its NT_PRSTATUS.
 */
#include "core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/procfs.h>

#define MAX_THREADS 100000
#define MAX_MAPS    1000000

static int by_address(const void *a, const void *b)
{
	const struct core_segment *x = a, *y = b;
	return (x->lo > y->lo) - (x->lo < y->lo);
}

/* Segments that overlap the one before them, as no process has them, are left out. */
static size_t keep_disjoint(struct core_segment *v, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		if (!kept || v[i].lo >= v[kept - 1].hi)
			v[kept++] = v[i];
	return kept;
}

static void count_size(struct core *c, const Elf64_Phdr *ph)
{
	uint64_t end;
	if (!__builtin_add_overflow(ph->p_offset, ph->p_filesz, &end) && end > c->size)
		c->size = end;
}

static int read_segments(struct core *c)
{
	c->segments = calloc(c->elf.nph + 1, sizeof *c->segments);
	if (!c->segments)
		return -ENOMEM;
	c->size = c->elf.size;
	for (unsigned i = 0; i < c->elf.nph; i++) {
		const Elf64_Phdr *ph = &c->elf.ph[i];
		struct core_segment *s = &c->segments[c->nsegments];
		size_t have;
		if (ph->p_type != PT_LOAD || !ph->p_memsz ||
			__builtin_add_overflow(ph->p_vaddr, ph->p_memsz, &s->hi))
			continue;
		s->lo = ph->p_vaddr;
		s->flags = ph->p_flags;
		s->bytes = elf_segment(&c->elf, i, &have);
		s->have = have < ph->p_memsz ? have : ph->p_memsz;
		c->nsegments++;
		count_size(c, ph);
	}
	c->cut = c->size - c->elf.size;
	qsort(c->segments, c->nsegments, sizeof *c->segments, by_address);
	c->nsegments = keep_disjoint(c->segments, c->nsegments);
	return 0;
}

/* ---- notes ---- */

struct note {
	uint32_t type;
	const uint8_t *desc;
	size_t len;
};

static bool more_threads(struct core *c)
{
	if (c->nthreads < c->cap)
		return true;
	size_t cap = c->cap ? c->cap * 2 : 16;
	pid_t *tids = cap <= MAX_THREADS ? realloc(c->tids, cap * sizeof *tids) : NULL;
	if (!tids)
		return false;
	c->tids = tids;
	struct thread_regs *regs = realloc(c->regs, cap * sizeof *regs);
	if (!regs)
		return false;
	c->regs = regs;
	c->cap = cap;
	return true;
}

static void add_thread(struct core *c, const struct note *n)
{
	struct elf_prstatus st;
	if (n->len < sizeof st || !more_threads(c))
		return;
	memcpy(&st, n->desc, sizeof st);
	if (!c->nthreads)
		c->signal = st.pr_cursig;
	struct thread_regs *regs = &c->regs[c->nthreads];
	*regs = (struct thread_regs){0};
	_Static_assert(sizeof regs->general == sizeof st.pr_reg, "x86-64");
	memcpy(regs->general, st.pr_reg, sizeof regs->general);
	c->tids[c->nthreads++] = st.pr_pid;
}

static void add_vectors(struct core *c, const struct note *n)
{
	struct thread_regs *regs = c->nthreads ? &c->regs[c->nthreads - 1] : NULL;
	if (regs && n->len >= sizeof regs->vector)
		memcpy(regs->vector, n->desc, sizeof regs->vector);
}

static void read_psinfo(struct core *c, const struct note *n)
{
	struct elf_prpsinfo ps;
	if (n->len < sizeof ps)
		return;
	memcpy(&ps, n->desc, sizeof ps);
	c->pid = ps.pr_pid;
	c->uid = ps.pr_uid;
	memcpy(c->comm, ps.pr_fname, sizeof ps.pr_fname);
	c->comm[sizeof c->comm - 1] = '\0';
}

static int read_auxv(struct core *c, const struct note *n)
{
	if (c->auxv || !n->len)
		return 0;
	c->auxv = malloc(n->len);
	if (!c->auxv)
		return -ENOMEM;
	memcpy(c->auxv, n->desc, n->len);
	c->nauxv = n->len / (2 * sizeof *c->auxv);
	return 0;
}

static uint64_t word(const uint8_t *p, size_t i)
{
	uint64_t v;
	memcpy(&v, p + 8 * i, sizeof v);
	return v;
}

/* The index of a path in files; mappings of one file follow each other, as a rule. */
static uint32_t file_of(struct core *c, const char *path)
{
	if (!c->nfiles || strcmp(c->files[c->nfiles - 1].path, path))
		c->files[c->nfiles++] = (struct core_file){.path = path};
	return (uint32_t)c->nfiles - 1;
}

/* NT_FILE: count and page size, {start, end, offset in pages} each, then the paths. */
static int read_files(struct core *c, const struct note *n)
{
	uint64_t count = n->len >= 16 ? word(n->desc, 0) : 0, page = count ? word(n->desc, 1) : 0;
	if (c->maps || !count || count > MAX_MAPS || count > (n->len - 16) / 24)
		return 0;
	c->maps = calloc(count, sizeof *c->maps);
	c->files = calloc(count, sizeof *c->files);
	if (!c->maps || !c->files)
		return -ENOMEM;
	const uint8_t *rows = n->desc + 16, *text = rows + 24 * count, *end = n->desc + n->len;
	for (uint64_t i = 0; i < count; i++, rows += 24) {
		const uint8_t *nul = memchr(text, '\0', (size_t)(end - text));
		if (!nul)
			break;
		struct core_map m = {.lo = word(rows, 0), .hi = word(rows, 1)};
		bool sane = m.lo < m.hi && (!c->nmaps || m.lo >= c->maps[c->nmaps - 1].hi) &&
			    !__builtin_mul_overflow(word(rows, 2), page, &m.offset);
		if (sane) {
			m.file = file_of(c, (const char *)text);
			c->maps[c->nmaps++] = m;
		}
		text = nul + 1;
	}
	return 0;
}

static int take_note(struct core *c, const struct note *n)
{
	switch (n->type) {
	case NT_PRSTATUS:
		add_thread(c, n);
		return 0;
	case NT_PRFPREG:
		add_vectors(c, n);
		return 0;
	case NT_PRPSINFO:
		read_psinfo(c, n);
		return 0;
	case NT_AUXV:
		return read_auxv(c, n);
	case NT_FILE:
		return read_files(c, n);
	default:
		return 0;
	}
}

static size_t padded(uint32_t len)
{
	return ((size_t)len + 3) & ~(size_t)3;
}

/* Notes of the name "CORE"; those of other names have types of their own. */
static int read_notes(struct core *c, const uint8_t *p, size_t len)
{
	Elf64_Nhdr nh;
	int err = 0;
	while (!err && len >= sizeof nh) {
		memcpy(&nh, p, sizeof nh);
		size_t name = padded(nh.n_namesz), desc = padded(nh.n_descsz);
		p += sizeof nh;
		len -= sizeof nh;
		if (name > len || nh.n_descsz > len - name)
			break;
		struct note n = {nh.n_type, p + name, nh.n_descsz};
		if (nh.n_namesz == 5 && !memcmp(p, "CORE", 5))
			err = take_note(c, &n);
		size_t whole = name + (desc < len - name ? desc : len - name);
		p += whole;
		len -= whole;
	}
	return err;
}

static int read_all_notes(struct core *c)
{
	int err = 0;
	for (unsigned i = 0; i < c->elf.nph && !err; i++) {
		const Elf64_Phdr *ph = &c->elf.ph[i];
		if (ph->p_type != PT_NOTE || ph->p_offset >= c->elf.size)
			continue;
		uint64_t have = c->elf.size - ph->p_offset;
		err = read_notes(
			c, c->elf.image + ph->p_offset, ph->p_filesz < have ? ph->p_filesz : have);
	}
	if (!c->pid && c->nthreads)
		c->pid = c->tids[0];
	return err;
}

static int read_contents(struct core *c)
{
	int err = read_segments(c);
	if (!err)
		err = read_all_notes(c);
	if (err)
		core_close(c);
	return err;
}

int core_parse(struct core *c, const void *image, size_t size)
{
	*c = (struct core){0};
	int err = elf_parse_core(&c->elf, image, size);
	return err ? err : read_contents(c);
}

int core_open(struct core *c, const char *path)
{
	*c = (struct core){0};
	int err = elf_open_core(&c->elf, path);
	return err ? err : read_contents(c);
}

void core_close(struct core *c)
{
	for (size_t i = 0; i < c->nfiles; i++)
		if (c->files[i].map)
			munmap((void *)(uintptr_t)c->files[i].map, c->files[i].size);
	free(c->segments);
	free(c->maps);
	free(c->files);
	free(c->tids);
	free(c->regs);
	free(c->auxv);
	elf_close(&c->elf);
	*c = (struct core){0};
}

uint64_t core_auxv(const struct core *c, uint64_t type)
{
	for (size_t i = 0; i < c->nauxv; i++)
		if (c->auxv[2 * i] == type)
			return c->auxv[2 * i + 1];
	return 0;
}

const struct thread_regs *core_regs(const struct core *c, pid_t tid)
{
	for (size_t i = 0; i < c->nthreads; i++)
		if (c->tids[i] == tid)
			return &c->regs[i];
	return NULL;
}
