/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slice.h - slices: a pointer, a length and a capacity. Go's []T. Included by go.h.
 *
 *	typedef slice(int) ints;              one typedef: two mentions of slice(int) are two types
 *
 *	ints a = slice_of(ints, 1, 2, 3);     a := []int{1, 2, 3}
 *	ints b = make_slice(ints, 2, 8);      b := make([]int, 2, 8)
 *	append(&a, 4, 5);                     a = append(a, 4, 5)
 *	append_slice(&a, b);                  a = append(a, b...)
 *	at(a, 0) = at(a, 1);                  a[0] = a[1]
 *	ints c = sub(a, 1, 3);                c := a[1:3]
 *	ints d = sub3(a, 1, 3, 3);            d := a[1:3:3]
 *	isize n = copy(b, c);                 n := copy(b, c)
 *	slice_clear(a);                       clear(a)
 *	for range (i, v, a)                   for i, v := range a
 *		use(i, v);
 *
 * A slice is a value: {0} is the nil slice, an assignment shares the elements, slicing copies none.
 * append writes into what lies behind the length if the capacity has room for it, and else moves
 * the elements to a new array, whose capacity is that of Go 1.26. So a slice that was cut from
 * another may write into it: sub3 prevents that, by a capacity of its own.
 *
 * What Go panics on panics here with Go's text; .ptr[i] is not checked. Arguments are evaluated
 * once. Elements are values that may be assigned, not arrays. Memory comes from the collected heap;
 * integers in it are not taken for pointers.
 */
#ifndef GORT_SLICE_H
#define GORT_SLICE_H

#include "gort/gort.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Go's []byte, []string, []rune; any slice that has these members is one for the macros. */
typedef struct gort_bytes {
	uint8_t *ptr;
	gort_isize len, cap;
} gort_bytes;

typedef struct gort_strings {
	gort_string *ptr;
	gort_isize len, cap;
} gort_strings;

typedef struct gort_runes {
	int32_t *ptr;
	gort_isize len, cap;
} gort_runes;

/* ---- for the macros; also for C++ and for elements whose type is not known ---- */

/* Whether values of a type hold pointers. Of a structure nobody can tell. */
enum gort_scan { GORT_NOPOINTERS, GORT_POINTERS, GORT_MAYBE };

/* The array of a slice, and how many elements it has room for. */
struct gort_array {
	void *ptr;
	gort_isize cap;
};

/*
 * A copy of the len elements of size bytes at old, whose capacity is cap, with room for num more
 * of them, for which cap was too small. scan: whether an element may hold pointers. Elements from
 * len + num on are zero; those before are for the caller to write. Panics when len + num is out of
 * range. Go's growslice.
 * runtime/lang/slice.c
 */
GORT_API struct gort_array gort_growslice(const void *old, gort_isize len, gort_isize cap,
	gort_isize num, size_t size, enum gort_scan scan);

/* Zeroed elements; panics with "makeslice: ..." when len or cap is out of range. Go's makeslice. */
GORT_API void *gort_makeslice(size_t size, gort_isize len, gort_isize cap, enum gort_scan scan);

/*
 * Copies the smaller number of elements, which may overlap, and returns it; dst and src are the
 * arrays. Go's copy.
 */
GORT_API gort_isize gort_copyslice(void *dst, gort_isize dstlen, const void *src, gort_isize srclen,
	size_t size, enum gort_scan scan);

/* Zeroes len elements. Go's clear. */
GORT_API void gort_clearslice(void *p, gort_isize len, size_t size, enum gort_scan scan);

/* "index out of range [i] with length len" */
GORT_NORETURN GORT_API void gort_panicindex(gort_isize i, gort_isize len) __attribute__((cold));
/* Of s[i:j] with a capacity of cap, one of which is out of range; the same of a string. */
GORT_NORETURN GORT_API void gort_panicslice(gort_isize i, gort_isize j, gort_isize cap)
	__attribute__((cold));
GORT_NORETURN GORT_API void gort_panicstring(gort_isize i, gort_isize j, gort_isize len)
	__attribute__((cold));
/* Of s[i:j:k] */
GORT_NORETURN GORT_API void gort_panicslice3(
	gort_isize i, gort_isize j, gort_isize k, gort_isize cap) __attribute__((cold));

/* Whether 0 <= i <= j <= cap, without a branch for i < 0. */
static inline bool gort_inslice(gort_isize i, gort_isize j, gort_isize cap)
{
	return (size_t)j <= (size_t)cap && (size_t)i <= (size_t)j;
}

