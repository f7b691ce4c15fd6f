/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * module.c - the table of loaded modules that the unwinder and the symbolizer work on.
 *
 * dl_iterate_phdr() takes the loader's lock, so a signal handler may not call it. The table is made
 * outside handlers (start-up, snapshots, the profiler's drain loop) and published with one store.
 *
 * Invariants:
 *  1. A published table and its modules are never changed (but for `file`) and never freed: a
 *     handler may hold them for as long as it likes. Tables are remade only when the loader's
 *     counters moved.
 *  2. The call frame tables of the modules that were there at the first refresh are read in place
 *     (the loader never unmaps those); of modules loaded later a copy is kept, since dlclose() may
 *     unmap them while a handler reads.
 *  3. `file` goes once from NULL to its final value, by compare-and-swap: two threads may both map
 *     a file, one throws its work away. So no lock is needed, and a crash while another thread
 *     symbolizes cannot deadlock.
 *
 * Rejected: _dl_find_object (glibc 2.35; we run on 2.31), __register_frame hooks.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "heapsort.h"
#include "module.h"

#define MAX_MODULES 1024

static struct module_table *_Atomic current;
static atomic_flag refreshing = ATOMIC_FLAG_INIT;
static struct module_file no_file; /* "could not be read" */

static void *pages(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* The end of the loaded segment that addr lies in, 0 when none. */
static uintptr_t segment_end(const struct dl_phdr_info *info, uintptr_t addr)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t lo = info->dlpi_addr + ph->p_vaddr;
		if (ph->p_type == PT_LOAD && addr >= lo && addr - lo < ph->p_memsz)
			return lo + ph->p_memsz;
	}
	return 0;
}

static struct bytes kept(const uint8_t *data, size_t size, bool copy)
{
	uint8_t *p = copy && size ? pages(size) : NULL;
	if (!copy)
		return (struct bytes){data, size};
	if (!p)
		return (struct bytes){NULL, 0};
	memcpy(p, data, size);
	return (struct bytes){p, size};
}

static void take_eh_frame(
	struct module *mod, const struct dl_phdr_info *info, const ElfW(Phdr) * ph, bool copy)
{
	uintptr_t hdr = info->dlpi_addr + ph->p_vaddr;
	uintptr_t end = segment_end(info, hdr);
	if (!end || end - hdr < 8 || end - hdr < ph->p_memsz)
		return;
	const uint8_t *p = (const uint8_t *)hdr;
	int32_t rel;
	memcpy(&rel, p + 4, sizeof rel);
	uintptr_t frame = hdr + 4 + (uintptr_t)(intptr_t)rel, frame_end = segment_end(info, frame);
	if (p[1] != 0x1b || !frame_end)
		return;
	mod->eh = (struct eh_image){
		.hdr = kept(p, ph->p_memsz, copy),
		.frame = kept((const uint8_t *)frame, frame_end - frame, copy),
		.hdr_addr = hdr,
		.frame_addr = frame,
	};
}

/* A static program has no .eh_frame_hdr: its section headers tell where .eh_frame is. */
static void find_eh_frame(struct module *mod, const struct dl_phdr_info *info, bool copy)
{
	const struct module_file *f = module_file(mod);
	uintptr_t at = f ? mod->base + f->elf.eh_frame_addr : 0, end = segment_end(info, at);
	if (!f || !f->elf.eh_frame_size || !end || end - at < f->elf.eh_frame_size)
		return;
	mod->eh.frame = kept((const uint8_t *)at, f->elf.eh_frame_size, copy);
	mod->eh.frame_addr = at;
}

static void take_note(struct module *mod, uintptr_t at, size_t size)
{
	struct reader r = {(const uint8_t *)at, (const uint8_t *)at + size, false};
	while (reader_left(&r) >= sizeof(ElfW(Nhdr))) {
		uint32_t namesz = read_u32(&r), descsz = read_u32(&r), type = read_u32(&r);
		const uint8_t *name = r.at;
		reader_skip(&r, (namesz + 3ull) & ~3ull);
		const uint8_t *desc = r.at;
		reader_skip(&r, (descsz + 3ull) & ~3ull);
		if (r.bad || type != NT_GNU_BUILD_ID || namesz != 4 || memcmp(name, "GNU", 4))
			continue;
		for (uint32_t i = 0; i < descsz && i * 2 + 2 < MODULE_BUILD_ID; i++)
			snprintf(mod->build_id + i * 2, 3, "%02x", desc[i]);
	}
}

static void take_load(struct module *mod, uintptr_t bias, const ElfW(Phdr) * ph)
{
	uintptr_t lo = bias + ph->p_vaddr, hi = lo + ph->p_memsz;
	if (!mod->hi || lo < mod->lo)
		mod->lo = lo;
	if (hi > mod->hi)
		mod->hi = hi;
	if (!(ph->p_flags & PF_X) || mod->text_hi)
		return;
	mod->text_lo = lo;
	mod->text_hi = hi;
	mod->text_offset = ph->p_offset;
}

static void take_path(struct module *mod, const char *name)
{
	mod->vdso = mod->lo && mod->lo == getauxval(AT_SYSINFO_EHDR);
	ssize_t n = 0;
	if (mod->main)
		n = readlink("/proc/self/exe", mod->path, sizeof mod->path - 1);
	if (n <= 0)
		snprintf(mod->path, sizeof mod->path, "%s", mod->vdso ? "[vdso]" : name);
}

