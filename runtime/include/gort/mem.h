/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem.h - objects of the collected heap: gort_new and what it is made of. Included by gort.h.
 *
 *	struct node { struct node *left, *right; long key; };
 *	GORT_TYPE(node_type, struct node, left, right);
 *
 *	struct node *a = gort_new(struct node);              // any word may be a pointer
 *	struct node *b = gort_new(struct node, &node_type);  // left and right may
 *	char *text = gort_new_array(char, 100, &gort_noscan); // none
 *
 * Memory is zero, aligned to 16 bytes when its size is a multiple of 16 and to 8 otherwise (less
 * for objects without pointers that are smaller), and never freed by hand. Out of memory is fatal,
 * as in Go. Nothing here blocks. Any thread may call these functions. Goroutines collect: what is
 * allocated before gort_run, by a main of the program's own, is collected after that begins.
 */
#ifndef GORT_MEM_H
#define GORT_MEM_H

#include "gort/gort.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Where the pointers of a type are, so that other words of its objects are not taken for some.
 * GORT_TYPE makes one. Must live as long as the program.
 */
typedef struct gort_type {
	const char *name;
	size_t size;
	uint64_t ptrs; /* bit i: the word at byte 8 * i may be a pointer to collected memory */
} gort_type;

/* Of objects without pointers: text, numbers, buffers. */
GORT_API extern const gort_type gort_noscan;

/*
 * n objects of size bytes, of type t; NULL: any word may be a pointer. Go's mallocgc. size must be
 * that of t. runtime/mem/malloc.c
 */
GORT_API void *gort_malloc(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));
GORT_API void *gort_malloc_array(size_t n, size_t size, const gort_type *t)
	__attribute__((malloc, returns_nonnull, alloc_size(1, 2)));

/*
 * The object that p points into, also behind its beginning, with its size; NULL when p does not
 * point into the heap. Objects smaller than 16 bytes without pointers share theirs.
 */
GORT_API void *gort_object(const void *p, size_t *size);

/* ---- the collector: runtime/mem/mgc.c ---- */

/* Collects now; what is not reachable has been freed when it returns. Go's runtime.GC. */
GORT_API void gort_gc(void);

/*
 * The next collection begins when the heap has grown by so many percent of what was reachable;
 * negative: never. Returns what it was. GOGC=N or off is the same from outside; 100 by default.
 * Go's debug.SetGCPercent.
 */
GORT_API int gort_set_gc_percent(int percent);

/*
 * How much memory the collected heap, goroutines' stacks and what libgort keeps may take: near it
 * the collector works more often, whatever the percentage says, and free memory goes back to the
 * system; but it never takes more than half of the CPU time for that, so the limit may be exceeded.
 * malloc's memory does not count. Returns what it was; a negative number changes nothing.
 * GOMEMLIMIT=512MiB (B, KiB, MiB, GiB, TiB) or off is the same from outside; INT64_MAX, which is no
 * limit, by default. Go's debug.SetMemoryLimit.
 */
GORT_API int64_t gort_set_memory_limit(int64_t bytes);

/* Bytes unless said otherwise; Go's runtime.MemStats, with its names. */
struct gort_memstats {
	uint64_t total_alloc;           /* ever allocated */
	uint64_t mallocs, frees;        /* objects ever allocated, and freed */
	uint64_t heap_alloc;            /* of objects that are reachable or not freed yet */
	uint64_t heap_sys;              /* of address space */
	uint64_t heap_inuse, heap_idle; /* of spans with objects; the rest */
	uint64_t heap_released;         /* of idle ones that have no memory behind them */
	uint64_t heap_objects;          /* mallocs - frees */
	uint64_t next_gc;               /* size of the heap that the next collection aims at */
	uint64_t num_gc;                /* collections so far */
	uint64_t pause_total_ns, pause_last_ns;
	uint64_t num_forced_gc;  /* those that the program asked for */
	uint64_t last_gc;        /* when the last one ended, ns since 1970; 0: there was none */
	uint64_t pause_ns[256];  /* of collection n, from 0, at n % 256: all its pauses */
	uint64_t pause_end[256]; /* when its last one ended, ns since 1970 */
	double gc_cpu_fraction;  /* part of all CPU time that the program could have had */
	uint64_t stack_inuse;    /* of goroutines when the last one ended, in whole pages */
	uint64_t sys; /* that the system has given for all this, but for threads' stacks */
};

/* Stops everybody for a moment. Go's runtime.ReadMemStats. */
GORT_API void gort_read_memstats(struct gort_memstats *m);

