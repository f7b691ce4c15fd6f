/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * equal.h - types that the program declares, for deep equality (slices, maps and pointers by what
 * they hold) and for printing. Go's reflect.DeepEqual, and %v of fmt. Included by go.h.
 *
 *	typedef slice(int) ints;
 *	typedef map(string, ints) index;
 *	typedef struct node { struct node *next; double weight; index words; int pair[2]; } node;
 *	typedef node *nodep;
 *	GORT_EQUAL_SLICE(ints, int);
 *	GORT_EQUAL_MAP(index, string, ints);
 *	GORT_EQUAL_POINTER(nodep, node);             of a structure, which may follow
 *	GORT_EQUAL_STRUCT(node, (nodep, next), (double, weight), (index, words), (int, pair));
 *
 *	if (gort_equal(nodep, a, b)) ...             reflect.DeepEqual(a, b)
 *	println(gort_show(index, words));            fmt.Println(words)
 *
 * C has no reflection, so types are declared, each by one word: integers, float, double, string,
 * any, error and those that are declared so, also those of keys. A structure has 1 to 12 fields
 * that count; one that is an array is told by the type of its elements. Pointers of other types are
 * equal when they are the same: declare them as uintptr_t, or leave the field out.
 *
 * As in Go: a nil slice or map differs from an empty one; NaN differs from itself, but a slice or
 * map that is the same object is equal at once; cycles end, and count as equal. Different: what is
 * in an any is compared by ==, and panics when its type has none.
 */
#ifndef GORT_EQUAL_H
#define GORT_EQUAL_H

#include "gort/gort.h"

#ifdef __cplusplus
extern "C" {
#endif

enum gort_equalkind {
	GORT_EQUAL_BYTES, /* equal when their bytes are */
	GORT_EQUAL_F32,
	GORT_EQUAL_F64,
	GORT_EQUAL_TEXT,
	GORT_EQUAL_ANY,
	GORT_EQUAL_REC,
	GORT_EQUAL_LIST,
	GORT_EQUAL_TABLE,
	GORT_EQUAL_PTR
};

struct gort_equalfield {
	const struct gort_equaltype *type;
	size_t offset, count; /* elements, of an array */
};

/* How values of a type are compared. */
struct gort_equaltype {
	enum gort_equalkind kind;
	size_t size;
	const struct gort_equaltype
		*elem; /* of a slice, a map's values, or what a pointer points to */
	const struct gort_equalfield *fields;
	int nfields;
	const struct gort_equaltype *key; /* of a map */
	int shown; /* enum gort_arg_kind: how those of GORT_EQUAL_BYTES are printed */
};

/* The values at a and b; runtime/lib/deepequal.c */
GORT_API bool gort_deepequal(const struct gort_equaltype *t, const void *a, const void *b);

/*
 * The value at p as %v shows it: [1 2], map[a:1 b:2] by the order of the keys, {1 x}; a pointer to
 * a structure &{1 x}, within others its address. runtime/lib/show.c
 */
GORT_API gort_string gort_showtext(const struct gort_equaltype *t, const void *p);

/* Integers of so many bytes, signed and not; bool, float, double, error. */
GORT_API extern const struct gort_equaltype gort_equal_i1, gort_equal_i2, gort_equal_i4,
	gort_equal_i8, gort_equal_u1, gort_equal_u2, gort_equal_u4, gort_equal_u8, gort_equal_bool,
	gort_equal_error, gort_equal_f32, gort_equal_f64, gort_equal_text, gort_equal_iface;

#ifdef __cplusplus
}
#else

#define gort_equaltype_bool          gort_equal_bool
#define gort_equaltype__Bool         gort_equal_bool
#define gort_equaltype_char          gort_equal_i1
#define gort_equaltype_int8_t        gort_equal_i1
#define gort_equaltype_uint8_t       gort_equal_u1
#define gort_equaltype_short         gort_equal_i2
#define gort_equaltype_int16_t       gort_equal_i2
#define gort_equaltype_uint16_t      gort_equal_u2
#define gort_equaltype_int           gort_equal_i4
#define gort_equaltype_unsigned      gort_equal_u4
#define gort_equaltype_int32_t       gort_equal_i4
#define gort_equaltype_uint32_t      gort_equal_u4
#define gort_equaltype_long          gort_equal_i8
#define gort_equaltype_size_t        gort_equal_u8
#define gort_equaltype_isize         gort_equal_i8
#define gort_equaltype_gort_isize    gort_equal_i8
#define gort_equaltype_int64_t       gort_equal_i8
#define gort_equaltype_uint64_t      gort_equal_u8
#define gort_equaltype_uintptr_t     gort_equal_u8
#define gort_equaltype_gort_duration gort_equal_i8
#define gort_equaltype_error         gort_equal_error
#define gort_equaltype_gort_error    gort_equal_error
#define gort_equaltype_float         gort_equal_f32
#define gort_equaltype_double        gort_equal_f64
#define gort_equaltype_string        gort_equal_text
#define gort_equaltype_gort_string   gort_equal_text
#define gort_equaltype_any           gort_equal_iface
#define gort_equaltype_gort_any      gort_equal_iface

#define GORT_EQUALOF(T)     GORT_CAT(gort_equaltype_, T)
/* In an initializer: a compile error unless the types are the same. */
#define GORT_SAMETYPE(A, B) (0 * sizeof(char[__builtin_types_compatible_p(A, B) ? 1 : -1]))

