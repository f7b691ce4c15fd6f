/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.c - tells the program's own code from code that relies on its thread staying what it is.
 *
 * A goroutine may be preempted at any instruction of the program and its libraries, but not in
 *  - libgort, whose data of an M and a P the scheduler would find half changed;
 *  - libc, ld.so, libgcc_s, libm, the vDSO and the runtimes of sanitizers: they hold internal locks
 *    and data of the thread, and another goroutine on the same thread would walk into them;
 *  - .plt and .init sections, where a call from libgort passes through;
 *  - whatever module defines malloc: what replaces libc's keeps caches for each thread.
 *
 * The table holds the executable sections of all other modules. In a program linked with libgort.a
 * libgort is the section gort_text (gort_text.ld). In a fully static one libc shares .text with the
 * program: there only [e_entry, gort_textmark) counts, that is the objects that stand between
 * crt1.o and libgort on the linker's command line.
 *
 * A module whose section headers cannot be read has no code here: its goroutines yield only when
 * they call the library. So has code that no module holds, such as a JIT compiler's.
 *
 * The table is guarded by a sequence number, odd while it is being replaced: a signal handler that
 * meets a change says no. It is replaced only when the loader's counters have moved.
 *
 * Rejected: the program headers alone, since the PLT shares a segment with .text. Rejected: reading
 * /proc/self/maps, which cannot tell sections either and takes longer than dl_iterate_phdr.
 */
#include "sched/text.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/atomic.h"
#include "base/noptr.h"
#include "base/syscall.h"
#include "mem/malloc.h"

#define MAXSPANS    512
#define MAXSECTIONS 256
#define NAMESIZE    16

struct span {
	_Atomic uintptr_t lo, hi;
};

struct texttable {
	unsigned long long adds, subs; /* the loader's counters when it was made */
	uint32_t n;
	struct span span[MAXSPANS];
};

static struct texttable scratch NOPTRBSS; /* being made; refreshes exclude each other */
static struct span spans[MAXSPANS] NOPTRBSS;
static _Atomic uint32_t nspans;
static _Atomic uint32_t sequence;

/* preempt_amd64.S: stands where libgort stands in the order of the link. */
extern const char gort_textmark[];

static bool within(const struct dl_phdr_info *info, uintptr_t pc)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		if (ph->p_type == PT_LOAD && pc - info->dlpi_addr - ph->p_vaddr < ph->p_memsz)
			return true;
	}
	return false;
}

static bool hasprefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Libraries by the beginning of their file's name. */
static bool threadbound(const char *path)
{
	static const char *const names[] = {"libc.so", "libc-", "ld-", "ld.so", "libm.so", "libm-",
		"libgcc_s", "libpthread", "libdl.", "libdl-", "librt.", "librt-", "libresolv",
		"libnss_", "libanl", "libgort", "linux-vdso", "libasan", "libubsan", "liblsan",
		"libtsan", "libclang_rt", "vgpreload", "libjemalloc", "libtcmalloc", "libmimalloc"};
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (hasprefix(base, names[i]))
			return true;
	return false;
}

static bool usersection(const char *name)
{
	return !hasprefix(name, ".plt") && !hasprefix(name, ".iplt") && !hasprefix(name, ".init") &&
	       !hasprefix(name, ".fini") && strcmp(name, "gort_text") != 0;
}

static long readat(int fd, void *buf, size_t n, uint64_t offset)
{
	return rawsyscall(SYS_pread64, fd, (long)buf, (long)n, (long)offset);
}

/* Section headers and the table of their names; NULL when the file is not what it should be. */
static char *readsections(int fd, Elf64_Shdr *sh, unsigned *n, size_t *size)
{
	Elf64_Ehdr eh;
	if (readat(fd, &eh, sizeof(eh), 0) != sizeof(eh) || memcmp(eh.e_ident, ELFMAG, SELFMAG) ||
		eh.e_shentsize != sizeof(*sh) || eh.e_shnum > MAXSECTIONS ||
		eh.e_shstrndx >= eh.e_shnum)
		return NULL;
	long bytes = (long)eh.e_shnum * (long)sizeof(*sh);
	if (readat(fd, sh, (size_t)bytes, eh.e_shoff) != bytes)
		return NULL;
	*n = eh.e_shnum;
	*size = sh[eh.e_shstrndx].sh_size;
	if (*size == 0 || *size > 1 << 20)
		return NULL;
	char *names = sysalloc(*size);
	if (readat(fd, names, *size, sh[eh.e_shstrndx].sh_offset) == (long)*size &&
		names[*size - 1] == '\0')
		return names;
	sysfree(names, *size);
	return NULL;
}

