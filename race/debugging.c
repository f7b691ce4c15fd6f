/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debugging.c - ThreadSanitizer's functions for debuggers: what a report says, where a block was
 * allocated, what lies at an address. A report is the finding; it may be read while
 * __tsan_on_report() runs.
 */
#include "builtins.h"

#include "annotations.h"
#include "front.h"
#include "report.h"
#include "symbols.h"

#define ROLE(name) (1u << GORT_STACK_##name)
#define ACCESSES   (ROLE(ACCESS) | ROLE(PREVIOUS))
#define PLACES     (ROLE(ALLOC) | ROLE(OWNER))
#define MUTEXES    ROLE(LOCK)
#define STACKS     (ACCESSES | ROLE(LOCKED) | ROLE(HELD) | ROLE(IGNORE))
#define SLEEP      ROLE(SLEEP)

static bool is_race(const struct gort_finding *f)
{
	return f->kind == GORT_FINDING_RACE || f->kind == GORT_FINDING_FREED ||
	       f->kind == GORT_FINDING_VPTR || f->kind == GORT_FINDING_VPTR_FREED;
}

static const char *description(uint32_t kind)
{
	static const char *const names[GORT_FINDING_KINDS] = {
		[GORT_FINDING_RACE] = "data-race",
		[GORT_FINDING_FREED] = "heap-use-after-free",
		[GORT_FINDING_LOCK_ORDER] = "lock-order-inversion",
		[GORT_FINDING_UNLOCK] = "mutex-bad-unlock",
		[GORT_FINDING_DOUBLE_LOCK] = "mutex-double-lock",
		[GORT_FINDING_READ_LOCK] = "mutex-bad-read-lock",
		[GORT_FINDING_READ_UNLOCK] = "mutex-bad-read-unlock",
		[GORT_FINDING_DESTROY_LOCKED] = "locked-mutex-destroy",
		[GORT_FINDING_BAD_LOCK] = "mutex-invalid-access",
		[GORT_FINDING_THREAD_LEAK] = "thread-leak",
		[GORT_FINDING_SIGNAL_UNSAFE] = "signal-unsafe-call",
		[GORT_FINDING_ERRNO] = "errno-in-signal-handler",
		[GORT_FINDING_VPTR] = "data-race-vptr",
		[GORT_FINDING_VPTR_FREED] = "heap-use-after-free-vptr",
	};
	return kind < GORT_FINDING_KINDS && names[kind] ? names[kind] : "other";
}

/* The i-th of the stacks with these roles, or NULL; *n, if wanted, is how many there are. */
static const struct gort_finding_stack *nth(
	const struct gort_finding *f, uint32_t roles, unsigned long i, int *n)
{
	const struct gort_finding_stack *found = NULL;
	int count = 0;
	for (uint32_t k = 0; k < f->nstacks; k++) {
		if (!(roles >> f->stacks[k].role & 1))
			continue;
		if ((unsigned long)count++ == i)
			found = &f->stacks[k];
	}
	if (n)
		*n = count;
	return found;
}

/* Threads in the order in which the accesses name them; -1: no i-th one. */
static int64_t thread_of(const struct gort_finding *f, unsigned long i, int *n)
{
	uint64_t ids[GORT_FINDING_STACKS];
	uint32_t count = 0;
	for (uint32_t k = 0; k < f->nstacks; k++) {
		uint32_t j = 0;
		if (!((STACKS | ROLE(CREATED)) >> f->stacks[k].role & 1))
			continue;
		while (j < count && ids[j] != f->stacks[k].id)
			j++;
		if (j == count)
			ids[count++] = f->stacks[k].id;
	}
	if (n)
		*n = (int)count;
	return i < count ? (int64_t)ids[i] : -1;
}

/* A stack ends with NULL where there is room. */
static void copy_trace(void **trace, unsigned long size, const uint64_t *pcs, uint32_t n)
{
	for (unsigned long i = 0; i < size && i <= n; i++)
		trace[i] = i < n ? (void *)pcs[i] : NULL;
}

static void copy_stack(void **trace, unsigned long size, const struct gort_finding_stack *s)
{
	copy_trace(trace, size, s ? s->pcs : NULL, s ? s->npcs : 0);
}

/* The one being told of. */
static const struct gort_finding *_Atomic current_report;

/* A program's own goes before this one. */
EXPORT __attribute__((weak)) void __tsan_on_report(const struct gort_finding *f);

EXPORT __attribute__((weak)) void __tsan_on_report(const struct gort_finding *f)
{
	(void)f;
}

void front_reported(const struct gort_finding *f)
{
	store_rel(&current_report, f);
	__tsan_on_report(f);
	store_rel(&current_report, NULL);
}

#define QUERY(type, name, ...)         \
	EXPORT type name(__VA_ARGS__); \
	EXPORT type name(__VA_ARGS__)

QUERY(const void *, __tsan_get_current_report, void)
{
	return load_acq(&current_report);
}

QUERY(int, __tsan_get_report_data, const struct gort_finding *f, const char **what, int *count,
	int *stacks, int *accesses, int *places, int *mutexes, int *threads, int *unique,
	void **slept, unsigned long size)
{
	int all;
	*what = description(f->kind);
	*count = (int)f->seen - 1;
	nth(f, STACKS, 0, &all);
	*stacks = is_race(f) ? 0 : all;
	*accesses = is_race(f) ? all : 0;
	nth(f, PLACES, 0, places);
	nth(f, MUTEXES, 0, mutexes);
	thread_of(f, 0, threads);
	*unique = *threads;
	copy_stack(slept, size, nth(f, SLEEP, 0, NULL));
	return 1;
}

