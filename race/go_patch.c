/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * go_patch.c - takes the place of the detector inside a Go program that was built with -race, in
 * memory, when the program starts.
 *
 * A Go -race executable has its detector linked in statically, but is dynamic (it needs libc), so
 * this library can be preloaded; an IFUNC resolver runs while the loader relocates it, before any
 * code of the program. It puts a jump over the first bytes of each function that Go's runtime
 * calls: `jmp rel32` to a trampoline near the program, which jumps on to this library. Functions as
 * short as five bytes can be replaced like that. In any other program nothing happens.
 *
 * The runtime's own functions that call the detector most are replaced as well, by go_fast.S, if
 * they begin with the instructions that all versions known have; else they stay.
 *
 * The resolver runs while this library is being relocated: no function of another library, nothing
 * whose address is not known relative to the pc or by a relative relocation.
 */
#include "builtins.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "elfsym.h"
#include "go_abi.h"
#include "mem.h"
#include "record.h"
#include "sys.h"
#include "text.h"

#define NEAR_STEP      (1ull << 20)
#define NEAR_FROM      (256ull << 20) /* leaves room for brk */
#define NEAR_TO        (1792ull << 20)
#define NEAR_SIZE      8192
#define TRAMPOLINE     16
#define MAP_AT_EXACTLY (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE)

struct entry {
	const char *name;
	void *fn;
	uint64_t at; /* in the program; 0 = it has none */
};

#define ENTRY(name) {"__tsan_" #name, (void *)__tsan_##name, 0},

static struct entry entries[] = {GO_ENTRIES(ENTRY)};

#define NENTRIES (sizeof entries / sizeof *entries)

/* go_fast.S */
extern uint64_t go_fast_racectx, go_fast_calladdr, go_fast_enter;
void go_fast_read(void);
void go_fast_write(void);
void go_fast_func_enter(void);
void go_fast_func_exit(void);

_Static_assert(offsetof(struct thread, tag) == 0 && offsetof(struct thread, sp) == 8 &&
		       offsetof(struct thread, lim) == 16 && offsetof(struct thread, base) == 24 &&
		       offsetof(struct frame, hash) == 8 && sizeof(struct frame) == 16,
	"go_fast.S knows these");
_Static_assert(offsetof(struct record, n) == 0 && offsetof(struct record, tag) == 16 &&
		       TAG_INFLATED == 0x400 && TAG_LOCKED == 0x800,
	"go_fast.S knows these");
_Static_assert(SHADOW_CELLS == 0x100000000000 && (WINDOW_MASK & ~7ull) == 0xffffffffff8 &&
		       HASH_MUL == 0x9e3779b97f4a7c15 && TAG_READ == 0x100 && TAG_MASK == 0xff,
	"go_fast.S knows these");

enum { CALLADDR, ENTER, READ, WRITE, FUNC_ENTER, FUNC_EXIT, NFAST };

static struct {
	const char *name;
	void (*fn)(void); /* NULL: only called */
	uint64_t at;
} fast[NFAST] = {
	[CALLADDR] = {"racecalladdr", NULL, 0},
	[ENTER] = {"racefuncenter", NULL, 0},
	[READ] = {"runtime.raceread", go_fast_read, 0},
	[WRITE] = {"runtime.racewrite", go_fast_write, 0},
	[FUNC_ENTER] = {"runtime.racefuncenter", go_fast_func_enter, 0},
	[FUNC_EXIT] = {"runtime.racefuncexit", go_fast_func_exit, 0},
};

struct program {
	struct elfsym sym;
	struct elfload load;
	uint64_t bias;
	unsigned char *near; /* free space for trampolines */
};

