/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gort/iface.h - interfaces: a value of any type that has the methods asked for (Go's interface
 * types), and gort_any, which asks for none (Go's any). For C and, without macros, C++. The short
 * words are in go.h: as_iface, call_method, type_switch, any ...
 *
 *	#define shape_methods(SELF) int (*area)(SELF *); void (*grow)(SELF *, int)
 *	GORT_INTERFACE(shape);                  type shape interface { area() int; grow(int) }
 *
 *	typedef struct square { int a; } square;
 *	static int square_area(square *s) { return s->a * s->a; }
 *	static void square_grow(square *s, int n) { s->a += n; }
 *	GORT_DYNTYPE(square);                                   its descriptor, once a type
 *	GORT_IMPL(shape, square, square_area, square_grow);     its table, built by the compiler
 *
 *	shape s = as_iface(shape, square, &sq);         var s shape = &sq
 *	call_method(s, grow, 1);                        s.grow(1)
 *	square *p = assert_type(square, s);             s.(*square), which may panic
 *	if (assert_ok(square, s, &p)) ...               p, ok := s.(*square)
 *	shape t = assert_iface(shape, a);               a.(shape)
 *	type_switch (s) {                               switch p := s.(type) {
 *		case_type (square, p) { use(p); }       case *square:
 *		case_nil { }                            case nil:
 *		case_other { }                          default:
 *	}
 *
 * An interface value is two words: what is known of the dynamic type, and a pointer. The pointer is
 * either the value itself, Go's *T (types of GORT_DYNTYPE), or leads to a copy of it that nobody
 * changes, Go's T (numbers, strings, types of GORT_VALUETYPE). Types and interfaces have names of
 * one word; each name is one type in the whole program.
 *
 * The nil trap. An interface is nil when it has no type. One that holds a null pointer has one:
 *
 *	shape s = as_iface(shape, square, NULL);        iface_nil(s) is false, as in Go
 *
 * Compiled with -DGORT_VET, iface_nil says on stderr where that happens, and of which type.
 *
 * Nothing here blocks. Panics are gort_errortype_runtime_error, with Go's texts.
 */
#ifndef GORT_IFACE_H
#define GORT_IFACE_H

#include "gort/gort.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What interfaces know of the type of their value. */
struct gort_itype {
	const char *name; /* as Go's %T shows it: "*square", "int" */
	size_t size;      /* of the copy that data points to; 0: data is the value */
	uint8_t kind;     /* enum gort_arg_kind: how the copy is printed */
	bool pointers;    /* the copy may hold pointers */
	/* Of two copies; NULL with a size: the type cannot be compared, nor be a key of a map. */
	bool (*equal)(const void *a, const void *b);
	uint64_t (*hash)(const void *a, uint64_t seed);
};

/* What interface types are known by at run time. */
struct gort_itf {
	const char *name;
	const char
		*methods; /* their declarations, as text: for the message of a failed assertion */
};

/* Begins each method table. */
struct gort_itab {
	const struct gort_itype *type;
	const struct gort_itf *itf;
};

/* A table that assertions at run time find; GORT_IMPL makes and registers it. */
struct gort_itabnode {
	struct gort_itabnode *next;
	const struct gort_itab *tab;
};

/* A value of any type; zeroed it is nil. Go's any. */
typedef struct gort_any {
	const struct gort_itype *type;
	void *data;
} gort_any;

/* ---- runtime/lang/iface.c ---- */

/* Go's types; string is gort_string, cstring a char * that is compared as a pointer. */
GORT_API extern const struct gort_itype gort_itype_bool, gort_itype_int, gort_itype_unsigned,
	gort_itype_long, gort_itype_ulong, gort_itype_double, gort_itype_string, gort_itype_cstring,
	gort_itype_error;

/* Where a name is a macro, it is its meaning that the macros below see. */
#define gort_itype__Bool       gort_itype_bool
#define gort_itype_gort_string gort_itype_string
#define gort_itype_gort_error  gort_itype_error

/* The value at p, of type t, copied if it has a size. Go's conversion to an interface. */
GORT_API gort_any gort_any_make(const struct gort_itype *t, const void *p);

/*
 * Go's ==: the same type and equal values, or both nil. Panics when both have the same type and it
 * cannot be compared: "runtime error: comparing uncomparable type T".
 */
GORT_API bool gort_any_equal(gort_any a, gort_any b);
/* Equal values have equal hashes. Panics: "runtime error: hash of unhashable type T". */
GORT_API uint64_t gort_any_hash(gort_any a, uint64_t seed);

/* The table of itf for values of type t; NULL when t does not have it, or is NULL. Any thread. */
GORT_API const struct gort_itab *gort_itab_find(
	const struct gort_itf *itf, const struct gort_itype *t);
/* The same, but panics as Go's assertion to an interface does. */
GORT_API const struct gort_itab *gort_itab_assert(
	const struct gort_itf *itf, const struct gort_itype *t);
/* Of no type: what an interface that is nil is taken for. */
GORT_API extern const struct gort_itab gort_itab_nil;
/* Adds a table, for the life of the program. */
GORT_API void gort_itab_add(struct gort_itabnode *node);

/* "interface conversion: <itf> is <have>, not <want>"; itf NULL: "interface". */
GORT_NORETURN GORT_API void gort_panicassert(const char *itf, const struct gort_itype *have,
	const struct gort_itype *want) __attribute__((cold));

/* Says that the interface is not nil, but holds a nil pointer. */
GORT_API void gort_vet_typednil(const char *file, int line, const struct gort_itype *type)
	__attribute__((cold));

#ifdef __cplusplus
}
#else

#define GORT_ONETYPE __attribute__((weak, visibility("default")))

/* Declares the type of pointers to T, Go's *T, whose values are compared as pointers. */
#define GORT_DYNTYPE(T)                                         \
	extern const struct gort_itype gort_itype_##T;          \
	GORT_ONETYPE const struct gort_itype gort_itype_##T = { \
		"*" #T, 0, GORT_ARG_POINTER, true, NULL, NULL}
/* Declares T itself: equal and hash as in struct gort_itype, both NULL for no comparison. */
#define GORT_VALUETYPE(T, equal, hash)                          \
	extern const struct gort_itype gort_itype_##T;          \
	GORT_ONETYPE const struct gort_itype gort_itype_##T = { \
		#T, sizeof(T), GORT_ARG_POINTER, true, equal, hash}

/* Defines the type I, of values that have I_methods, of which there is at least one. */
#define GORT_INTERFACE(I)                                                                  \
	extern const struct gort_itf gort_itf_##I;                                         \
	GORT_ONETYPE const struct gort_itf gort_itf_##I = {#I, GORT_TEXT(I##_methods(T))}; \
	struct I##_itab {                                                                  \
		struct gort_itab head;                                                     \
		I##_methods(void);                                                         \
	};                                                                                 \
	typedef struct I {                                                                 \
		const struct I##_itab *tab;                                                \
		void *data;                                                                \
	} I