static struct module *make_module(const struct dl_phdr_info *info, bool main, bool copy)
{
	struct module *mod = pages(sizeof *mod);
	if (!mod)
		return NULL;
	mod->base = info->dlpi_addr;
	mod->main = main;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		if (ph->p_type == PT_LOAD)
			take_load(mod, mod->base, ph);
		else if (ph->p_type == PT_GNU_EH_FRAME)
			take_eh_frame(mod, info, ph, copy);
		else if (ph->p_type == PT_NOTE)
			take_note(mod, mod->base + ph->p_vaddr, ph->p_memsz);
	}
	take_path(mod, info->dlpi_name);
	if (!mod->eh.frame.size)
		find_eh_frame(mod, info, copy);
	return mod;
}

static struct module *known_module(const struct module_table *t, const struct dl_phdr_info *info)
{
	for (uint32_t i = 0; t && i < t->n; i++)
		if (t->m[i]->base == info->dlpi_addr &&
			(i == 0 || !strcmp(t->m[i]->path, info->dlpi_name) || t->m[i]->vdso))
			return t->m[i];
	return NULL;
}

struct rebuild {
	const struct module_table *old;
	struct module_table *fresh;
};

static int add_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct rebuild *b = arg;
	struct module_table *t = b->fresh;
	(void)size;
	if (b->old && b->old->adds == info->dlpi_adds && b->old->subs == info->dlpi_subs)
		return 1;
	if (!t) {
		t = b->fresh = pages(sizeof *t + MAX_MODULES * sizeof t->m[0]);
		if (!t)
			return 1;
		t->adds = info->dlpi_adds;
		t->subs = info->dlpi_subs;
		t->generation = b->old ? b->old->generation + 1 : 1;
	}
	struct module *mod = known_module(b->old, info);
	if (!mod)
		mod = make_module(info, t->n == 0, b->old != NULL);
	if (mod && t->n < MAX_MODULES)
		t->m[t->n++] = mod;
	return 0;
}

void modules_refresh(void)
{
	struct rebuild b = {.old = load_acq(&current)};
	if (atomic_flag_test_and_set_explicit(&refreshing, memory_order_acquire))
		return;
	dl_iterate_phdr(add_module, &b);
	if (b.fresh)
		store_rel(&current, b.fresh); /* pairs with modules() */
	atomic_flag_clear_explicit(&refreshing, memory_order_release);
}

const struct module_table *modules(void)
{
	return load_acq(&current);
}

struct module *module_find(uintptr_t pc)
{
	const struct module_table *t = modules();
	for (uint32_t i = 0; t && i < t->n; i++)
		if (pc >= t->m[i]->lo && pc < t->m[i]->hi)
			return t->m[i];
	return NULL;
}

static struct bytes map_file(const struct module *mod)
{
	struct bytes none = {NULL, 0};
	struct stat st;
	if (mod->vdso)
		return (struct bytes){(const uint8_t *)mod->lo, mod->hi - mod->lo};
	int fd = open(mod->main ? "/proc/self/exe" : mod->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return none;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0) {
		void *p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p != MAP_FAILED)
			none = (struct bytes){p, st.st_size};
	}
	close(fd);
	return none;
}

static bool seq_less(const struct heapsort *h, size_t a, size_t b)
{
	const struct line_seq *s = h->elements;
	return s[a].low < s[b].low;
}

static void seq_swap(const struct heapsort *h, size_t a, size_t b)
{
	struct line_seq *s = h->elements, kept_seq = s[a];
	s[a] = s[b];
	s[b] = kept_seq;
}

static void index_lines(struct module_file *f)
{
	f->lines = (struct line_tables){f->elf.debug_line, f->elf.debug_line_str, f->elf.debug_str};
	size_t n = line_index(&f->lines, NULL, 0);
	f->seqs = n ? pages(n * sizeof *f->seqs) : NULL;
	if (!f->seqs)
		return;
	f->nseqs = line_index(&f->lines, f->seqs, n);
	struct heapsort h = {seq_less, seq_swap, NULL, f->seqs};
	heapsort_run(&h, f->nseqs);
}

static void index_symbols(struct module_file *f)
{
	size_t max = f->elf.symtab.size / sizeof(Elf64_Sym);
	f->order = max ? pages(max * sizeof *f->order) : NULL;
	if (f->order)
		f->norder = symtab_sort(&f->elf, f->order, max);
}

static struct module_file *read_file(const struct module *mod)
{
	struct bytes image = map_file(mod);
	struct module_file *f = image.size ? pages(sizeof *f) : NULL;
	if (!f || elf_sections(image, &f->elf))
		return &no_file;
	index_symbols(f);
	index_lines(f);
	return f;
}

/* What a thread that lost the race made is left mapped: it happens once a module at most. */
const struct module_file *module_file(struct module *mod)
{
	struct module_file *f = load_acq(&mod->file);
	if (!f) {
		struct module_file *mine = read_file(mod);
		f = cas_acqrel(&mod->file, &f, mine) ? mine : load_acq(&mod->file);
	}
	return f == &no_file ? NULL : f;
}