#ifdef __cplusplus
}
#else

/* Of pointers and strings; of structures and unions aligned like a pointer; of all others. */
#define GORT_SCANS(T)                                                                     \
	(__builtin_classify_type(*(T *)0) == 5 || GORT_ISSTRING(*(T *)0) ? GORT_POINTERS  \
		: __builtin_classify_type(*(T *)0) > 9 && _Alignof(T) >= _Alignof(void *) \
			? GORT_MAYBE                                                      \
			: GORT_NOPOINTERS)
#define GORT_SLICEELEM(s) __typeof__(*(s).ptr)

/*
 * Copies n elements of size bytes each, aligned so. One that a register holds is stored by the
 * program itself: gort-cc sees to that, too, and makes a call of each memmove.
 */
static inline __attribute__((always_inline)) void gort_putelems(
	void *dst, const void *src, gort_isize n, size_t size, size_t align)
{
	typedef uint64_t eight __attribute__((may_alias));
	typedef uint32_t four __attribute__((may_alias));
	bool one = __builtin_constant_p(n == 1) && n == 1 && align == size;
	if (one && size == 8)
		*(eight *)dst = *(const eight *)src;
	else if (one && size == 4)
		*(four *)dst = *(const four *)src;
	else if (one && size == 1)
		*(uint8_t *)dst = *(const uint8_t *)src;
	else
		__builtin_memmove(dst, src, (size_t)n * size);
}

#define slice(T)                     \
	struct {                     \
		__typeof__(T) *ptr;  \
		gort_isize len, cap; \
	}

/* make_slice(S, len), make_slice(S, len, cap): zeroed. S is the type of the slice. */
#define make_slice(S, ...) GORT_MAKESLICE(__COUNTER__, S, __VA_ARGS__, GORT_SAMECAP, )
#define GORT_SAMECAP       (-1 - (gort_isize)PTRDIFF_MAX) /* no capacity: the length */
#define GORT_MAKESLICE(k, S, n, c, ...)                                                      \
	__extension__({                                                                      \
		gort_isize GORT_CAT(n_, k) = (n), GORT_CAT(c_, k) = (c);                     \
		if (GORT_CAT(c_, k) == GORT_SAMECAP)                                         \
			GORT_CAT(c_, k) = GORT_CAT(n_, k);                                   \
		(S){gort_makeslice(sizeof(*((S *)0)->ptr), GORT_CAT(n_, k), GORT_CAT(c_, k), \
			    GORT_SCANS(GORT_SLICEELEM(*(S *)0))),                            \
			GORT_CAT(n_, k), GORT_CAT(c_, k)};                                   \
	})

/* slice_of(S, elements...): Go's S{elements...} */
#define slice_of(S, ...) GORT_SLICEOF(__COUNTER__, S, __VA_ARGS__)
#define GORT_SLICEOF(k, S, ...)                                \
	__extension__({                                        \
		S GORT_CAT(s_, k) = {0};                       \
		GORT_APPEND(k, &GORT_CAT(s_, k), __VA_ARGS__); \
		GORT_CAT(s_, k).cap = GORT_CAT(s_, k).len;     \
		GORT_CAT(s_, k);                               \
	})

/* append(&s, elements...): a structure may be written {1, 2}. [0]: else text is a char array. */
#define append(s, ...) GORT_APPEND(__COUNTER__, s, __VA_ARGS__)
#define GORT_APPEND(k, s, ...)                                                             \
	__extension__({                                                                    \
		__auto_type GORT_CAT(sp_, k) = (s);                                        \
		GORT_SLICEELEM(*GORT_CAT(sp_, k)) GORT_CAT(v_, k)[] = {[0] = __VA_ARGS__}; \
		GORT_APPENDALL(k, GORT_CAT(sp_, k), GORT_CAT(v_, k),                       \
			(gort_isize)(sizeof(GORT_CAT(v_, k)) / sizeof(*GORT_CAT(v_, k)))); \
	})