#define GORT_TEXT(...)  GORT_TEXT_(__VA_ARGS__)
#define GORT_TEXT_(...) #__VA_ARGS__

/*
 * T has the methods of I: these functions, in the order of I_methods, each with a T * first. Types
 * are checked. The table is static data; a constructor makes it known to assertions at run time.
 */
#define GORT_IMPL(I, T, ...)                                                                \
	static const union {                                                                \
		struct {                                                                    \
			struct gort_itab head;                                              \
			I##_methods(T);                                                     \
		} typed;                                                                    \
		struct I##_itab itab;                                                       \
	} gort_itab_##I##_##T = {.typed = {{&gort_itype_##T, &gort_itf_##I}, __VA_ARGS__}}; \
	__attribute__((constructor)) static void gort_implement_##I##_##T(void)             \
	{                                                                                   \
		static struct gort_itabnode node = {NULL, &gort_itab_##I##_##T.itab.head};  \
		gort_itab_add(&node);                                                       \
	}                                                                                   \
	extern const struct gort_itf gort_itf_##I

/* ---- what the words of go.h, whose tools these use, are made of ---- */

#define GORT_BOXTYPE(x) \
	_Generic((x), bool                           \
		 : &gort_itype_bool, int             \
		 : &gort_itype_int, unsigned         \
		 : &gort_itype_unsigned, long        \
		 : &gort_itype_long, unsigned long   \
		 : &gort_itype_ulong, double         \
		 : &gort_itype_double, gort_string   \
		 : &gort_itype_string, char *        \
		 : &gort_itype_cstring, const char * \
		 : &gort_itype_cstring, gort_error   \
		 : &gort_itype_error)
#define GORT_ANYOF(k, x)                                                        \
	__extension__({                                                         \
		__auto_type GORT_CAT(v_, k) = (x);                              \
		gort_any_make(GORT_BOXTYPE(GORT_CAT(v_, k)), &GORT_CAT(v_, k)); \
	})
#define GORT_ANYPTR(k, T, p)                                  \
	__extension__({                                       \
		T *GORT_CAT(p_, k) = (p);                     \
		(gort_any){&gort_itype_##T, GORT_CAT(p_, k)}; \
	})
#define GORT_ASIFACE(k, I, T, p)                                 \
	__extension__({                                          \
		T *GORT_CAT(p_, k) = (p);                        \
		(I){&gort_itab_##I##_##T.itab, GORT_CAT(p_, k)}; \
	})
#define GORT_CALL(k, i, method, ...)                                                          \
	__extension__({                                                                       \
		__auto_type GORT_CAT(i_, k) = (i);                                            \
		GORT_CAT(i_, k).tab->method(GORT_CAT(i_, k).data __VA_OPT__(, ) __VA_ARGS__); \
	})
/* Without a branch: an assertion is one compare, as in Go. */
static inline gort_any gort_iface_any(const struct gort_itab *tab, void *data)
{
	__asm__("test %0, %0\n\tcmovz %1, %0" : "+r"(tab) : "r"(&gort_itab_nil) : "cc");
	return (gort_any){tab->type, data};
}
#define GORT_IFACEANY_(i) GORT_IFACEANY(__COUNTER__, i)
static inline gort_any gort_iface_read(const void *i, void *data)
{
	const struct gort_itab *tab; /* any interface begins with one */
	__builtin_memcpy(&tab, i, sizeof(tab));
	return gort_iface_any(tab, data);
}

static inline gort_any gort_any_read(const void *a, void *data)
{
	return (gort_any){*(const struct gort_itype *const *)a, data};
}

/* An interface, or an any, as an any. */
#define GORT_IFACEANY(k, i)                                                          \
	__extension__({                                                              \
		__auto_type GORT_CAT(i_, k) = (i);                                   \
		_Generic(GORT_CAT(i_, k), gort_any                                   \
			 : gort_any_read, default                                    \
			 : gort_iface_read)(&GORT_CAT(i_, k), GORT_CAT(i_, k).data); \
	})
#ifdef GORT_VET
#define GORT_VETNIL(a)                                                    \
	((a).type && !(a).type->size && !(a).data                         \
			? gort_vet_typednil(__FILE__, __LINE__, (a).type) \
			: (void)0)
#else
#define GORT_VETNIL(a) ((void)0)
#endif
#define GORT_IFACENIL(k, i)                                   \
	__extension__({                                       \
		gort_any GORT_CAT(a_, k) = GORT_IFACEANY_(i); \
		GORT_VETNIL(GORT_CAT(a_, k));                 \
		(bool)!GORT_CAT(a_, k).type;                  \
	})
static inline const char *gort_iface_name(const void *i)
{
	const struct gort_itab *tab;
	__builtin_memcpy(&tab, i, sizeof(tab));
	return tab ? tab->itf->name : NULL;
}

static inline const char *gort_iface_anyname(const void *i)
{
	(void)i;
	return "interface {}";
}

#define GORT_ITFNAME(i) _Generic(*(i), gort_any : gort_iface_anyname, default : gort_iface_name)(i)
#define GORT_ASSERT(k, T, i)                                                                   \
	__extension__({                                                                        \
		__auto_type GORT_CAT(j_, k) = (i);                                             \
		gort_any GORT_CAT(a_, k) = GORT_IFACEANY_(GORT_CAT(j_, k));                    \
		if (__builtin_expect(GORT_CAT(a_, k).type != &gort_itype_##T, 0))              \
			gort_panicassert(GORT_ITFNAME(&GORT_CAT(j_, k)), GORT_CAT(a_, k).type, \
				&gort_itype_##T);                                              \
		(T *)GORT_CAT(a_, k).data;                                                     \
	})
#define GORT_ASSERTOK(k, T, i, p)                                                  \
	__extension__({                                                            \
		gort_any GORT_CAT(a_, k) = GORT_IFACEANY_(i);                      \
		bool GORT_CAT(ok_, k) = GORT_CAT(a_, k).type == &gort_itype_##T;   \
		T **GORT_CAT(p_, k) = (p);                                         \
		*GORT_CAT(p_, k) = GORT_CAT(ok_, k) ? GORT_CAT(a_, k).data : NULL; \
		GORT_CAT(ok_, k);                                                  \
	})
#define GORT_ASSERTI(k, I, i)                                                            \
	__extension__({                                                                  \
		gort_any GORT_CAT(a_, k) = GORT_IFACEANY_(i);                            \
		(I){(const void *)gort_itab_assert(&gort_itf_##I, GORT_CAT(a_, k).type), \
			GORT_CAT(a_, k).data};                                           \
	})
#define GORT_ASSERTIOK(k, I, i, j)                                                                 \
	__extension__({                                                                            \
		gort_any GORT_CAT(a_, k) = GORT_IFACEANY_(i);                                      \
		const void *GORT_CAT(t_, k) = gort_itab_find(&gort_itf_##I, GORT_CAT(a_, k).type); \
		I *GORT_CAT(j_, k) = (j);                                                          \
		*GORT_CAT(j_, k) =                                                                 \
			(I){GORT_CAT(t_, k), GORT_CAT(t_, k) ? GORT_CAT(a_, k).data : NULL};       \
		GORT_CAT(t_, k) != NULL;                                                           \
	})

/* The state of a type switch: what it looks at, whether a case was taken, the table found. */
struct gort_typeswitch {
	gort_any a;
	bool done, turn;
	const void *tab;
};
#define GORT_TYPESWITCH(i)                                                                        \
	_Pragma("GCC diagnostic push") _Pragma(                                                   \
		"GCC diagnostic ignored \"-Wshadow\"") for (struct gort_typeswitch gort_ts_ =     \
								    {.a = GORT_IFACEANY_(i),      \
									    .turn = true};        \
							    gort_ts_.turn; gort_ts_.turn = false) \
		_Pragma("GCC diagnostic pop")
#define GORT_CASEIF(k, cond)                                                            \
	for (bool GORT_CAT(t_, k) = !gort_ts_.done && (cond) && (gort_ts_.done = true); \
		GORT_CAT(t_, k); GORT_CAT(t_, k) = false)
#define GORT_CASETYPE(k, T, p)                             \
	GORT_CASEIF(k, gort_ts_.a.type == &gort_itype_##T) \
	for (T *p GORT_UNUSED = gort_ts_.a.data; GORT_CAT(t_, k); GORT_CAT(t_, k) = false)
#define GORT_CASEIFACE(k, I, j)                                                         \
	GORT_CASEIF(k, (gort_ts_.tab = gort_itab_find(&gort_itf_##I, gort_ts_.a.type))) \
	for (I j GORT_UNUSED = {gort_ts_.tab, gort_ts_.a.data}; GORT_CAT(t_, k);        \
		GORT_CAT(t_, k) = false)

#endif

#endif
