/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * modules.c - the executable files of a process, found in /proc/PID/maps and opened on demand.
 *
 * A path in maps is one of the target's mount namespace and may name another file by now. It is
 * opened through /proc/PID/root and trusted when its inode is the mapped one; else map_files, which
 * is always the mapped file but needs more permission; else /proc/PID/exe for the program itself.
 *
 * Compilation units are found by a table of their ranges built here: .debug_aranges, on which
 * libdwfl relies, is absent from what clang writes.
 *
 * Of a core the mappings are those that it names; a file that is not there any more is put together
 * from what the core has of it.
 *
 * A refresh builds a new generation and keeps the old ones until the end, because callers hold
 * strings of them. Separate debug files are looked up by build id on this machine only: the
 * standard callback would also ask a debuginfod server, and no tool of ours goes to the network.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include "core.h"
#include "modules.h"

struct generation {
	struct generation *next;
	Dwfl *dwfl;
	struct module *mods; /* ascending, disjoint */
	size_t n, cap;
	uint64_t hash; /* of the executable mappings */
};

struct modules {
	const struct target *t;
	struct generation *now;
};

static bool file_is(int fd, uint64_t inode)
{
	struct stat st;
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_ino == inode;
}

static int open_root_path(const struct module *m)
{
	char path[4352];
	const struct target *t = m->owner->t;
	snprintf(path, sizeof path, "%s/%d/root%s", t->proc, t->pid, m->path);
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

static int open_map_file(const struct module *m)
{
	char file[64], path[192];
	snprintf(file, sizeof file, "map_files/%llx-%llx", (unsigned long long)m->exec_start,
		(unsigned long long)m->exec_end);
	return open(target_path(m->owner->t, file, path, sizeof path), O_RDONLY | O_CLOEXEC);
}

static int open_exe(const struct module *m)
{
	char path[192];
	return open(target_path(m->owner->t, "exe", path, sizeof path), O_RDONLY | O_CLOEXEC);
}

static int open_mapped(const struct module *m)
{
	int (*const ways[])(const struct module *) = {open_root_path, open_exe, open_map_file};
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		int fd = ways[i](m);
		if (file_is(fd, m->inode))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return open_map_file(m);
}

/* The file's descriptor, or its image as *elf. */
static int find_in_core(struct module *m, Elf **elf)
{
	struct core *c = m->owner->t->core;
	const struct core_map *map = core_map_at(c, m->start);
	struct core_file *f = map ? &c->files[map->file] : NULL;
	if (f && core_file_open(c, f))
		return open(f->path, O_RDONLY | O_CLOEXEC);
	m->image = core_image(c, m->start, &m->image_size);
	*elf = m->image ? elf_memory(m->image, m->image_size) : NULL;
	return -1;
}

static int find_elf(Dwfl_Module *dw, void **userdata, const char *name, Dwarf_Addr base,
	char **file_name, Elf **elf)
{
	(void)dw, (void)name, (void)base;
	struct module *m = *userdata;
	if (!m || m->path[0] != '/')
		return -1;
	*file_name = strdup(m->path);
	return m->owner->t->core ? find_in_core(m, elf) : open_mapped(m);
}

static char *debug_path;

static const Dwfl_Callbacks callbacks = {
	.find_elf = find_elf,
	.find_debuginfo = dwfl_build_id_find_debuginfo,
	.section_address = dwfl_offline_section_address,
	.debuginfo_path = &debug_path,
};

/* One line of maps. */
struct line {
	unsigned long long start, end, offset, inode;
	bool exec;
	const char *path;
};

static bool parse_line(char *text, struct line *l)
{
	char perms[5];
	int at = 0;
	if (sscanf(text, "%llx-%llx %4s %llx %*x:%*x %llu %n", &l->start, &l->end, perms,
		    &l->offset, &l->inode, &at) < 5)
		return false;
	l->exec = strchr(perms, 'x') != NULL;
	l->path = text + at;
	text[at + strcspn(text + at, "\n")] = '\0';
	return l->end > l->start && (l->inode || !strcmp(l->path, "[vdso]"));
}

static bool same_file(const struct module *m, const struct line *l)
{
	return m->inode == l->inode && !strcmp(m->path, l->path) && l->start >= m->end;
}

static struct module *new_module(struct generation *g, struct modules *owner, const struct line *l)
{
	if (g->n == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 16;
		struct module *bigger = realloc(g->mods, cap * sizeof *bigger);
		if (!bigger)
			return NULL;
		g->mods = bigger;
		g->cap = cap;
	}
	struct module *m = &g->mods[g->n];
	*m = (struct module){.start = l->start, .inode = l->inode, .owner = owner};
	m->path = strdup(l->path);
	if (!m->path)
		return NULL;
	const char *slash = strrchr(m->path, '/');
	m->name = slash ? slash + 1 : m->path;
	g->n++;
	return m;
}

static void drop_last_unless_executable(struct generation *g)
{
	if (g->n && !g->mods[g->n - 1].exec_end)
		free(g->mods[--g->n].path);
}

/* A lower file offset than before means that the file is mapped once more. */
static void add_line(struct generation *g, struct modules *owner, const struct line *l)
{
	struct module *m = g->n ? &g->mods[g->n - 1] : NULL;
	if (!m || !same_file(m, l) || l->offset == 0) {
		drop_last_unless_executable(g);
		m = new_module(g, owner, l);
		if (!m)
			return;
	}
	m->end = l->end;
	if (!l->exec)
		return;
	if (!m->exec_end) {
		m->exec_start = l->start;
		m->exec_end = l->end;
		m->exec_offset = l->offset;
	}
	g->hash = (g->hash ^ l->start ^ l->end << 20 ^ l->inode) * 0x9e3779b97f4a7c15u;
}

static void read_proc_maps(struct generation *g, struct modules *owner)
{
	char path[128], *text = NULL;
	size_t cap = 0;
	struct line l;
	FILE *f = fopen(target_path(owner->t, "maps", path, sizeof path), "re");
	if (!f)
		return;
	while (getline(&text, &cap, f) > 0)
		if (parse_line(text, &l))
			add_line(g, owner, &l);
	free(text);
	fclose(f);
}

/* A core has no inodes: a file's number stands for it. */
static void read_core_maps(struct generation *g, struct modules *owner)
{
	struct core *c = owner->t->core;
	for (size_t i = 0; i < c->nmaps; i++) {
		const struct core_map *m = &c->maps[i];
		struct line l = {.start = m->lo,
			.end = m->hi,
			.offset = m->offset,
			.inode = m->file + 1,
			.exec = core_flags(c, m->lo) & PF_X,
			.path = c->files[m->file].path};
		add_line(g, owner, &l);
	}
}

static void read_maps(struct generation *g, struct modules *owner)
{
	if (owner->t->core)
		read_core_maps(g, owner);
	else
		read_proc_maps(g, owner);
	drop_last_unless_executable(g);
}

static void report_all(struct generation *g)
{
	void **userdata;
	g->dwfl = dwfl_begin(&callbacks);
	if (!g->dwfl)
		return;
	dwfl_report_begin(g->dwfl);
	for (size_t i = 0; i < g->n; i++) {
		struct module *m = &g->mods[i];
		m->dw = dwfl_report_module(g->dwfl, m->path, m->start, m->end);
		if (m->dw && dwfl_module_info(m->dw, &userdata, NULL, NULL, NULL, NULL, NULL, NULL))
			*userdata = m;
	}
	dwfl_report_end(g->dwfl, NULL, NULL);
}

static void generation_free(struct generation *g)
{
	if (g->dwfl)
		dwfl_end(g->dwfl);
	for (size_t i = 0; i < g->n; i++) {
		free(g->mods[i].path);
		free(g->mods[i].cus);
		if (g->mods[i].image)
			munmap(g->mods[i].image, g->mods[i].image_size);
	}
	free(g->mods);
	free(g);
}

bool modules_refresh(struct modules *ms)
{
	struct generation *g = calloc(1, sizeof *g);
	if (!g)
		return false;
	read_maps(g, ms);
	if (ms->now && (ms->now->hash == g->hash || g->n == 0)) {
		generation_free(g);
		return false;
	}
	report_all(g);
	g->next = ms->now;
	ms->now = g;
	return true;
}

bool modules_alive(const struct modules *ms)
{
	char path[128];
	return ms->t->core || access(target_path(ms->t, "", path, sizeof path), F_OK) == 0;
}

struct modules *modules_open(const struct target *t)
{
	struct modules *ms = calloc(1, sizeof *ms);
	if (!ms)
		return NULL;
	ms->t = t;
	modules_refresh(ms);
	if (ms->now)
		return ms;
	free(ms);
	return NULL;
}

void modules_close(struct modules *ms)
{
	if (!ms)
		return;
	for (struct generation *g = ms->now, *next; g; g = next) {
		next = g->next;
		generation_free(g);
	}
	free(ms);
}

struct module *modules_at(struct modules *ms, uint64_t pc)
{
	size_t lo = 0, hi = ms->now->n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (ms->now->mods[mid].end <= pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < ms->now->n && ms->now->mods[lo].start <= pc ? &ms->now->mods[lo] : NULL;
}

size_t modules_count(const struct modules *ms)
{
	return ms->now->n;
}

struct module *modules_get(struct modules *ms, size_t i)
{
	return &ms->now->mods[i];
}

static uint64_t main_inode(const struct modules *ms)
{
	char path[128];
	struct stat st;
	struct core *c = ms->t->core;
	const struct core_file *exe = c ? core_exe(c) : NULL;
	if (c)
		return exe ? (uint64_t)(exe - c->files) + 1 : 0;
	return stat(target_path(ms->t, "exe", path, sizeof path), &st) ? 0 : st.st_ino;
}

struct module *modules_main(struct modules *ms)
{
	uint64_t inode = main_inode(ms);
	for (size_t i = 0; inode && i < ms->now->n; i++)
		if (ms->now->mods[i].inode == inode)
			return &ms->now->mods[i];
	return ms->now->n ? &ms->now->mods[0] : NULL;
}

bool module_elf(struct module *m)
{
	if (!m->opened) {
		m->opened = true;
		m->has_elf = m->dw && dwfl_module_getelf(m->dw, &m->bias);
	}
	return m->has_elf;
}

static void add_cu_range(struct module *m, size_t *cap, struct cu_range r)
{
	if (r.lo == 0 || r.hi <= r.lo) /* the linker zeroes what it discarded */
		return;
	if (m->ncus == *cap) {
		size_t want = *cap ? *cap * 2 : 64;
		struct cu_range *bigger = realloc(m->cus, want * sizeof *bigger);
		if (!bigger)
			return;
		m->cus = bigger;
		*cap = want;
	}
	m->cus[m->ncus++] = r;
}

static int by_lo(const void *a, const void *b)
{
	const struct cu_range *x = a, *y = b;
	return (x->lo > y->lo) - (x->lo < y->lo);
}

static void read_cus(struct module *m)
{
	Dwarf_Addr base;
	Dwarf_Die *cu = NULL;
	size_t cap = 0;
	m->cus_read = true;
	if (!module_elf(m))
		return;
	while ((cu = dwfl_module_nextcu(m->dw, cu, &m->dwarf_bias))) {
		struct cu_range r = {.cu = cu};
		for (ptrdiff_t at = 0; (at = dwarf_ranges(cu, at, &base, &r.lo, &r.hi)) > 0;)
			add_cu_range(m, &cap, r);
	}
	if (m->ncus)
		qsort(m->cus, m->ncus, sizeof *m->cus, by_lo);
}

Dwarf_Die *module_cu(struct module *m, uint64_t pc)
{
	if (!m->cus_read)
		read_cus(m);
	Dwarf_Addr addr = pc - m->dwarf_bias;
	size_t lo = 0, hi = m->ncus;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (m->cus[mid].lo <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && addr < m->cus[lo - 1].hi ? m->cus[lo - 1].cu : NULL;
}
