/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem.c - arena and pools of the detector.
 *
 * Lock order: a pool's lock, then the arena's; nothing is taken under the arena's.
 */
#include "builtins.h"

#include <string.h>
#include <sys/mman.h>

#include "mem.h"
#include "sys.h"

#define ARENA_STEP (1u << 20)

static struct {
	struct mutex lock;
	char *next; /* lock */
	char *end;  /* lock */
} arena;

static void put_text(const char *s)
{
	size_t n = 0;
	while (s[n])
		n++;
	sys_write(2, s, n);
}

_Noreturn void race_fatal(const char *what, const char *try)
{
	put_text("gort-race: ");
	put_text(what);
	put_text("\n  try: ");
	put_text(try);
	put_text("\n");
	sys_exit(125);
}

void *mem_map(size_t n)
{
	long p = sys_mmap(
		NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
	if (p < 0)
		race_fatal("the race detector cannot map memory for itself",
			"raise the address space limit (ulimit -v unlimited) or the memory limit");
	return (void *)p;
}

void mem_unmap(void *p, size_t n)
{
	SYS3(SYS_munmap, p, n, 0);
}

void *mem_alloc(size_t n)
{
	size_t align = n < 64 ? 16 : 64;
	lock(&arena.lock);
	arena.next += -(uintptr_t)arena.next & (align - 1);
	if (arena.next + n > arena.end) {
		size_t step = n > ARENA_STEP ? n : ARENA_STEP;
		arena.next = mem_map(step);
		arena.end = arena.next + step;
	}
	void *p = arena.next;
	arena.next += n;
	unlock(&arena.lock);
	return p;
}

void *pool_get(struct pool *p)
{
	lock(&p->lock);
	char *obj = p->free;
	if (obj)
		p->free = *(void **)(obj + p->link);
	unlock(&p->lock);
	return obj ? obj : mem_alloc(p->size);
}

void pool_put(struct pool *p, void *obj)
{
	lock(&p->lock);
	*(void **)((char *)obj + p->link) = p->free;
	p->free = obj;
	unlock(&p->lock);
}
