/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * static_patch.c - takes the place of the ThreadSanitizer runtime that clang links into a program
 * unless told -shared-libsan, in memory, when the program starts.
 *
 * Such a program exports the runtime's functions, so it is they that the loader binds everybody to,
 * this library and libc too, and its own code calls them without the loader. So a jump is put over
 * each, from an IFUNC resolver, before the first of them runs (patch.h): to whatever would have
 * been found had the program not defined it - this library's function, or libc's where this library
 * has no interceptor. The runtime itself is never initialised.
 *
 * Of an interceptor, __interceptor_f is replaced: f is an alias of that unless it is the program's
 * own. This library's weak functions are what a program may define for the runtime to call, in the
 * place of the runtime's own, which are weak too; they are replaced by the program's, which need
 * not export them.
 *
 * When this library is relocated, so are those it needs: resolvers of libc's functions can be
 * called.
 */
#include "builtins.h"

#include <elf.h>
#include <link.h>
#include <sys/mman.h>

#include "patch.h"
#include "shadow.h"
#include "sys.h"
#include "text.h"

/* What a loaded object defines. */
struct exports {
	uintptr_t bias;
	const uint32_t *hash; /* DT_GNU_HASH */
	const ElfW(Sym) * sym;
	const char *str;
	const ElfW(Versym) * version;
};

/* A table's address: the loader has added the bias to it already, but for the vDSO. */
static const void *table_at(const struct link_map *l, uint64_t ptr)
{
	return (const void *)(ptr < l->l_addr ? l->l_addr + ptr : ptr);
}

static bool exports_of(const struct link_map *l, struct exports *x)
{
	*x = (struct exports){.bias = l->l_addr};
	for (const ElfW(Dyn) *d = l->l_ld; d->d_tag != DT_NULL; d++) {
		const void *at = table_at(l, d->d_un.d_ptr);
		if (d->d_tag == DT_GNU_HASH)
			x->hash = at;
		else if (d->d_tag == DT_SYMTAB)
			x->sym = at;
		else if (d->d_tag == DT_STRTAB)
			x->str = at;
		else if (d->d_tag == DT_VERSYM)
			x->version = at;
	}
	return x->hash && x->sym && x->str;
}

static uint32_t hash_of(const char *name)
{
	uint32_t h = 5381;
	for (; *name; name++)
		h = h * 33 + (unsigned char)*name;
	return h;
}

#define HIDDEN_VERSION 0x8000 /* not the one that a new program would be bound to */

/* A function of that name; hash is hash_of() it. The layout is that of DT_GNU_HASH. */
static const ElfW(Sym) * exported(const struct exports *x, const char *name, uint32_t hash)
{
	const uint32_t nbuckets = x->hash[0], first = x->hash[1], nbloom = x->hash[2];
	const uint64_t *bloom = (const uint64_t *)(x->hash + 4);
	const uint32_t *buckets = (const uint32_t *)(bloom + nbloom), *chain = buckets + nbuckets;
	uint64_t word = bloom[hash / 64 % nbloom];
	uint32_t i = buckets[hash % nbuckets];
	if (!i || !(word >> hash % 64 & word >> (hash >> x->hash[3]) % 64 & 1))
		return NULL;
	for (;; i++) {
		const ElfW(Sym) *sym = &x->sym[i];
		uint32_t type = ELF64_ST_TYPE(sym->st_info), h = chain[i - first];
		if ((h | 1) == (hash | 1) && (type == STT_FUNC || type == STT_GNU_IFUNC) &&
			!(x->version && x->version[i] & HIDDEN_VERSION) &&
			same_text(name, x->str + sym->st_name))
			return sym;
		if (h & 1)
			return NULL;
	}
}

static void *function_at(const struct exports *x, const ElfW(Sym) * sym)
{
	void *fn = (void *)(x->bias + sym->st_value);
	if (ELF64_ST_TYPE(sym->st_info) == STT_GNU_IFUNC)
		fn = ((void *(*)(void))fn)();
	return fn;
}

/* The first definition behind the program's own. */
static void *next_definition(const struct link_map *program, const char *name, bool *hook)
{
	struct exports x;
	uint32_t hash = hash_of(name);
	for (const struct link_map *l = program->l_next; l; l = l->l_next) {
		const ElfW(Sym) *sym = exports_of(l, &x) ? exported(&x, name, hash) : NULL;
		if (!sym)
			continue;
		*hook = l->l_ld == _DYNAMIC && ELF64_ST_BIND(sym->st_info) == STB_WEAK;
		return function_at(&x, sym);
	}
	return NULL;
}