/* gort_new(T), gort_new(T, type): Go's new(T). gort_new_array(T, n, ...): its make([]T, n). */
#define gort_new(T, ...) \
	((T *)GORT_NEW_(0, ##__VA_ARGS__, GORT_NEW_TYPED, GORT_NEW_ANY)(T, ##__VA_ARGS__))
#define gort_new_array(T, n, ...) \
	((T *)gort_malloc_array((n), sizeof(T), GORT_TYPE_OF(__VA_ARGS__)))

/*
 * Defines the type named name: objects of T whose pointers to collected memory are all in these
 * fields, 1 to 12. A field may be an array or a structure; all of its words count. Fields must lie
 * in the first 512 bytes; where they do not, leave the type out.
 */
#define GORT_TYPE(name, T, ...) \
	static const gort_type name = {#T, sizeof(T), GORT_FIELDS_N(__VA_ARGS__)(T, __VA_ARGS__)}

/* ---- for the macros ---- */

/* Not an inline function: it would be the place of the call in dumps and profiles. */
#define GORT_NEW_(zero, t, pick, ...) pick
#define GORT_NEW_ANY(T)               gort_malloc(sizeof(T))
#define GORT_NEW_TYPED(T, t)          gort_malloc_array(1, sizeof(T), (t))

#define GORT_TYPE_OF(...)           GORT_TYPE_OF_(0, ##__VA_ARGS__, 0)
#define GORT_TYPE_OF_(zero, t, ...) t

/* The bits of a field. The array has a negative size when the field is where no bit can say so. */
#define GORT_FIELD(T, f)                                                         \
	(sizeof(char[offsetof(T, f) % 8 == 0 && sizeof(T) % 8 == 0 &&            \
				     offsetof(T, f) + sizeof(((T *)0)->f) <= 512 \
			     ? 1                                                 \
			     : -1]) *                                            \
		((~(uint64_t)0 >> (64 - (sizeof(((T *)0)->f) + 7) / 8)) << offsetof(T, f) / 8))
#define GORT_FIELDS_1(T, a)       GORT_FIELD(T, a)
#define GORT_FIELDS_2(T, a, ...)  (GORT_FIELD(T, a) | GORT_FIELDS_1(T, __VA_ARGS__))
#define GORT_FIELDS_3(T, a, ...)  (GORT_FIELD(T, a) | GORT_FIELDS_2(T, __VA_ARGS__))
#define GORT_FIELDS_4(T, a, ...)  (GORT_FIELD(T, a) | GORT_FIELDS_3(T, __VA_ARGS__))
#define GORT_FIELDS_5(T, a, ...)  (GORT_FIELD(T, a) | GORT_FIELDS_4(T, __VA_ARGS__))
#define GORT_FIELDS_6(T, a, ...)  (GORT_FIELD(T, a) | GORT_FIELDS_5(T, __VA_ARGS__))
#define GORT_FIELDS_7(T, a, ...)  (GORT_FIELD(T, a) | GORT_FIELDS_6(T, __VA_ARGS__))
#define GORT_FIELDS_8(T, a, ...)  (GORT_FIELD(T, a) | GORT_FIELDS_7(T, __VA_ARGS__))
#define GORT_FIELDS_9(T, a, ...)  (GORT_FIELD(T, a) | GORT_FIELDS_8(T, __VA_ARGS__))
#define GORT_FIELDS_10(T, a, ...) (GORT_FIELD(T, a) | GORT_FIELDS_9(T, __VA_ARGS__))
#define GORT_FIELDS_11(T, a, ...) (GORT_FIELD(T, a) | GORT_FIELDS_10(T, __VA_ARGS__))
#define GORT_FIELDS_12(T, a, ...) (GORT_FIELD(T, a) | GORT_FIELDS_11(T, __VA_ARGS__))
#define GORT_FIELDS_N(...)                                                                 \
	GORT_FIELDS_PICK(__VA_ARGS__, GORT_FIELDS_12, GORT_FIELDS_11, GORT_FIELDS_10,      \
		GORT_FIELDS_9, GORT_FIELDS_8, GORT_FIELDS_7, GORT_FIELDS_6, GORT_FIELDS_5, \
		GORT_FIELDS_4, GORT_FIELDS_3, GORT_FIELDS_2, GORT_FIELDS_1, )
#define GORT_FIELDS_PICK(a, b, c, d, e, f, g, h, i, j, k, l, pick, ...) pick

#ifdef __cplusplus
}
#endif

#endif