static void addspan(struct texttable *t, uintptr_t lo, uintptr_t hi)
{
	if (t->n >= MAXSPANS || lo >= hi)
		return;
	store_rlx(&t->span[t->n].lo, lo);
	store_rlx(&t->span[t->n].hi, hi);
	t->n++;
}

static void addsections(struct texttable *t, const struct dl_phdr_info *info, const char *path)
{
	static Elf64_Shdr sh[MAXSECTIONS] NOPTRBSS;
	unsigned n;
	size_t size;
	long fd = rawsyscall(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return;
	char *names = readsections((int)fd, sh, &n, &size);
	rawsyscall(SYS_close, fd, 0, 0, 0);
	if (!names)
		return;
	for (unsigned i = 0; i < n; i++) {
		uintptr_t lo = info->dlpi_addr + sh[i].sh_addr;
		if ((sh[i].sh_flags & SHF_EXECINSTR) && sh[i].sh_name < size &&
			usersection(names + sh[i].sh_name) && within(info, lo) &&
			within(info, lo + sh[i].sh_size - 1))
			addspan(t, lo, lo + sh[i].sh_size);
	}
	sysfree(names, size);
}

static bool inspan(struct span *span, uintptr_t pc)
{
	return pc >= load_rlx(&span->lo) && pc < load_rlx(&span->hi);
}

/* Drops the spans from first on, those of one module, if malloc is in one of them. */
static void dropmalloc(struct texttable *t, uint32_t first)
{
	void *(*volatile allocator)(size_t) = malloc;
	for (uint32_t i = first; i < t->n; i++)
		if (inspan(&t->span[i], (uintptr_t)allocator))
			t->n = first;
}

/* A fully static program: what stands before libgort on the linker's command line. */
static void cutstatic(struct texttable *t)
{
	uintptr_t first = getauxval(AT_ENTRY), last = (uintptr_t)gort_textmark;
	uint32_t n = t->n;
	t->n = 0;
	for (uint32_t i = 0; i < n; i++) {
		uintptr_t lo = load_rlx(&t->span[i].lo), hi = load_rlx(&t->span[i].hi);
		addspan(t, lo > first ? lo : first, hi < last ? hi : last);
	}
}

static bool isstatic(const struct dl_phdr_info *info)
{
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_INTERP)
			return false;
	return true;
}

struct refresh {
	uint32_t modules;
	bool changed;
};

static int addmodule(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct refresh *r = arg;
	struct texttable *t = &scratch;
	bool main = r->modules++ == 0;
	const char *path = main ? "/proc/self/exe" : info->dlpi_name;
	(void)size;
	if (main && t->adds == info->dlpi_adds && t->subs == info->dlpi_subs)
		return 1;
	if (main)
		*t = (struct texttable){.adds = info->dlpi_adds, .subs = info->dlpi_subs};
	r->changed = true;
	if (!main && (threadbound(path) || within(info, (uintptr_t)__start_gort_text) ||
			     info->dlpi_addr == getauxval(AT_SYSINFO_EHDR)))
		return 0;
	uint32_t first = t->n;
	addsections(t, info, path);
	if (main && isstatic(info))
		cutstatic(t);
	dropmalloc(t, first);
	return 0;
}

static void publish(struct texttable *t)
{
	uint32_t s = load_rlx(&sequence);
	store_rlx(&sequence, s + 1);
	atomic_thread_fence(memory_order_release); /* pairs with usertext's acquire fence */
	for (uint32_t i = 0; i < t->n; i++) {
		store_rlx(&spans[i].lo, load_rlx(&t->span[i].lo));
		store_rlx(&spans[i].hi, load_rlx(&t->span[i].hi));
	}
	store_rlx(&nspans, t->n);
	store_rel(&sequence, s + 2); /* pairs with usertext's acquire load */
}

void textrefresh(void)
{
	static atomic_flag busy = ATOMIC_FLAG_INIT;
	struct refresh r = {0};
	if (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire))
		return;
	dl_iterate_phdr(addmodule, &r);
	if (r.changed)
		publish(&scratch);
	atomic_flag_clear_explicit(&busy, memory_order_release);
}

bool gorttext(uintptr_t pc)
{
	return pc >= (uintptr_t)__start_gort_text && pc < (uintptr_t)__stop_gort_text;
}

bool usertext(uintptr_t pc, uintptr_t *end)
{
	uint32_t s = load_acq(&sequence), n = load_rlx(&nspans);
	bool found = false;
	for (uint32_t i = 0; i < n && !found; i++) {
		found = inspan(&spans[i], pc);
		*end = load_rlx(&spans[i].hi);
	}
	atomic_thread_fence(memory_order_acquire);
	return found && !(s & 1) && load_rlx(&sequence) == s;
}
