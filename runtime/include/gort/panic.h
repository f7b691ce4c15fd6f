/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * panic.h - defer, panic and recover, for C and C++. Included by gort.h; go.h has the words defer,
 * panic, protect and recover.
 *
 *	static void parse(const char *in, int *out)
 *	{
 *		if (!*in)
 *			panic("parse: empty input");
 *		*out = atoi(in);
 *	}
 *	error try_parse(const char *in, int *out) { return protect(parse, in, out); }
 *
 * A panic runs what the goroutine has deferred since the innermost protect, innermost first, and
 * makes that protect return the panic's value as an error. A deferred function that calls
 * gort_recover() stops it: protect then returns NULL. Without a protect the program ends with Go's
 * dump and exit code 2; recovered without one, the goroutine ends as if its function had returned.
 *
 * What differs from Go:
 *  - deferred calls belong to a scope, not to a function;
 *  - a recovered panic resumes after the innermost protect, not after the function that deferred
 *    the recovery: what the frames between them have deferred runs, the rest of them does not;
 *  - recover works in all that a deferred call calls, not in the deferred function alone;
 *  - the value of a panic is an error, not any value;
 *  - memory of malloc and locks of pthread that abandoned frames hold stay held, as after longjmp.
 *
 * Faults. Reading or writing below the address 65536, and an integer division by zero, become a
 * panic ("runtime error: invalid memory address or nil pointer dereference", "runtime error:
 * integer divide by zero") if a protect is open and the instruction is in the program's own code,
 * not in libc or libgort, and the goroutine holds no lock of pthread or stdio. Any other fault
 * prints Go's dump and kills the program by its signal. To C a null dereference and a division by
 * zero are undefined: a compiler may remove the access, or what follows from it. The flag
 * -fno-delete-null-pointer-checks, which gort.pc adds, keeps tests of pointers, not accesses whose
 * result nobody uses. So do not rely on a fault: gort_div and gort_mod check.
 */
#ifndef GORT_PANIC_H
#define GORT_PANIC_H

#include "gort/gort.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- defer: runtime/lang/defer.c ---- */

/* A deferred call, in the scope that it belongs to; defer() in go.h makes it. */
struct gort_defer {
	struct gort_defer *next;
	struct gort_defer **list; /* head of its goroutine's list */
	struct gort_call call;
};

/* d->call is set: it runs at the end of the goroutine, unless gort_defer_pop comes first. */
GORT_API void gort_defer_push(struct gort_defer *d);
/* It was called outside a goroutine: ends the program. */
GORT_NORETURN GORT_API void gort_defer_outside(void) __attribute__((cold));

#if defined(__OPTIMIZE__) && !defined(GORT_RACE_BUILD)

/* The way to the list of this thread's goroutine: of its M and its G, what it needs. */
struct gort_deferg {
	uintptr_t sp, lo, hi;
};
struct gort_deferm {
	void *g0;
	struct gort_deferg *curg;
};
#define GORT_DEFERLIST 72 /* behind the top of the goroutine's stack */

/*
 * The goroutine may be switched out at any instruction of this, but then goes on on the same
 * thread: the M that was read stays right. The list comes first: to a compiler that store may
 * change *d, so it knows only what is stored below. The empty assembly is for faults that become
 * panics: all of it must be in memory.
 */
static inline void gort_defer_call(struct gort_defer *d, const struct gort_call *call)
{
	struct gort_deferm *m;
	__asm__ volatile("movq gort_self@gottpoff(%%rip), %0\n\tmovq %%fs:(%0), %0" : "=r"(m));
	if (__builtin_expect(!m || !m->curg, 0))
		gort_defer_outside();
	struct gort_defer **list = (struct gort_defer **)(m->curg->hi + GORT_DEFERLIST);
	struct gort_defer *next = *list;
	*list = d;
	d->next = next;
	d->list = list;
	d->call.fn = call->fn;
	d->call.n = call->n;
	for (unsigned i = 0; i < 6 && i < call->n; i++)
		d->call.w[i] = call->w[i];
	__asm__ volatile("" : : "m"(*d), "m"(*list));
}

#else

static inline void gort_defer_call(struct gort_defer *d, const struct gort_call *call)
{
	d->call = *call;
	gort_defer_push(d);
}

#endif

/*
 * End of the scope: runs the call. Unlinks it before, so that a panic in it cannot run it again.
 * The usual call, of at most one word, without loading the other five. The empty assembly keeps
 * compilers from warning of those five when they have lost sight of n.
 */
static inline void gort_defer_pop(struct gort_defer *d)
{
	void (*fn)(void) = d->call.fn;
	uint64_t w = d->call.w[0];
	unsigned n = d->call.n;
	*d->list = d->next;
	if (n <= 1) {
		((void (*)(uint64_t))fn)(w);
	} else {
		const struct gort_call *call = &d->call;
		__asm__("" : "+r"(call));
		gort_call6(call);
	}
}

/* ---- panic: runtime/lang/recover.c ---- */

/*
 * Panics with value, which gort_recover and protect return. NULL becomes an error that says "panic
 * called with nil argument". In a thread that is no goroutine it ends the program. Go's panic.
 */
GORT_NORETURN GORT_API void gort_panic(gort_error value) __attribute__((cold));
/* With a copy of text; with a text formatted as by printf. */
GORT_NORETURN GORT_API void gort_panictext(const char *text) __attribute__((cold));
GORT_NORETURN GORT_API void gort_panicf(const char *fmt, ...)
	__attribute__((cold, format(printf, 1, 2)));

/*
 * In a deferred call that a panic runs: stops the panic and returns its value. Elsewhere, and for a
 * panic that is stopped already or began outside the innermost protect: NULL. Go's recover.
 */
GORT_API gort_error gort_recover(void);

/* Calls c, of a function that returns anything: NULL, or the value of a panic nobody recovered. */
GORT_API gort_error gort_protect(const struct gort_call *c);
/* Of a function that returns a gort_error: that, or the value of the panic. */
GORT_API gort_error gort_protect_error(const struct gort_call *c);

/* Panics with "runtime error: integer divide by zero", a gort_errortype_runtime_error. */
GORT_NORETURN GORT_API void gort_panicdivide(void) __attribute__((cold));

static inline int64_t gort_div_int(int64_t a, int64_t b)
{
	if (__builtin_expect(b == 0, 0))
		gort_panicdivide();
	return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}

static inline int64_t gort_mod_int(int64_t a, int64_t b)
{
	if (__builtin_expect(b == 0, 0))
		gort_panicdivide();
	return b == -1 ? 0 : a % b;
}

static inline uint64_t gort_div_uint(uint64_t a, uint64_t b)
{
	if (__builtin_expect(b == 0, 0))
		gort_panicdivide();
	return a / b;
}

static inline uint64_t gort_mod_uint(uint64_t a, uint64_t b)
{
	if (__builtin_expect(b == 0, 0))
		gort_panicdivide();
	return a % b;
}

#ifndef __cplusplus
/*
 * a / b and a % b of integers, in the type that C gives the result, as Go defines them: a panic
 * when b is 0, and the smallest number divided by -1 is itself.
 */
#define gort_div(a, b) GORT_DIVIDE(a, b, gort_div_int, gort_div_uint)
#define gort_mod(a, b) GORT_DIVIDE(a, b, gort_mod_int, gort_mod_uint)
#define GORT_DIVIDE(a, b, ints, uints)                               \
	((__typeof__((a) / (b)))_Generic((a) / (b), unsigned         \
					 : uints, unsigned long      \
					 : uints, unsigned long long \
					 : uints, default            \
					 : ints)(                    \
		(__typeof__((a) / (b)))(a), (__typeof__((a) / (b)))(b)))
#endif

#ifdef __cplusplus
}
#endif

#endif
