/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem.h - memory of the detector: never malloc's, because every caller may be inside malloc.
 */
#ifndef GORT_RACE_MEM_H
#define GORT_RACE_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"

/* Prints "gort-race: <what>" and "try: <try>"; exit 125: gort's failure, not the program's. */
_Noreturn void race_fatal(const char *what, const char *try) __attribute__((cold));

/* Maps n bytes of zeroes, touched lazily. Never fails: out of address space is fatal. */
void *mem_map(size_t n);
void mem_unmap(void *p, size_t n);

/* n bytes of zeroes, aligned to 64, or to 16 when they are fewer; as long as the process lives. */
void *mem_alloc(size_t n);

/*
 * Recycled objects of one type and size. The memory is type-stable: it is never reused for anything
 * else, so a reader that lost a race still finds an object of this type there.
 */
struct pool {
	struct mutex lock;
	void *free; /* linked through the object's bytes at `link` */
	uint32_t size;
	uint32_t link;
};

/* The object's former content is still there, except for the link. */
void *pool_get(struct pool *p);
void pool_put(struct pool *p, void *obj);

#endif
