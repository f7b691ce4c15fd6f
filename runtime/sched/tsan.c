/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tsan.c - who is told of goroutines: libgort-race.so, which has a table of functions for that, or
 * the stock runtime of ThreadSanitizer, to which each is one of its fibers.
 *
 * Nothing of it is linked to libgort. A program that is built with -fsanitize=thread has the
 * functions, in libtsan.so or, as clang links it, in itself and then in its dynamic symbols. They
 * are looked up there by name, through each module's hash table of symbols. A weak reference would
 * be 0 in a program that is not position independent, and dlsym is not to be had in static ones.
 *
 * While that runtime makes a report it holds locks of its own for which other threads wait, with
 * their Ps. The goroutine that made it race must not lose its P meanwhile: libtsan.so calls libc,
 * and so libgort, to read debug information, which tsaninside finds out. Sleeping in it is no
 * reason to take the P either (tsanwaits).
 *
 * Switches carry no order (the runtime's flag 1): goroutines of one thread are not ordered by
 * taking turns on it.
 */
#include <elf.h>
#include <link.h>
#include <string.h>

#include "debug/unwind.h"
#include "sched/race.h"
#include "sched/text.h"

#define NOSYNC 1

static struct {
	void *(*current)(void);
	void *(*create)(unsigned flags);
	void (*destroy)(void *fiber);
	void (*switchto)(void *fiber, unsigned flags);
	void (*setname)(void *fiber, const char *name);
	void (*acquire)(void *addr);
	void (*release)(void *addr);
	void (*read)(void *addr, size_t n, void *pc);
	void (*write)(void *addr, size_t n, void *pc);

	/* Meant for the heap of a Java machine, whose bounds init is told. */
	void (*init)(uintptr_t begin, uintptr_t size);
	void (*alloc)(uintptr_t p, uintptr_t n);
	void (*free)(uintptr_t p, uintptr_t n);
} tsan;

int tsanthreads;
bool racelocks, racelayer;

static uintptr_t lo, hi; /* of the module that the runtime is in */

/* ---- the hooks ---- */

static void *tsanthread(void)
{
	return tsan.current();
}

/* The parent is who calls: the new fiber is ordered after what it did. */
static void *tsanstart(void *parent, uintptr_t pc)
{
	(void)parent, (void)pc;
	return tsan.create(0);
}

static void tsanend(void *fiber)
{
	tsan.destroy(fiber);
}

static void tsanswitch(void *fiber)
{
	tsan.switchto(fiber, NOSYNC);
}

static void tsanacquire(void *fiber, const void *key)
{
	(void)fiber;
	tsan.acquire((void *)(uintptr_t)key);
}

static void tsanrelease(void *fiber, const void *key)
{
	(void)fiber;
	tsan.release((void *)(uintptr_t)key);
}

static void tsanname(void *fiber, const char *name)
{
	tsan.setname(fiber, name);
}

static void tsanaccess(const void *p, size_t n, uint32_t how, uintptr_t pc)
{
	void (*f)(void *, size_t, void *) = how & GORT_ACCESS_WRITE ? tsan.write : tsan.read;
	f((void *)(uintptr_t)p, n, (void *)pc);
}

/*
 * What alloc does is to clear what is known of the memory. It also notes who allocated it, which
 * would be who took the span, and not who took the slot; free forgets that, and locks there.
 */
static void tsanforget(void *p, size_t n)
{
	uintptr_t at = (uintptr_t)p;
	if (at < RACEFIRST || at + n > RACEEND) /* no place there was free */
		return;
	tsan.alloc(at, n);
	tsan.free(at, n);
}

/* ---- where it runs ---- */

static bool intsan(uintptr_t pc)
{
	return pc >= lo && pc < hi;
}

/* Called from libgort: by a function of libtsan that another one of it has called. */
__attribute__((noinline)) bool tsaninside(void)
{
	struct regs regs = {0};
	struct unwinder u;
	regs_here(&regs);
	struct g *gp = getg();
	unwind_init(&u, &regs, gp->stack.lo, gp->stack.hi, false);
	while (gorttext(u.regs.r[DW_RIP]))
		if (!unwind_next(&u))
			return false;
	return intsan(u.regs.r[DW_RIP]) && unwind_next(&u) && intsan(u.regs.r[DW_RIP]);
}

bool tsanwaits(uintptr_t pc)
{
	return intsan(pc) || gorttext(pc);
}

/* ---- the lookup ---- */

/* What the dynamic section of a module tells. */
struct symbols {
	const ElfW(Sym) * sym;
	const char *str;
	const uint32_t *hash; /* DT_GNU_HASH */
};

/* The loader has relocated the pointers in all modules but the vDSO, which is not asked for. */
static struct symbols symbolsof(const struct dl_phdr_info *info)
{
	struct symbols s = {0};
	const ElfW(Dyn) *d = NULL;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			d = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	for (; d && d->d_tag != DT_NULL; d++) {
		if (d->d_un.d_ptr < info->dlpi_addr)
			continue;
		const void *p = (const void *)d->d_un.d_ptr;
		if (d->d_tag == DT_SYMTAB)
			s.sym = p;
		else if (d->d_tag == DT_STRTAB)
			s.str = p;
		else if (d->d_tag == DT_GNU_HASH)
			s.hash = p;
	}
	if (!s.sym || !s.str)
		s.hash = NULL;
	return s;
}

static uint32_t gnuhash(const char *name)
{
	uint32_t h = 5381;
	for (; *name; name++)
		h = h * 33 + (unsigned char)*name;
	return h;
}

static void *find(const struct dl_phdr_info *info, const struct symbols *s, const char *name)
{
	uint32_t nbuckets = s->hash[0], first = s->hash[1], nbloom = s->hash[2];
	const uint32_t *buckets = s->hash + 4 + nbloom * (sizeof(ElfW(Addr)) / 4);
	const uint32_t *chain = buckets + nbuckets;
	uint32_t h = gnuhash(name), i = nbuckets ? buckets[h % nbuckets] : 0;
	if (i < first)
		return NULL;
	for (;; i++) {
		uint32_t entry = chain[i - first];
		const ElfW(Sym) *sym = &s->sym[i];
		if ((entry | 1) == (h | 1) && sym->st_shndx != SHN_UNDEF &&
			strcmp(s->str + sym->st_name, name) == 0)
			return (void *)(info->dlpi_addr + sym->st_value);
		if (entry & 1)
			return NULL;
	}
}

static void findbounds(const struct dl_phdr_info *info)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t first = info->dlpi_addr + ph->p_vaddr, end = first + ph->p_memsz;
		if (ph->p_type != PT_LOAD)
			continue;
		lo = lo && lo < first ? lo : first;
		hi = hi > end ? hi : end;
	}
}

