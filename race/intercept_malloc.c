/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * intercept_malloc.c - the heap and mappings.
 *
 * A freed block is written, as far as races go: free() conflicts with any unordered access. Only
 * its first bytes are checked, and stay marked as freed until the block is allocated again.
 *
 * Looking up the real malloc may itself allocate: those few requests are served from a fixed
 * buffer, whose blocks are never freed.
 */
#include "builtins.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "front.h"
#include "report.h"

#define CHECK_FREED 1024

enum { BY_FREE, BY_REALLOC, BY_DELETE, MAX_FREES = BY_DELETE + 12 };

static struct {
	_Atomic size_t used;
	char bytes[16384] __attribute__((aligned(16)));
} early;

static __thread bool resolving __attribute__((tls_model("initial-exec")));

static bool is_early(const void *p)
{
	return (const char *)p >= early.bytes && (const char *)p < early.bytes + sizeof early.bytes;
}

static void *early_alloc(size_t n)
{
	size_t at = xadd_rlx(&early.used, (n + 15) & ~15ul);
	if (at + n > sizeof early.bytes)
		race_fatal("the loader allocates too much before malloc is known",
			"preload libgort-race.so first");
	return early.bytes + at;
}

#define REAL(name)                                             \
	({                                                     \
		static _Atomic(__typeof__(&name)) real_;       \
		__typeof__(&name) real_fn_ = load_rlx(&real_); \
		if (unlikely(!real_fn_)) {                     \
			resolving = true;                      \
			real_fn_ = NEXT(name);                 \
			resolving = false;                     \
			store_rlx(&real_, real_fn_);           \
		}                                              \
		real_fn_;                                      \
	})

/* A call in a signal handler that may have interrupted the allocator. */
#define NOT_IN_SIGNAL                                                        \
	do {                                                                 \
		if (unlikely(me.in_signal))                                  \
			bug_signal(&me, GORT_FINDING_SIGNAL_UNSAFE, OWN_PC); \
	} while (0)

static INLINE void *allocated(void *p, size_t n, uint64_t pc)
{
	if (!p)
		return p;
	size_t usable = malloc_usable_size(p);
	if (active)
		memory_renewed((uintptr_t)p, usable);
	if (!me.life)
		return p;
	func_enter(&me, pc);
	NOT_IN_SIGNAL;
	block_new(&me, (uintptr_t)p, usable - n, OWN_PC);
	func_exit(&me);
	told_allocated(p, n);
	return p;
}

/* The pcs of calls that free memory; one for each call of released(). */
static _Atomic uint64_t free_pcs[MAX_FREES];

bool front_frees(uint64_t pc)
{
	for (uint32_t i = 0; i < MAX_FREES; i++) {
		if (load_rlx(&free_pcs[i]) == pc)
			return pc != 0;
	}
	return false;
}

/* n bytes from p on are not the program's any more; pc 0: it never used them. */
static void given_back(void *p, size_t n, uint64_t pc)
{
	if (!thread_enter(&me))
		return;
	block_gone((uintptr_t)p);
	locks_forget((uintptr_t)p, n);
	if (me.tag && pc)
		memory_freed(&me, (uintptr_t)p, n, pc);
	else if (me.tag)
		memory_forget((uintptr_t)p, n);
	thread_leave(&me);
}

/*
 * They are freed by the i-th function that does so. What libc frees is its own, under locks that
 * are not seen: that is no access.
 */
static INLINE void released(void *p, size_t n, uint32_t i, uint64_t pc)
{
	func_enter(&me, pc);
	NOT_IN_SIGNAL;
	uint64_t own = 0;
	if (me.tag && !in_libc(pc)) {
		own = OWN_PC;
		store_rlx(&free_pcs[i], own);
		access_range(&me, (uintptr_t)p, n < CHECK_FREED ? n : CHECK_FREED, 0, own);
	}
	given_back(p, n, own);
	func_exit(&me);
}

static INLINE void released_whole(void *p, uint32_t i, uint64_t pc)
{
	if (!p || is_early(p))
		return;
	if (me.life) {
		told_freed(p);
		released(p, malloc_usable_size(p), i, pc);
	}
	REAL(free)(p);
}

bool front_block(struct gort_finding_stack *s, uintptr_t addr)
{
	struct block b;
	if (descriptor_at(addr, s))
		return true;
	if (!block_find(addr, &b))
		return false;
	size_t size = malloc_usable_size((void *)b.start);
	if (addr - b.start >= size)
		return false;
	report_stack(s, b.ctx, TAG_MASK);
	s->id = b.uid == BLOCK_NOBODY ? UINT32_MAX : b.uid;
	s->addr = b.start;
	s->size = (uint32_t)(size - b.slack);
	return true;
}

EXPORT void *malloc(size_t n)
{
	if (unlikely(resolving))
		return early_alloc(n);
	return allocated(REAL(malloc)(n), n, PC);
}

EXPORT void *calloc(size_t n, size_t size)
{
	if (unlikely(resolving))
		return early_alloc(n * size);
	return allocated(REAL(calloc)(n, size), n * size, PC);
}

EXPORT void free(void *p)
{
	released_whole(p, BY_FREE, PC);
}

