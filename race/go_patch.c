/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * go_patch.c - takes the place of the detector inside a Go program that was built with -race, in
 * memory, when the program starts.
 *
 * A Go -race executable has its detector linked in statically, but is dynamic (it needs libc), so
 * this library can be preloaded; an IFUNC resolver runs while the loader relocates it, before any
 * code of the program. It puts a jump over each function that Go's runtime calls (patch.h).
 * Functions as short as five bytes can be replaced like that. In any other program nothing happens.
 *
 * The runtime's own functions that call the detector most are replaced as well, by go_fast.S, if
 * they begin with the instructions that all versions known have; else they stay.
 */
#include "builtins.h"

#include "go_abi.h"
#include "patch.h"
#include "record.h"
#include "text.h"

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

/* True when the program has Go's detector in it. */
static bool find_entries(struct patch *p)
{
	const char *name;
	uint64_t value, start = 0;
	bool weak;
	while ((name = elfsym_next(&p->sym, &value, &weak))) {
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

static bool begins(const struct patch *p, uint64_t at, const char *code, uint32_t n)
{
	const unsigned char *c = (const unsigned char *)(p->bias + at);
	for (uint32_t i = 0; i < n; i++) {
		if (c[i] != (unsigned char)code[i])
			return false;
	}
	return true;
}

/* The parts of Go's runtime are there and look as expected. */
static bool can_be_fast(const struct patch *p)
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

static void make_fast(struct patch *p)
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
			patch_redirect(p, fast[i].at, (const void *)fast[i].fn);
	}
}

static void patch_text(struct patch *p)
{
	p->bias = patch_headers() - p->load.phdr;
	patch_begin(p, NENTRIES + NFAST);
	for (uint32_t i = 0; i < NENTRIES; i++) {
		if (entries[i].at)
			patch_redirect(p, entries[i].at, entries[i].fn);
	}
	make_fast(p);
	patch_end(p);
}

void patch_program(void)
{
	static struct patch p;
	p.advice = "gort-race go build ...      (links the detector in instead)";
	if (!patch_open(&p))
		return;
	if (find_entries(&p))
		patch_text(&p);
	patch_close(&p);
}