static int findall(struct dl_phdr_info *info, size_t size, void *arg)
{
	static const struct {
		const char *name;
		void *at;
	} wanted[] = {
		{"__tsan_get_current_fiber", &tsan.current},
		{"__tsan_create_fiber", &tsan.create},
		{"__tsan_destroy_fiber", &tsan.destroy},
		{"__tsan_switch_to_fiber", &tsan.switchto},
		{"__tsan_set_fiber_name", &tsan.setname},
		{"__tsan_acquire", &tsan.acquire},
		{"__tsan_release", &tsan.release},
		{"__tsan_read_range_pc", &tsan.read},
		{"__tsan_write_range_pc", &tsan.write},
		{"__tsan_java_init", &tsan.init},
		{"__tsan_java_alloc", &tsan.alloc},
		{"__tsan_java_free", &tsan.free},
	};
	struct symbols s = symbolsof(info);
	unsigned *found = arg;
	(void)size;
	for (unsigned i = 0; s.hash; i++) {
		if (i == sizeof(wanted) / sizeof(wanted[0])) {
			findbounds(info);
			racelayer = *info->dlpi_name;
			return 1;
		}
		void *f = find(info, &s, wanted[i].name);
		if (!f)
			break;
		memcpy(wanted[i].at, &f, sizeof(f));
		*found = i + 1;
	}
	return 0;
}

/* The first module is the program. */
static int withprogram(struct dl_phdr_info *info, size_t size, void *arg)
{
	bool *with = arg;
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t at = (uintptr_t)withprogram - info->dlpi_addr - ph->p_vaddr;
		*with |= ph->p_type == PT_LOAD && at < ph->p_memsz;
	}
	return 1;
}

static int finddetector(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct symbols s = symbolsof(info);
	const struct gort_race_hooks *hooks = s.hash ? find(info, &s, "gort_race_detector") : NULL;
	(void)size;
	(void)arg;
	if (!hooks)
		return 0;
	gort_race = *hooks;
	findbounds(info);
	racelayer = true;
	return 1;
}

bool tsaninit(void)
{
	unsigned found = 0;
	bool ours = dl_iterate_phdr(finddetector, NULL);
	if (!ours && !dl_iterate_phdr(findall, &found))
		return false;
	dl_iterate_phdr(withprogram, &racelocks);
	if (ours)
		return true;
	tsanthreads = 1;
	tsan.init(RACEFIRST, RACEEND - RACEFIRST);
	raceforget = tsanforget;
	gort_race = (struct gort_race_hooks){
		.go_start = tsanstart,
		.go_end = tsanend,
		.go_switch = tsanswitch,
		.acquire = tsanacquire,
		.release = tsanrelease,
		.release_merge = tsanrelease,
		.thread = tsanthread,
		.go_name = tsanname,
		.access = tsanaccess,
	};
	return true;
}

struct hidden {
	const char *name;
	bool tsan;
	void *fn; /* libc's */
};

static int findhidden(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct hidden *h = arg;
	struct symbols s = symbolsof(info);
	const char *slash = strrchr(info->dlpi_name, '/');
	(void)size;
	if (s.hash && find(info, &s, "__tsan_acquire"))
		h->tsan = true;
	if (s.hash && strncmp(slash ? slash + 1 : info->dlpi_name, "libc.so", 7) == 0)
		h->fn = find(info, &s, h->name);
	return 0;
}

void *tsanhides(const char *name)
{
	struct hidden h = {.name = name};
	dl_iterate_phdr(findhidden, &h);
	return h.tsan ? h.fn : NULL;
}