/* append_slice(&s, t): t may be a part of s, and a string for a slice of bytes. */
#define append_slice(s, t) GORT_APPENDSLICE(__COUNTER__, s, t)
#define GORT_APPENDSLICE(k, s, t)                                                               \
	__extension__({                                                                         \
		__auto_type GORT_CAT(sp_, k) = (s);                                             \
		__auto_type GORT_CAT(t_, k) = (t);                                              \
		_Static_assert(                                                                 \
			sizeof(*GORT_CAT(sp_, k)->ptr) == 1 ||                                  \
				__builtin_types_compatible_p(GORT_SLICEELEM(*GORT_CAT(sp_, k)), \
					GORT_SLICEELEM(GORT_CAT(t_, k))),                       \
			"append_slice: slices of different elements");                          \
		if (GORT_CAT(t_, k).len)                                                        \
			GORT_APPENDALL(                                                         \
				k, GORT_CAT(sp_, k), GORT_CAT(t_, k).ptr, GORT_CAT(t_, k).len); \
	})
/* v: n elements. What they are written over is told to the collector as gort_memcpy tells it. */
#define GORT_APPENDALL(k, sp, v, n)                                                                \
	do {                                                                                       \
		const gort_isize GORT_CAT(n_, k) = (n);                                            \
		if (__builtin_expect(                                                              \
			    (size_t)(sp)->cap - (size_t)(sp)->len < (size_t)GORT_CAT(n_, k), 0)) { \
			struct gort_array GORT_CAT(a_, k) =                                        \
				gort_growslice((sp)->ptr, (sp)->len, (sp)->cap, GORT_CAT(n_, k),   \
					sizeof(*(sp)->ptr), GORT_SCANS(GORT_SLICEELEM(*(sp))));    \
			(sp)->ptr = GORT_CAT(a_, k).ptr;                                           \
			(sp)->cap = GORT_CAT(a_, k).cap;                                           \
		}                                                                                  \
		if (GORT_SCANS(GORT_SLICEELEM(*(sp))) &&                                           \
			__builtin_expect(*(volatile const uint32_t *)&gort_writebarrier, 0))       \
			gort_wbrange((sp)->ptr + (sp)->len,                                        \
				(size_t)GORT_CAT(n_, k) * sizeof(*(sp)->ptr));                     \
		gort_putelems((sp)->ptr + (sp)->len, (v), GORT_CAT(n_, k), sizeof(*(sp)->ptr),     \
			_Alignof(GORT_SLICEELEM(*(sp))));                                          \
		(sp)->len += GORT_CAT(n_, k);                                                      \
	} while (0)

/* at(s, i): the element, which may be assigned to. */
#define at(s, i) GORT_AT(__COUNTER__, s, i)
#define GORT_AT(k, s, i)                                                                         \
	(*__extension__({                                                                        \
		__auto_type GORT_CAT(s_, k) = (s);                                               \
		gort_isize GORT_CAT(i_, k) = (i);                                                \
		if (__builtin_expect((size_t)GORT_CAT(i_, k) >= (size_t)GORT_CAT(s_, k).len, 0)) \
			gort_panicindex(GORT_CAT(i_, k), GORT_CAT(s_, k).len);                   \
		&GORT_CAT(s_, k).ptr[GORT_CAT(i_, k)];                                           \
	}))

/*
 * sub(s, i, j): s[i:j], j up to the capacity. A part without capacity does not point behind the
 * array, into what may be another object.
 */
#define sub(s, i, j) GORT_SUB(__COUNTER__, s, i, j)
#define GORT_SUB(k, s, i, j)                                                                      \
	__extension__({                                                                           \
		__auto_type GORT_CAT(s_, k) = (s);                                                \
		gort_isize GORT_CAT(i_, k) = (i), GORT_CAT(j_, k) = (j);                          \
		if (__builtin_expect(                                                             \
			    !gort_inslice(GORT_CAT(i_, k), GORT_CAT(j_, k), GORT_CAT(s_, k).cap), \
			    0))                                                                   \
			gort_panicslice(GORT_CAT(i_, k), GORT_CAT(j_, k), GORT_CAT(s_, k).cap);   \
		GORT_CUT(GORT_CAT(s_, k), GORT_CAT(i_, k), GORT_CAT(j_, k), GORT_CAT(s_, k).cap); \
		GORT_CAT(s_, k);                                                                  \
	})