static const char *after(const char *name, const char *prefix)
{
	while (*prefix && *name == *prefix) {
		name++;
		prefix++;
	}
	return *prefix ? NULL : name;
}

/* The name by which others know a function of the runtime; NULL when it is none. */
static const char *public_name(const char *name)
{
	static const char kinds[][32] = {"__tsan_", "__sanitizer_", "_ZN6__tsan",
		"_ZN11__sanitizer23IsAcc", "_ZN11__sanitizer3DieEv",
		"_ZN11__sanitizer10ReportFile5W", "_Znwm", "_Znam", "_ZdlPv", "_ZdaPv",
		"__cxa_guard_", "setjmp", "_setjmp", "sigsetjmp", "__sigsetjmp", "Annotate",
		"WTFAnnotate", "RunningOnValgrind", "ValgrindSlowdown"};
	const char *rest = after(name, "__interceptor_");
	for (uint32_t i = 0; !rest && i < sizeof kinds / sizeof *kinds; i++) {
		if (after(name, kinds[i]))
			rest = name;
	}
	return rest;
}

static bool make_writable(const void *code, bool writable)
{
	uintptr_t lo = (uintptr_t)code & ~(PAGE - 1);
	uintptr_t hi = ((uintptr_t)code + FAR_JUMP + PAGE) & ~(PAGE - 1);
	int prot = PROT_READ | PROT_EXEC | (writable ? PROT_WRITE : 0);
	return !SYS3(SYS_mprotect, lo, hi - lo, prot);
}

/* This library's default of a hook leads to the program's. */
static void use_hook(void *ours, const void *theirs)
{
	if (!make_writable(ours, true))
		return;
	patch_far_jump(ours, theirs);
	make_writable(ours, false);
}

/* What the program defines itself is not weak: what is, is the runtime's. */
static void replace(
	struct patch *p, const struct link_map *program, const char *name, uint64_t at, bool weak)
{
	bool hook = false;
	void *to = at - p->load.text_lo < p->load.text_hi - p->load.text_lo
			   ? next_definition(program, name, &hook)
			   : NULL;
	if (hook && !weak)
		use_hook(to, (const void *)(p->bias + at));
	else if (to)
		patch_redirect(p, at, to);
}

#define MAX_REPLACED 4096 /* clang 14 has 1,500 */

static void replace_all(struct patch *p, const struct link_map *program)
{
	const char *name;
	uint64_t at;
	uint32_t n = 0;
	bool weak;
	patch_begin(p, MAX_REPLACED);
	while ((name = elfsym_next(&p->sym, &at, &weak)) && n < MAX_REPLACED) {
		const char *known = public_name(name);
		n += known != NULL;
		if (known)
			replace(p, program, known, at, weak);
	}
	patch_end(p);
}

/* The loader's list of what is loaded, in the order in which names are looked up. */
static const struct link_map *loaded(void)
{
	const ElfW(Phdr) *ph = (const ElfW(Phdr) *)patch_headers();
	if (ph->p_type != PT_PHDR) /* the first, in programs that have a loader */
		return NULL;
	uintptr_t bias = (uintptr_t)ph - ph->p_vaddr;
	size_t n = ph->p_memsz / sizeof *ph;
	for (; n && ph->p_type != PT_DYNAMIC; n--)
		ph++;
	const ElfW(Dyn) *d = n ? (const ElfW(Dyn) *)(bias + ph->p_vaddr) : NULL;
	for (; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_DEBUG)
			return ((const struct r_debug *)d->d_un.d_ptr)->r_map;
	}
	return NULL;
}

void patch_program(void)
{
	static const char init[] = "__tsan_init";
	static struct patch p;
	struct exports x;
	const struct link_map *program = loaded();
	if (!program || !exports_of(program, &x))
		return;
	const ElfW(Sym) *sym = exported(&x, init, hash_of(init));
	if (!sym || !patch_open(&p))
		return;
	p.advice = "clang -fsanitize=thread -shared-libsan -g ...";
	p.bias = program->l_addr;
	if (elfsym_load(&p.sym, sym->st_value, &p.load))
		replace_all(&p, program);
	patch_close(&p);
}