/*
 * C++'s operators, so that reports name them. What happens when there is no memory is the library's
 * to say: then the call is passed on.
 */
#define NEW(name, params, args, allocation)              \
	EXPORT void *name params;                        \
	EXPORT void *name params                         \
	{                                                \
		void *p = resolving ? NULL : allocation; \
		if (unlikely(!p))                        \
			return NEXT(name) args;          \
		return allocated(p, n, PC);              \
	}
#define NEW_PLAIN(name)   NEW(name, (size_t n), (n), REAL(malloc)(n ? n : 1))
#define NEW_NOTHROW(name) NEW(name, (size_t n, void *tag), (n, tag), REAL(malloc)(n ? n : 1))
#define NEW_ALIGNED(name) \
	NEW(name, (size_t n, size_t align), (n, align), REAL(memalign)(align, n ? n : 1))
#define NEW_ALIGNED_NOTHROW(name)                                       \
	NEW(name, (size_t n, size_t align, void *tag), (n, align, tag), \
		REAL(memalign)(align, n ? n : 1))

NEW_PLAIN(_Znwm)
NEW_PLAIN(_Znam)
NEW_NOTHROW(_ZnwmRKSt9nothrow_t)
NEW_NOTHROW(_ZnamRKSt9nothrow_t)
NEW_ALIGNED(_ZnwmSt11align_val_t)
NEW_ALIGNED(_ZnamSt11align_val_t)
NEW_ALIGNED_NOTHROW(_ZnwmSt11align_val_tRKSt9nothrow_t)
NEW_ALIGNED_NOTHROW(_ZnamSt11align_val_tRKSt9nothrow_t)

/* What follows the pointer, a size, an alignment or a tag, is not needed. */
#define DELETE(name, i)                               \
	EXPORT void name(void *p);                    \
	EXPORT void name(void *p)                     \
	{                                             \
		released_whole(p, BY_DELETE + i, PC); \
	}

DELETE(_ZdlPv, 0)
DELETE(_ZdaPv, 1)
DELETE(_ZdlPvm, 2)
DELETE(_ZdaPvm, 3)
DELETE(_ZdlPvRKSt9nothrow_t, 4)
DELETE(_ZdaPvRKSt9nothrow_t, 5)
DELETE(_ZdlPvSt11align_val_t, 6)
DELETE(_ZdaPvSt11align_val_t, 7)
DELETE(_ZdlPvmSt11align_val_t, 8)
DELETE(_ZdaPvmSt11align_val_t, 9)
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, 10)
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, 11)

/* While recording a block always moves: its old place is released as by free(). */
EXPORT void *realloc(void *p, size_t n)
{
	if (p && !me.life && !is_early(p))
		return allocated(REAL(realloc)(p, n), n, PC);
	void *q = REAL(malloc)(n);
	if (!q || !p)
		return allocated(q, n, PC);
	size_t old = is_early(p) ? n : malloc_usable_size(p);
	race_memcpy(q, p, old < n ? old : n);
	released_whole(p, BY_REALLOC, PC);
	return allocated(q, n, PC);
}

EXPORT void *reallocarray(void *p, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / size) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, n * size);
}

EXPORT void *memalign(size_t align, size_t n)
{
	return allocated(REAL(memalign)(align, n), n, PC);
}

EXPORT void *aligned_alloc(size_t align, size_t n)
{
	return allocated(REAL(aligned_alloc)(align, n), n, PC);
}

EXPORT int posix_memalign(void **p, size_t align, size_t n)
{
	int err = REAL(posix_memalign)(p, align, n);
	if (!err)
		allocated(*p, n, PC);
	return err;
}

static void remapped(void *p, size_t n)
{
	if (me.tag && thread_enter(&me)) {
		forget((uintptr_t)p, n);
		thread_leave(&me);
	}
}

/*
 * A new mapping has no past but its zeroes, which its maker wrote: who learns of it without order
 * has a race. The first of them do; most users begin there.
 */
static INLINE void *mapped(void *p, size_t n, int prot, uint64_t pc)
{
	if (p == MAP_FAILED)
		return p;
	remapped(p, n);
	if (prot & PROT_WRITE && !in_libc(pc))
		writes(p, n < CHECK_FREED ? n : CHECK_FREED, pc);
	return p;
}

EXPORT void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
	return mapped(NEXT(mmap)(at, n, prot, flags, fd, offset), n, prot, PC);
}

EXPORT void *mmap64(void *at, size_t n, int prot, int flags, int fd, off64_t offset)
{
	return mapped(NEXT(mmap64)(at, n, prot, flags, fd, offset), n, prot, PC);
}

EXPORT void *mremap(void *at, size_t old, size_t n, int flags, ...)
{
	va_list ap;
	va_start(ap, flags);
	void *to = flags & MREMAP_FIXED ? va_arg(ap, void *) : NULL;
	va_end(ap);
	void *p = NEXT(mremap)(at, old, n, flags, to);
	if (p == MAP_FAILED || p == at)
		return p;
	remapped(at, old);
	remapped(p, n);
	return p;
}

EXPORT int munmap(void *p, size_t n)
{
	remapped(p, n);
	return NEXT(munmap)(p, n);
}