/* sub3(s, i, j, max): s[i:j:max] */
#define sub3(s, i, j, max) GORT_SUB3(__COUNTER__, s, i, j, max)
#define GORT_SUB3(k, s, i, j, max)                                                                \
	__extension__({                                                                           \
		__auto_type GORT_CAT(s_, k) = (s);                                                \
		gort_isize GORT_CAT(i_, k) = (i), GORT_CAT(j_, k) = (j), GORT_CAT(m_, k) = (max); \
		if (__builtin_expect((size_t)GORT_CAT(m_, k) > (size_t)GORT_CAT(s_, k).cap ||     \
					     !gort_inslice(GORT_CAT(i_, k), GORT_CAT(j_, k),      \
						     GORT_CAT(m_, k)),                            \
			    0))                                                                   \
			gort_panicslice3(GORT_CAT(i_, k), GORT_CAT(j_, k), GORT_CAT(m_, k),       \
				GORT_CAT(s_, k).cap);                                             \
		GORT_CUT(GORT_CAT(s_, k), GORT_CAT(i_, k), GORT_CAT(j_, k), GORT_CAT(m_, k));     \
		GORT_CAT(s_, k);                                                                  \
	})
#define GORT_CUT(s, i, j, max)                    \
	do {                                      \
		(s).ptr += (i) < (max) ? (i) : 0; \
		(s).len = (j) - (i);              \
		(s).cap = (max) - (i);            \
	} while (0)

/* copy(dst, src): how many elements; src may be a string for a slice of bytes. */
#define copy(dst, src) GORT_COPY(__COUNTER__, dst, src)
#define GORT_COPY(k, dst, src)                                                                \
	__extension__({                                                                       \
		__auto_type GORT_CAT(d_, k) = (dst);                                          \
		__auto_type GORT_CAT(s_, k) = (src);                                          \
		_Static_assert(                                                               \
			sizeof(*GORT_CAT(d_, k).ptr) == 1 ||                                  \
				__builtin_types_compatible_p(GORT_SLICEELEM(GORT_CAT(d_, k)), \
					GORT_SLICEELEM(GORT_CAT(s_, k))),                     \
			"copy: slices of different elements");                                \
		gort_copyslice(GORT_CAT(d_, k).ptr, GORT_CAT(d_, k).len, GORT_CAT(s_, k).ptr, \
			GORT_CAT(s_, k).len, sizeof(*GORT_CAT(d_, k).ptr),                    \
			GORT_SCANS(GORT_SLICEELEM(GORT_CAT(d_, k))));                         \
	})

#define slice_clear(s) GORT_SLICECLEAR(__COUNTER__, s)
#define GORT_SLICECLEAR(k, s)                                             \
	__extension__({                                                   \
		__auto_type GORT_CAT(s_, k) = (s);                        \
		gort_clearslice(GORT_CAT(s_, k).ptr, GORT_CAT(s_, k).len, \
			sizeof(*GORT_CAT(s_, k).ptr),                     \
			GORT_SCANS(GORT_SLICEELEM(GORT_CAT(s_, k))));     \
	})

/*
 * for range (i, v, s) statement: i and v are new in each turn, v is a copy. The length is that at
 * the beginning. s may be a string, v is then a byte; for runes see str_range.
 */
#define range(i, v, s) GORT_RANGE(__COUNTER__, i, v, s)
/* done is 0 while the body runs: a break leaves it so, and ends the loop over i. */
/* clang-format off */
#define GORT_RANGE(k, i, v, s)                                                                \
	(__typeof__(s) GORT_CAT(s_, k) = (s), *GORT_CAT(o_, k) = &GORT_CAT(s_, k);            \
		GORT_CAT(o_, k); GORT_CAT(o_, k) = NULL)                                      \
	for (gort_isize GORT_CAT(i_, k) = 0, GORT_CAT(done_, k) = 1;                          \
		GORT_CAT(done_, k) && GORT_CAT(i_, k) < GORT_CAT(s_, k).len;                  \
		GORT_CAT(i_, k)++)                                                            \
	for (gort_isize i GORT_UNUSED = GORT_CAT(i_, k), GORT_CAT(t_, k) = 1;                 \
		GORT_CAT(t_, k); GORT_CAT(t_, k) = 0)                                         \
	for (GORT_SLICEELEM(GORT_CAT(s_, k)) v GORT_UNUSED =                                  \
			(GORT_CAT(done_, k) = 0, GORT_CAT(s_, k).ptr[GORT_CAT(i_, k)]);       \
		!GORT_CAT(done_, k); GORT_CAT(done_, k) = 1)
/* clang-format on */

#ifdef GORT_NO_SLICE
#undef slice
#undef append
#undef at
#undef sub
#undef copy
#undef range
#endif

#endif
#endif