static bool map_program(struct program *p)
{
	struct stat st;
	long fd = SYS3(SYS_open, "/proc/self/exe", O_RDONLY | O_CLOEXEC, 0), image = -1;
	if (fd < 0)
		return false;
	if (!SYS3(SYS_fstat, fd, &st, 0))
		image = rawsyscall6(SYS_mmap, 0, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	SYS3(SYS_close, fd, 0, 0);
	if (image < 0 && image > -4096)
		return false;
	if (elfsym_open(&p->sym, (const void *)image, (size_t)st.st_size))
		return true;
	SYS3(SYS_munmap, image, st.st_size, 0);
	return false;
}

/* True when the program has Go's detector in it. */
static bool find_entries(struct program *p)
{
	const char *name;
	uint64_t value, start = 0;
	while ((name = elfsym_next(&p->sym, &value))) {
		for (uint32_t i = 0; name[0] == 'r' && i < NFAST; i++) {
			if (same_text(name, fast[i].name))
				fast[i].at = value;
		}
		if (name[0] != '_' || name[1] != '_' || name[2] != 't')
			continue;
		for (uint32_t i = 0; i < NENTRIES; i++) {
			if (same_text(name, entries[i].name))
				entries[i].at = value;
		}
		if (same_text(name, "__tsan_go_start"))
			start = value;
	}
	return start && elfsym_load(&p->sym, start, &p->load);
}

static uint64_t phdr_in_memory(void)
{
	Elf64_auxv_t aux[64];
	long fd = SYS3(SYS_open, "/proc/self/auxv", O_RDONLY | O_CLOEXEC, 0);
	long n = fd < 0 ? 0 : SYS3(SYS_read, fd, aux, sizeof aux);
	if (fd >= 0)
		SYS3(SYS_close, fd, 0, 0);
	for (long i = 0; (i + 1) * (long)sizeof *aux <= n; i++) {
		if (aux[i].a_type == AT_PHDR)
			return aux[i].a_un.a_val;
	}
	race_fatal("cannot read /proc/self/auxv", "mount /proc");
}

static void find_near(struct program *p)
{
	uint64_t end = (p->bias + p->load.hi) & ~(NEAR_STEP - 1);
	for (uint64_t at = end + NEAR_FROM; at < end + NEAR_TO; at += NEAR_STEP) {
		long r = sys_mmap((void *)at, NEAR_SIZE, PROT_READ | PROT_WRITE, MAP_AT_EXACTLY);
		if (r == (long)at) {
			p->near = (unsigned char *)at;
			return;
		}
	}
	race_fatal(
		"no free memory near the program's code", "run without other preloaded libraries");
}

static void protect_text(const struct program *p, int prot)
{
	uint64_t lo = (p->bias + p->load.text_lo) & ~(PAGE - 1);
	uint64_t hi = (p->bias + p->load.text_hi + PAGE - 1) & ~(PAGE - 1);
	if (SYS3(SYS_mprotect, lo, hi - lo, prot))
		race_fatal("the kernel does not let the program's code be patched",
			"gort-race go build ...      (links the detector in instead)");
}

static void put_jump(unsigned char *from, const void *to)
{
	int32_t rel = (int32_t)((intptr_t)to - (intptr_t)(from + 5));
	from[0] = 0xe9;
	race_memcpy(from + 1, &rel, sizeof rel);
}

/* jmp *0(%rip); .quad to */
static void put_far_jump(unsigned char *from, const void *to)
{
	static const unsigned char jump[] = {0xff, 0x25, 0, 0, 0, 0};
	race_memcpy(from, jump, sizeof jump);
	race_memcpy(from + sizeof jump, &to, sizeof to);
}

static void redirect(struct program *p, uint64_t at, const void *to)
{
	put_far_jump(p->near, to);
	put_jump((unsigned char *)(p->bias + at), p->near);
	p->near += TRAMPOLINE;
}

static bool begins(const struct program *p, uint64_t at, const char *code, uint32_t n)
{
	const unsigned char *c = (const unsigned char *)(p->bias + at);
	for (uint32_t i = 0; i < n; i++) {
		if (c[i] != (unsigned char)code[i])
			return false;
	}
	return true;
}

/* The parts of Go's runtime are there and look as expected. */
static bool can_be_fast(const struct program *p)
{
	static const char load_racectx[] = "\x49\x8b\xbe"; /* mov off(%r14), %rdi */
	static const char access[] =
		"\x48\x89\xc6\x48\x8b\x14\x24"; /* mov %rax, %rsi; mov (%rsp), %rdx */
	static const char enter[] = "\x48\x89\xd3\x49\x8b\xbe"; /* mov %rdx, %rbx; mov ... */
	for (uint32_t i = 0; i < NFAST; i++) {
		if (!fast[i].at)
			return false;
	}
	return begins(p, fast[CALLADDR].at, load_racectx, sizeof load_racectx - 1) &&
	       begins(p, fast[ENTER].at, enter, sizeof enter - 1) &&
	       begins(p, fast[READ].at, access, sizeof access - 1) &&
	       begins(p, fast[WRITE].at, access, sizeof access - 1);
}

static void make_fast(struct program *p)
{
	int32_t offset;
	if (!can_be_fast(p))
		return;
	race_memcpy(&offset, (const char *)(p->bias + fast[CALLADDR].at) + 3, sizeof offset);
	go_fast_racectx = (uint64_t)offset;
	go_fast_calladdr = p->bias + fast[CALLADDR].at;
	go_fast_enter = p->bias + fast[ENTER].at;
	for (uint32_t i = 0; i < NFAST; i++) {
		if (fast[i].fn)
			redirect(p, fast[i].at, (const void *)fast[i].fn);
	}
}

static void patch_text(struct program *p)
{
	p->bias = phdr_in_memory() - p->load.phdr;
	find_near(p);
	unsigned char *near = p->near;
	protect_text(p, PROT_READ | PROT_WRITE | PROT_EXEC);
	for (uint32_t i = 0; i < NENTRIES; i++) {
		if (entries[i].at)
			redirect(p, entries[i].at, entries[i].fn);
	}
	make_fast(p);
	protect_text(p, PROT_READ | PROT_EXEC);
	SYS3(SYS_mprotect, near, NEAR_SIZE, PROT_READ | PROT_EXEC);
}

static void patch(void)
{
	static struct program p;
	if (!map_program(&p))
		return;
	if (find_entries(&p))
		patch_text(&p);
	SYS3(SYS_munmap, p.sym.image, p.sym.len, 0);
}

static void nothing(void)
{
}

__attribute__((used)) static void (*resolve(void))(void) /* clang sees no use in ifunc */
{
	patch();
	return nothing;
}

static void at_relocation(void) __attribute__((ifunc("resolve")));

/* A reference, so that the loader has to resolve it. */
static void (*volatile keep)(void) __attribute__((used)) = at_relocation;