#define gort_show(T, v) GORT_SHOW(__COUNTER__, T, v)
#define GORT_SHOW(k, T, v)                                         \
	__extension__({                                            \
		T GORT_CAT(v_, k) = (v);                           \
		gort_showtext(&GORT_EQUALOF(T), &GORT_CAT(v_, k)); \
	})
#define gort_equal(T, a, b) GORT_DEEPEQUAL(__COUNTER__, T, a, b)
#define GORT_DEEPEQUAL(k, T, a, b)                                                    \
	__extension__({                                                               \
		T GORT_CAT(a_, k) = (a), GORT_CAT(b_, k) = (b);                       \
		gort_deepequal(&GORT_EQUALOF(T), &GORT_CAT(a_, k), &GORT_CAT(b_, k)); \
	})

#define GORT_EQUAL_SLICE(S, T)                                                          \
	static const struct gort_equaltype GORT_CAT(gort_equaltype_, S) GORT_UNUSED = { \
		GORT_EQUAL_LIST, sizeof(S) + GORT_SAMETYPE(GORT_SLICEELEM(*(S *)0), T), \
		&GORT_EQUALOF(T), NULL, 0, NULL, 0}
#define GORT_EQUAL_MAP(M, K, V)                                                           \
	static const struct gort_equaltype GORT_CAT(gort_equaltype_, M)                   \
		GORT_UNUSED = {GORT_EQUAL_TABLE, sizeof(M) + GORT_SAMETYPE(M, map(K, V)), \
			&GORT_EQUALOF(V), NULL, 0, &GORT_EQUALOF(K), 0}
#define GORT_EQUAL_POINTER(P, T)                                                  \
	static const struct gort_equaltype GORT_CAT(gort_equaltype_, T);          \
	static const struct gort_equaltype GORT_CAT(gort_equaltype_, P)           \
		GORT_UNUSED = {GORT_EQUAL_PTR, sizeof(P) + GORT_SAMETYPE(P, T *), \
			&GORT_EQUALOF(T), NULL, 0, NULL, 0}
#define GORT_EQUAL_STRUCT(T, ...)                                                               \
	static const struct gort_equalfield GORT_CAT(gort_equalfields_, T)[] = {                \
		GORT_LISTC(GORT_EQUALFIELD, T, __VA_ARGS__)};                                   \
	static const struct gort_equaltype GORT_CAT(gort_equaltype_, T)                         \
		GORT_UNUSED = {GORT_EQUAL_REC, sizeof(T), NULL, GORT_CAT(gort_equalfields_, T), \
			GORT_N(__VA_ARGS__), NULL, 0}
#define GORT_EQUALFIELD(T, typefield) GORT_EQUALFIELD_(T, GORT_UNPACK typefield)
#define GORT_UNPACK(...)              __VA_ARGS__
#define GORT_EQUALFIELD_(T, ...)      GORT_EQUALFIELD__(T, __VA_ARGS__)
/* clang-format off */
#define GORT_EQUALFIELD__(T, F, f)                                                       \
	{&GORT_EQUALOF(F), offsetof(T, f), sizeof(((T *)0)->f) / sizeof(F) +             \
		0 * sizeof(char[GORT_FIELDIS(__typeof__(((T *)0)->f), F) ? 1 : -1])}
/* The field's type is F or an array of F. */
#define GORT_FIELDIS(A, F)                                                               \
	(sizeof(A) % sizeof(F) == 0 &&                                                   \
		(sizeof(A) != sizeof(F) || __builtin_types_compatible_p(A, F)))
/* clang-format on */

/* f(c, x), for each x, commas between. */
#define GORT_LISTC(f, c, ...)         GORT_CAT(GORT_LC, GORT_N(__VA_ARGS__))(f, c, __VA_ARGS__)
#define GORT_LC1(f, c, a)             f(c, a)
#define GORT_LC2(f, c, a, ...)        f(c, a), GORT_LC1(f, c, __VA_ARGS__)
#define GORT_LC3(f, c, a, ...)        f(c, a), GORT_LC2(f, c, __VA_ARGS__)
#define GORT_LC4(f, c, a, ...)        f(c, a), GORT_LC3(f, c, __VA_ARGS__)
#define GORT_LC5(f, c, a, ...)        f(c, a), GORT_LC4(f, c, __VA_ARGS__)
#define GORT_LC6(f, c, a, ...)        f(c, a), GORT_LC5(f, c, __VA_ARGS__)
#define GORT_LC7(f, c, a, ...)        f(c, a), GORT_LC6(f, c, __VA_ARGS__)
#define GORT_LC8(f, c, a, ...)        f(c, a), GORT_LC7(f, c, __VA_ARGS__)
#define GORT_LC9(f, c, a, ...)        f(c, a), GORT_LC8(f, c, __VA_ARGS__)
#define GORT_LC10(f, c, a, ...)       f(c, a), GORT_LC9(f, c, __VA_ARGS__)
#define GORT_LC11(f, c, a, ...)       f(c, a), GORT_LC10(f, c, __VA_ARGS__)
#define GORT_LC12(f, c, a, ...)       f(c, a), GORT_LC11(f, c, __VA_ARGS__)

#endif
#endif