QUERY(int, __tsan_get_report_stack, const struct gort_finding *f, unsigned long i, void **trace,
	unsigned long size)
{
	const struct gort_finding_stack *s = nth(f, STACKS, i, NULL);
	copy_stack(trace, size, s);
	return s != NULL;
}

QUERY(int, __tsan_get_report_mop, const struct gort_finding *f, unsigned long i, int *tid,
	void **addr, int *bytes, int *write, int *atomic, void **trace, unsigned long size)
{
	const struct gort_finding_stack *s = nth(f, ACCESSES, i, NULL);
	if (!s)
		return 0;
	*tid = (int)s->id;
	*addr = (void *)s->addr;
	*bytes = (int)s->size;
	*write = (s->access & GORT_ACCESS_WRITE) != 0;
	*atomic = (s->access & GORT_ACCESS_ATOMIC) != 0;
	copy_stack(trace, size, s);
	return 1;
}

QUERY(int, __tsan_get_report_loc, const struct gort_finding *f, unsigned long i, const char **type,
	void **addr, unsigned long *start, unsigned long *bytes, int *tid, int *fd, int *hidden_by,
	void **trace, unsigned long size)
{
	const struct gort_finding_stack *s = nth(f, PLACES, i, NULL);
	if (!s)
		return 0;
	bool owner = s->role == GORT_STACK_OWNER, descriptor = s->flags & GORT_ALLOC_FD;
	*type = owner ? (s->flags & GORT_OWNER_TLS ? "tls" : "stack") : descriptor ? "fd" : "heap";
	*addr = (void *)f->stacks[0].addr;
	*start = s->addr;
	*bytes = owner || descriptor ? 0 : s->size;
	*tid = (int)s->id;
	*fd = !owner && descriptor ? (int)s->size : 0;
	*hidden_by = 0;
	copy_stack(trace, size, s);
	return 1;
}

QUERY(int, __tsan_get_report_loc_object_type, const struct gort_finding *f, unsigned long i,
	const char **type)
{
	*type = "";
	return nth(f, PLACES, i, NULL) != NULL;
}

QUERY(int, __tsan_get_report_mutex, const struct gort_finding *f, unsigned long i,
	unsigned long *id, void **addr, int *destroyed, void **trace, unsigned long size)
{
	const struct gort_finding_stack *s = nth(f, MUTEXES, i, NULL);
	if (!s)
		return 0;
	*id = i;
	*addr = (void *)s->addr;
	*destroyed = 0;
	copy_stack(trace, size, s);
	return 1;
}

QUERY(int, __tsan_get_report_thread, const struct gort_finding *f, unsigned long i, int *tid,
	uint64_t *os_id, int *running, const char **name, int *parent, void **trace,
	unsigned long size)
{
	uint64_t pcs[GORT_FINDING_PCS];
	int64_t id = thread_of(f, i, NULL);
	const struct past *who = id < 0 ? NULL : thread_numbered((uint32_t)id);
	if (id < 0)
		return 0;
	*tid = (int)id;
	*os_id = who ? (uint64_t)who->ostid : 0;
	*running = who && who->ostid;
	*name = who ? who->name : NULL;
	*parent = who ? (int)who->parent : 0;
	copy_trace(trace, size, pcs,
		who && who->ctx ? depot_get(who->ctx, TAG_MASK, pcs, GORT_FINDING_PCS) : 0);
	return 1;
}

QUERY(int, __tsan_get_report_unique_tid, const struct gort_finding *f, unsigned long i, int *tid)
{
	*tid = (int)thread_of(f, i, NULL);
	return *tid >= 0;
}

QUERY(int, __tsan_get_report_tag, const struct gort_finding *f, unsigned long *tag)
{
	(void)f;
	*tag = 0;
	return 1;
}

QUERY(int, __tsan_get_alloc_stack, uintptr_t addr, void **trace, size_t size, int *tid,
	uint64_t *os_id)
{
	struct gort_finding_stack s = {0};
	if (!front_block(&s, addr) || s.flags & GORT_ALLOC_FD)
		return 0;
	const struct past *who = thread_numbered((uint32_t)s.id);
	*tid = (int)s.id;
	*os_id = who ? (uint64_t)who->ostid : 0;
	copy_stack(trace, size, &s);
	return (int)(s.npcs < size ? s.npcs : size);
}

/* "global", "heap", "stack", "tls" or ""; what lies there, and from where on. */
QUERY(const char *, __tsan_locate_address, uintptr_t addr, char *name, size_t name_size,
	void **start, size_t *size)
{
	struct gort_finding_stack s = {0};
	struct elfsym_object object = {0};
	const char *path;
	uint32_t flags = 0;
	if (name_size)
		*name = '\0';
	*start = NULL;
	*size = 0;
	if (front_owner(addr, &flags))
		return flags & GORT_OWNER_TLS ? "tls" : "stack";
	if (front_block(&s, addr)) {
		*start = (void *)s.addr;
		*size = s.size;
		return "heap";
	}
	if (!symbols_variable(addr, name, name_size, &object, &path))
		return "";
	*start = (void *)object.start;
	*size = object.size;
	return "global";
}
