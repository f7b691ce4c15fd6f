/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * go.h - the short Go dialect for C (gnu17, gcc 12 or clang 14 and later): go, chan(T), select,
 * defer, println.
 *
 *	static void square(chan(int) out, int n) { chan_send(out, n * n); }
 *
 *	int gort_main(int argc, char **argv)
 *	{
 *		chan(int) out = make_chan(int, 0);
 *		go(square, out, 7);
 *		println(chan_recv(out));
 *		return 0;
 *	}
 *
 * Short words can be left out: define GORT_NO_GO, GORT_NO_SELECT, GORT_NO_DEFER, GORT_NO_PANIC
 * (panic, protect), GORT_NO_IFACE (any, as_iface, type_switch ...), GORT_NO_PRINT,
 * GORT_NO_STRING, GORT_NO_SYNC (mutex, rwmutex, cond, once, semaphore and their functions),
 * GORT_NO_TIME (time_now, new_timer ...), GORT_NO_ERROR, GORT_NO_CONTEXT (context, ctx_...,
 * cancel_now ...), GORT_NO_SLICE (slice, append, at, sub, copy, range), GORT_NO_MAP (map),
 * GORT_NO_TEXT (gort/go_text.h) or GORT_NO_UNITS (ns, us, ms, sec) before the include; the gort_
 * names always work.
 *
 * How the macros work. Locals are numbered by __COUNTER__ so that macros nest without shadowing.
 * Argument lists use __VA_OPT__: an operand of ## is not expanded first, so that nested lists
 * would stay unexpanded. An argument of go or defer that is a compound literal needs parentheses
 * around it.
 */
#ifndef GORT_GO_H
#define GORT_GO_H

#ifdef __cplusplus
#error "gort/go.h is for C; include gort/gort.h"
#endif

/* Words this header takes: their owners are included first. */
#include <error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#include "gort/context.h"
#include "gort/gort.h"
#include "gort/iface.h"
#ifndef GORT_NO_ERRNO
#include "gort/errno.h"
#endif
#include "gort/equal.h"
#include "gort/go_text.h"
#include "gort/map.h"
#include "gort/slice.h"
#include "gort/sync.h"
#include "gort/time.h"

/* ---- tools ---- */

#define GORT_CAT_(a, b) a##b
#define GORT_CAT(a, b)  GORT_CAT_(a, b)
#define GORT_UNUSED     __attribute__((unused))

/* Number of arguments, 0 to 16. */
#define GORT_N(...)                                                                               \
	GORT_N_(0 __VA_OPT__(, ) __VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, \
		1, 0)
#define GORT_N_(z, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, N, ...) N

/* f(x) for each argument, without and with a first parameter; GORT_LIST puts commas between. */
#define GORT_EACH(f, ...) GORT_CAT(GORT_E, GORT_N(__VA_ARGS__))(f __VA_OPT__(, ) __VA_ARGS__)
#define GORT_E0(f)
#define GORT_E1(f, a)         f(a)
#define GORT_E2(f, a, ...)    f(a) GORT_E1(f, __VA_ARGS__)
#define GORT_E3(f, a, ...)    f(a) GORT_E2(f, __VA_ARGS__)
#define GORT_E4(f, a, ...)    f(a) GORT_E3(f, __VA_ARGS__)
#define GORT_E5(f, a, ...)    f(a) GORT_E4(f, __VA_ARGS__)
#define GORT_E6(f, a, ...)    f(a) GORT_E5(f, __VA_ARGS__)
#define GORT_E7(f, a, ...)    f(a) GORT_E6(f, __VA_ARGS__)
#define GORT_E8(f, a, ...)    f(a) GORT_E7(f, __VA_ARGS__)
#define GORT_EACHC(f, c, ...) GORT_CAT(GORT_C, GORT_N(__VA_ARGS__))(f, c __VA_OPT__(, ) __VA_ARGS__)
#define GORT_C0(f, c)
#define GORT_C1(f, c, a)      f(c, a)
#define GORT_C2(f, c, a, ...) f(c, a) GORT_C1(f, c, __VA_ARGS__)
#define GORT_C3(f, c, a, ...) f(c, a) GORT_C2(f, c, __VA_ARGS__)
#define GORT_C4(f, c, a, ...) f(c, a) GORT_C3(f, c, __VA_ARGS__)
#define GORT_C5(f, c, a, ...) f(c, a) GORT_C4(f, c, __VA_ARGS__)
#define GORT_C6(f, c, a, ...) f(c, a) GORT_C5(f, c, __VA_ARGS__)
#define GORT_C7(f, c, a, ...) f(c, a) GORT_C6(f, c, __VA_ARGS__)
#define GORT_C8(f, c, a, ...) f(c, a) GORT_C7(f, c, __VA_ARGS__)
#define GORT_LIST(f, ...)     GORT_CAT(GORT_L, GORT_N(__VA_ARGS__))(f __VA_OPT__(, ) __VA_ARGS__)
#define GORT_L0(f)
#define GORT_L1(f, a)       f(a)
#define GORT_L2(f, a, ...)  f(a), GORT_L1(f, __VA_ARGS__)
#define GORT_L3(f, a, ...)  f(a), GORT_L2(f, __VA_ARGS__)
#define GORT_L4(f, a, ...)  f(a), GORT_L3(f, __VA_ARGS__)
#define GORT_L5(f, a, ...)  f(a), GORT_L4(f, __VA_ARGS__)
#define GORT_L6(f, a, ...)  f(a), GORT_L5(f, __VA_ARGS__)
#define GORT_L7(f, a, ...)  f(a), GORT_L6(f, __VA_ARGS__)
#define GORT_L8(f, a, ...)  f(a), GORT_L7(f, __VA_ARGS__)
#define GORT_L9(f, a, ...)  f(a), GORT_L8(f, __VA_ARGS__)
#define GORT_L10(f, a, ...) f(a), GORT_L9(f, __VA_ARGS__)
#define GORT_L11(f, a, ...) f(a), GORT_L10(f, __VA_ARGS__)
#define GORT_L12(f, a, ...) f(a), GORT_L11(f, __VA_ARGS__)
#define GORT_L13(f, a, ...) f(a), GORT_L12(f, __VA_ARGS__)
#define GORT_L14(f, a, ...) f(a), GORT_L13(f, __VA_ARGS__)
#define GORT_L15(f, a, ...) f(a), GORT_L14(f, __VA_ARGS__)
#define GORT_L16(f, a, ...) f(a), GORT_L15(f, __VA_ARGS__)

/* ---- words ---- */

#define nil       ((void *)0)
#define isize     gort_isize
#define waitgroup gort_waitgroup
#define wg_add    gort_wg_add
#define wg_done   gort_wg_done
#define wg_wait   gort_wg_wait
#ifndef GORT_NO_SYNC
#define mutex            gort_mutex
#define mutex_lock       gort_mutex_lock
#define mutex_trylock    gort_mutex_trylock
#define mutex_unlock     gort_mutex_unlock
#define rwmutex          gort_rwmutex
#define rwmutex_rlock    gort_rwmutex_rlock
#define rwmutex_tryrlock gort_rwmutex_tryrlock
#define rwmutex_runlock  gort_rwmutex_runlock
#define rwmutex_lock     gort_rwmutex_lock
#define rwmutex_trylock  gort_rwmutex_trylock
#define rwmutex_unlock   gort_rwmutex_unlock
#define cond             gort_cond
#define cond_wait        gort_cond_wait
#define cond_signal      gort_cond_signal
#define cond_broadcast   gort_cond_broadcast
#define once             gort_once
#define once_do          gort_once_do
#define oncefunc         gort_oncefunc
#define oncefunc_call    gort_oncefunc_call
#define oncevalue        gort_oncevalue
#define oncevalue_get    gort_oncevalue_get
#define oncevalues       gort_oncevalues
#define oncevalues_get   gort_oncevalues_get
#define semaphore        gort_semaphore
#define sem_acquire      gort_semaphore_acquire
#define sem_tryacquire   gort_semaphore_tryacquire
#define sem_release      gort_semaphore_release
#define sync_pool        gort_pool
#define pool_get         gort_pool_get
#define pool_put         gort_pool_put
#define sync_map         gort_sync_map
#endif
#ifndef GORT_NO_STRING
#define string gort_string
/* A string from a literal; "" refuses anything else. */
#define S(lit) ((gort_string){"" lit, sizeof(lit) - 1})
#endif
#ifndef GORT_NO_UNITS
#define ns  ((gort_duration)1)
#define us  ((gort_duration)1000)
#define ms  ((gort_duration)1000000)
#define sec ((gort_duration)1000000000)
#endif

/* ---- packed calls: what go and defer check at compile time ---- */

/*
 * __builtin_classify_type: 1 to 4 are integers, enums and bool, 5 pointer, 8 real, 12 struct, 13
 * union
 */
#define GORT_ISSTRING(x) _Generic((x), gort_string : 1, default : 0)
#define GORT_WORDS(x)    +1 + GORT_ISSTRING(x)
#define GORT_ISREC(x)    (__builtin_classify_type(x) == 12 || __builtin_classify_type(x) == 13)
#define GORT_ARGCHECK(x)                                                                     \
	_Static_assert(__builtin_classify_type(x) != 8,                                      \
		"go, defer: a floating argument: pass its address or put it into a struct"); \
	_Static_assert(!GORT_ISREC(x) || GORT_ISSTRING(x),                                   \
		"go, defer: a struct argument: pass the address of a copy (go_with makes it)");

/*
 * A pointer in place of an integer converts to any integer or pointer parameter, never to a
 * double.
 */
#define GORT_PROBE(x) __builtin_choose_expr(__builtin_classify_type(x) <= 4, (void *)0, (x))

static inline void gort_pack_word(struct gort_call *c, uint64_t v)
{
	c->w[c->n++] = v;
}

static inline void gort_pack_string(struct gort_call *c, gort_string s)
{
	c->w[c->n++] = (uint64_t)(uintptr_t)s.ptr;
	c->w[c->n++] = (uint64_t)s.len;
}

#define GORT_W(x) \
	((uint64_t) __builtin_choose_expr(GORT_ISREC(x) || __builtin_classify_type(x) == 8, 0, (x)))
#define GORT_PACK(c, x)                                         \
	_Generic((x), gort_string                               \
		 : gort_pack_string, default                    \
		 : gort_pack_word)(c, _Generic((x), gort_string \
					       : (x), default   \
					       : GORT_W(x)));
#define GORT_RESULT(f, ...)                                                                        \
	__builtin_choose_expr(__builtin_types_compatible_p(__typeof__((f)(__VA_ARGS__)), void), 0, \
		(f)(__VA_ARGS__))
/*
 * In order: at most six words; no floats or structs; arity and types; no parameter narrower than
 * int and no varargs (the unprototyped type is compatible with neither: the callee may trust
 * upper bits); a result that needs no hidden pointer; no integer argument for a floating
 * parameter.
 */
#define GORT_CALLCHECK(f, ...)                                                                    \
	_Static_assert(0 GORT_EACH(GORT_WORDS __VA_OPT__(, ) __VA_ARGS__) <= 6,                   \
		"go, defer: more than 6 argument words (a string is two): use go_with");          \
	GORT_EACH(GORT_ARGCHECK __VA_OPT__(, ) __VA_ARGS__)                                       \
	_Static_assert(                                                                           \
		sizeof(GORT_RESULT(f __VA_OPT__(, ) __VA_ARGS__)) <= 16 &&                        \
			__builtin_classify_type(GORT_RESULT(f __VA_OPT__(, ) __VA_ARGS__)) != 9,  \
		"go, defer: the function returns a large struct or a complex number");            \
	(void)sizeof((f)(__VA_ARGS__), 0);                                                        \
	_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wint-conversion\"")     \
		_Pragma("GCC diagnostic ignored \"-Wnonnull\"")                                   \
			_Pragma("GCC diagnostic ignored \"-Wstrict-prototypes\"") _Static_assert( \
				__builtin_types_compatible_p(                                     \
					__typeof__(*(f)), __typeof__((f)(__VA_ARGS__))()),        \
				"go, defer: the function is variadic or has a char, short, bool " \
				"or float "                                                       \
				"parameter: use int or a pointer");                               \
	(void)sizeof((f)(GORT_LIST(GORT_PROBE __VA_OPT__(, ) __VA_ARGS__)), 0);                   \
	_Pragma("GCC diagnostic pop")
#define GORT_FILL(c, f, ...)           \
	(c)->fn = (void (*)(void))(f); \
	(c)->n = 0;                    \
	GORT_EACHC(GORT_PACK, (c)__VA_OPT__(, ) __VA_ARGS__)

/* ---- go ---- */

/*
 * go(f, args...): starts f(args...) as a goroutine. Arguments are evaluated now; at most six
 * words of integers, pointers and strings (two words each). Go's go statement.
 */
#ifndef GORT_NO_GO
#define go(f, ...) GORT_GO(__COUNTER__, f __VA_OPT__(, ) __VA_ARGS__)
/* go_small(f, args...): the same with the smallest stack, 64 KiB: for very many goroutines. */
#define go_small(f, ...) go_stack(65536, f __VA_OPT__(, ) __VA_ARGS__)
/* go_stack(size, f, args...): with a stack of size bytes, up to 8 MiB; see gort_go_stack. */
#define go_stack(size, f, ...) GORT_GOSTACK(__COUNTER__, size, f __VA_OPT__(, ) __VA_ARGS__)
#endif
#define GORT_GO(k, f, ...)                                                   \
	__extension__({                                                      \
		GORT_CALLCHECK(f __VA_OPT__(, ) __VA_ARGS__)                 \
		struct gort_call GORT_CAT(call_, k);                         \
		GORT_FILL(&GORT_CAT(call_, k), f __VA_OPT__(, ) __VA_ARGS__) \
		gort_go(&GORT_CAT(call_, k));                                \
	})
#define GORT_GOSTACK(k, size, f, ...)                                        \
	__extension__({                                                      \
		GORT_CALLCHECK(f __VA_OPT__(, ) __VA_ARGS__)                 \
		struct gort_call GORT_CAT(call_, k);                         \
		GORT_FILL(&GORT_CAT(call_, k), f __VA_OPT__(, ) __VA_ARGS__) \
		gort_go_stack(&GORT_CAT(call_, k), (size));                  \
	})

/* go_with(f, &value): starts f(p) with p a malloc'ed copy of the value; f frees it. */
#define go_with(f, p) GORT_GOWITH(__COUNTER__, f, p)
#define GORT_GOWITH(k, f, p)                                                             \
	__extension__({                                                                  \
		__auto_type GORT_CAT(p_, k) = (p);                                       \
		(void)sizeof((f)(GORT_CAT(p_, k)), 0);                                   \
		void *GORT_CAT(q_, k) = malloc(sizeof(*GORT_CAT(p_, k)));                \
		if (!GORT_CAT(q_, k))                                                    \
			gort_panicf("go_with: out of memory");                           \
		memcpy(GORT_CAT(q_, k), GORT_CAT(p_, k), sizeof(*GORT_CAT(p_, k)));      \
		struct gort_call GORT_CAT(call_, k) = {                                  \
			(void (*)(void))(f), 1, {(uint64_t)(uintptr_t)GORT_CAT(q_, k)}}; \
		gort_go(&GORT_CAT(call_, k));                                            \
	})

/*
 * wg_go(wg, f, args...): adds one to *wg and starts a goroutine that calls f(args...) and is then
 * done. At most four argument words. Go's wg.Go.
 */
#define wg_go(wg, f, ...) GORT_WGGO(__COUNTER__, wg, f __VA_OPT__(, ) __VA_ARGS__)
#define GORT_WGGO(k, wg, f, ...)                                                        \
	__extension__({                                                                 \
		GORT_CALLCHECK(f __VA_OPT__(, ) __VA_ARGS__)                            \
		_Static_assert(0 GORT_EACH(GORT_WORDS __VA_OPT__(, ) __VA_ARGS__) <= 4, \
			"wg_go: more than 4 argument words (a string is two)");         \
		struct gort_call GORT_CAT(call_, k);                                    \
		GORT_FILL(&GORT_CAT(call_, k), f __VA_OPT__(, ) __VA_ARGS__)            \
		gort_wg_go((wg), &GORT_CAT(call_, k));                                  \
	})

/* ---- defer ---- */

/*
 * defer(f, args...): calls f(args...) at the end of the enclosing scope (not function, as in Go),
 * also by return, break and goto, and when the goroutine ends by gort_goexit. Arguments are
 * evaluated now.
 */
#ifndef GORT_NO_DEFER
#define defer(f, ...) GORT_DEFER(__COUNTER__, f __VA_OPT__(, ) __VA_ARGS__)
#endif
#define GORT_DEFER(k, f, ...)                                                           \
	struct gort_defer GORT_CAT(defer_, k) __attribute__((cleanup(gort_defer_pop))); \
	__extension__({                                                                 \
		GORT_CALLCHECK(f __VA_OPT__(, ) __VA_ARGS__)                            \
		struct gort_call GORT_CAT(call_, k);                                    \
		GORT_FILL(&GORT_CAT(call_, k), f __VA_OPT__(, ) __VA_ARGS__)            \
		gort_defer_call(&GORT_CAT(defer_, k), &GORT_CAT(call_, k));             \
	})

/* ---- panic: gort/panic.h ---- */

/*
 * panic(text): text as it is, or an error. panic(format, ...): formatted as by printf.
 *
 * protect(f, args...): calls f(args...), and is NULL, the value of a panic in it, or what f returns
 * if that is an error. Arguments as for go.
 */
#ifndef GORT_NO_PANIC
#define panic(...)      GORT_CAT(GORT_PANIC, GORT_ONE(__VA_ARGS__))(__COUNTER__, __VA_ARGS__)
#define protect(f, ...) GORT_PROTECT(__COUNTER__, f __VA_OPT__(, ) __VA_ARGS__)
#endif
/* 1 for one argument, M for more. */
#define GORT_ONE(...) GORT_N_(0, __VA_ARGS__, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, 1, 0)
/* A literal is a static error: nothing is allocated. */
#define GORT_PANIC1(k, x)                                                                         \
	__extension__({                                                                           \
		static const struct gort_texterror GORT_CAT(p_, k) = {                            \
			{&gort_errortype_text}, __builtin_choose_expr(GORT_LITERAL(x), x, NULL)}; \
		if (GORT_LITERAL(x))                                                              \
			gort_panic(&GORT_CAT(p_, k).base);                                        \
		else                                                                              \
			_Generic((x), gort_error                                        \
				 : gort_panic, const char *                             \
				 : gort_panictext, char *                               \
				 : gort_panictext)(x);         \
	})
#define GORT_LITERAL(x)     (__builtin_classify_type(x) == 5 && __builtin_constant_p(x))
#define GORT_PANICM(k, ...) gort_panicf(__VA_ARGS__)
#define GORT_PROTECT(k, f, ...)                                                        \
	__extension__({                                                                \
		GORT_CALLCHECK(f __VA_OPT__(, ) __VA_ARGS__)                           \
		struct gort_call GORT_CAT(call_, k);                                   \
		GORT_FILL(&GORT_CAT(call_, k), f __VA_OPT__(, ) __VA_ARGS__)           \
		__builtin_types_compatible_p(__typeof__((f)(__VA_ARGS__)), gort_error) \
			? gort_protect_error(&GORT_CAT(call_, k))                      \
			: gort_protect(&GORT_CAT(call_, k));                           \
	})

/* ---- channels ---- */

/*
 * chan(T) is the pointer type T *(*)(struct gort_chan_tag): every mention of chan(int) is the
 * same type in every file, chan(int) for chan(long) is a compile error, and typeof gives T back.
 * It is never called.
 */
#define chan(T)      __typeof__(__typeof__(T) *(*)(struct gort_chan_tag))
#define GORT_ELEM(c) __typeof__(*(c)((struct gort_chan_tag){0}))
#define GORT_CH(c)   ((struct gort_chan *)(uintptr_t)(c))

#define make_chan(T, n) ((chan(T))(uintptr_t)gort_chan_make(sizeof(T), (n)))
#define chan_len(c)     gort_chan_len(GORT_CH(c))
#define chan_cap(c)     gort_chan_cap(GORT_CH(c))

/* chan_send(c, value): c <- value */
#define chan_send(c, ...) GORT_SEND(__COUNTER__, c, __VA_ARGS__)
#define GORT_SEND(k, c, ...)                                                \
	__extension__({                                                     \
		__auto_type GORT_CAT(c_, k) = (c);                          \
		GORT_ELEM(GORT_CAT(c_, k)) GORT_CAT(v_, k) = (__VA_ARGS__); \
		gort_chan_send(GORT_CH(GORT_CAT(c_, k)), &GORT_CAT(v_, k)); \
	})

/* chan_recv(c): <-c, the zero value once c is closed and empty */
#define chan_recv(c) GORT_RECV(__COUNTER__, c)
#define GORT_RECV(k, c)                                                     \
	__extension__({                                                     \
		__auto_type GORT_CAT(c_, k) = (c);                          \
		GORT_ELEM(GORT_CAT(c_, k)) GORT_CAT(v_, k);                 \
		gort_chan_recv(GORT_CH(GORT_CAT(c_, k)), &GORT_CAT(v_, k)); \
		GORT_CAT(v_, k);                                            \
	})

/* chan_recv_ok(c, &v): v, ok := <-c */
#define chan_recv_ok(c, p) GORT_RECVOK(__COUNTER__, c, p)
#define GORT_RECVOK(k, c, p)                                               \
	__extension__({                                                    \
		__auto_type GORT_CAT(c_, k) = (c);                         \
		GORT_ELEM(GORT_CAT(c_, k)) * GORT_CAT(p_, k) = (p);        \
		gort_chan_recv(GORT_CH(GORT_CAT(c_, k)), GORT_CAT(p_, k)); \
	})

#define chan_close(c) GORT_CLOSE(__COUNTER__, c)
#define GORT_CLOSE(k, c)                                   \
	__extension__({                                    \
		__auto_type GORT_CAT(c_, k) = (c);         \
		(void)sizeof(GORT_ELEM(GORT_CAT(c_, k)));  \
		gort_chan_close(GORT_CH(GORT_CAT(c_, k))); \
	})

/* chan_range (v, c) statement: for v := range c */
#define chan_range(v, c) GORT_CRANGE(__COUNTER__, v, c)
#define GORT_CRANGE(k, v, c)                                                       \
	for (struct gort_chan * GORT_CAT(c_, k) = GORT_CH(c),                      \
					     **GORT_CAT(o_, k) = &GORT_CAT(c_, k); \
		GORT_CAT(o_, k); GORT_CAT(o_, k) = nil)                            \
		for (GORT_ELEM(c) v GORT_UNUSED; gort_chan_recv(GORT_CAT(c_, k), &v);)

/* ---- timers and tickers: gort/time.h ---- */

#ifndef GORT_NO_TIME
#define time_now       gort_now
#define time_since     gort_since
#define time_until     gort_until
#define new_timer      gort_timer_new
#define timer_stop     gort_timer_stop
#define timer_reset    gort_timer_reset
#define timer_free     gort_timer_free
#define new_ticker     gort_ticker_new
#define ticker_stop    gort_ticker_stop
#define ticker_reset   gort_ticker_reset
#define ticker_free    gort_ticker_free
#define timer_chan(t)  GORT_TIMECHAN(gort_timer_chan(t))
#define ticker_chan(t) GORT_TIMECHAN(gort_ticker_chan(t))
#define time_after(d)  GORT_TIMECHAN(gort_after(d))
#define time_tick(d)   GORT_TIMECHAN(gort_tick(d))
/* time_after_func(d, f, args...): in d from now, go(f, args...). Arguments are evaluated now. */
#define time_after_func(d, f, ...) GORT_AFTERFUNC(__COUNTER__, d, f __VA_OPT__(, ) __VA_ARGS__)
#endif
#define GORT_TIMECHAN(c) ((chan(gort_time))(uintptr_t)(c))
#define GORT_AFTERFUNC(k, d, f, ...)                                         \
	__extension__({                                                      \
		gort_duration GORT_CAT(d_, k) = (d);                         \
		GORT_CALLCHECK(f __VA_OPT__(, ) __VA_ARGS__)                 \
		struct gort_call GORT_CAT(call_, k);                         \
		GORT_FILL(&GORT_CAT(call_, k), f __VA_OPT__(, ) __VA_ARGS__) \
		gort_after_func(GORT_CAT(d_, k), &GORT_CAT(call_, k));       \
	})

/* ---- errors and contexts: gort/error.h, gort/context.h ---- */

#ifndef GORT_NO_ERROR
#define error        gort_error
#define error_new    gort_error_new
#define error_text   gort_error_text
#define error_is     gort_error_is
#define error_unwrap gort_error_unwrap
/* errorf(format, ...): formatted as by printf. */
#define errorf gort_errorf
/* error_wrap(err, format, ...): "<text>: <text of err>", see gort_error_wrap. */
#define error_wrap(err, ...) \
	GORT_CAT(GORT_WRAP, GORT_ONE(__VA_ARGS__))(__COUNTER__, err, __VA_ARGS__)
/* error_join(errs...): up to 12; Go's errors.Join. */
#define error_join(...) gort_error_join((const gort_error[]){__VA_ARGS__}, GORT_N(__VA_ARGS__))
/* error_as(err, T, name): Go's errors.As, as a const T *: NULL when there is none. */
#define error_as(err, T, name) ((const T *)gort_error_as((err), &gort_errortype_##name))
/* error_make(T, name, .field = value ...): an error of T, whose first field is named base. */
#define error_make(T, name, ...) GORT_ERRORMAKE(__COUNTER__, T, name __VA_OPT__(, ) __VA_ARGS__)
#endif
/* A literal without a conversion need neither be formatted nor copied. */
#define GORT_WRAP1(k, err, text)                                                                   \
	(GORT_LITERAL(text) && !__builtin_strchr((text), '%') ? gort_error_wraptext((err), (text)) \
							      : gort_error_wrap((err), (text)))
#define GORT_WRAPM(k, err, ...) gort_error_wrap((err), __VA_ARGS__)
#define GORT_ERRORMAKE(k, T, name, ...)                                                   \
	__extension__({                                                                   \
		T *GORT_CAT(e_, k) = gort_new(T);                                         \
		*GORT_CAT(e_, k) =                                                        \
			(T){.base = {&gort_errortype_##name} __VA_OPT__(, ) __VA_ARGS__}; \
		(gort_error) & GORT_CAT(e_, k)->base;                                     \
	})
#ifndef GORT_NO_CONTEXT
#define context               gort_context
#define ctx_canceled          gort_ctx_canceled
#define ctx_deadline_exceeded gort_ctx_deadline_exceeded
#define ctx_background        gort_ctx_background
#define ctx_todo              gort_ctx_todo
#define ctx_with_cancel       gort_ctx_with_cancel
#define ctx_with_value        gort_ctx_with_value
#define ctx_without_cancel    gort_ctx_without_cancel
#define ctx_err               gort_ctx_err
#define ctx_cause             gort_ctx_cause
#define ctx_deadline          gort_ctx_deadline
#define ctx_value             gort_ctx_value
#define ctx_retain            gort_ctx_retain
#define ctx_release           gort_ctx_release
#define cancel_now            gort_cancel_now
#define cancel_cause          gort_cancel_cause
#define stop_now              gort_stop_now
#define stop_free             gort_stop_free
/* Go's WithDeadline and WithTimeout; with _cause, the cause of an expiry. */
#define ctx_with_deadline(parent, d, cancel) gort_ctx_with_deadline(parent, d, nil, cancel)
#define ctx_with_timeout(parent, d, cancel)  gort_ctx_with_timeout(parent, d, nil, cancel)
#define ctx_with_deadline_cause              gort_ctx_with_deadline
#define ctx_with_timeout_cause               gort_ctx_with_timeout
#define ctx_done(ctx)                        ((chan(char))(uintptr_t)gort_ctx_done(ctx))
/* ctx_after_func(ctx, &stop or nil, f, args...): when ctx is cancelled, go(f, args...). */
#define ctx_after_func(ctx, stop, f, ...) \
	GORT_CTXAFTER(__COUNTER__, ctx, stop, f __VA_OPT__(, ) __VA_ARGS__)
#endif
#define GORT_CTXAFTER(k, ctx, stop, f, ...)                                                      \
	__extension__({                                                                          \
		gort_context GORT_CAT(ctx_, k) = (ctx);                                          \
		struct gort_stop **GORT_CAT(stop_, k) = (stop);                                  \
		GORT_CALLCHECK(f __VA_OPT__(, ) __VA_ARGS__)                                     \
		struct gort_call GORT_CAT(call_, k);                                             \
		GORT_FILL(&GORT_CAT(call_, k), f __VA_OPT__(, ) __VA_ARGS__)                     \
		gort_ctx_after_func(GORT_CAT(ctx_, k), &GORT_CAT(call_, k), GORT_CAT(stop_, k)); \
	})

/* ---- select ---- */

/*
 *	select {
 *		case_recv (c, v) { use(v); }           case v := <-c
 *		case_recv (d, v, ok) { use(v, ok); }   case v, ok := <-d
 *		case_recv (e) { }                      case <-e; case_done is the same
 *		case_send (f, value) { }               case f <- value
 *		case_after (50 * ms) { }               case <-time.After(50 * time.Millisecond)
 *		case_default { }                       default
 *	}
 *
 * Go's select. Channels, values and durations are evaluated once, in order, also those of cases
 * that are not taken. A case may stand under an if, whose condition is evaluated twice. break and
 * return do what they do in Go. continue differs: it leaves the select only, and goes on below it.
 * Nothing but cases may stand directly in the braces: it would run twice. When every case returns,
 * a function still needs a return at its end.
 *
 * It is a loop of two turns: in the first each case registers itself, in the second the chosen one
 * is a loop of one turn, the others of none. The name of the state is fixed, hence the pragmas:
 * selects nest.
 */
#define GORT_SELECT                                                                               \
	_Pragma("GCC diagnostic push") _Pragma(                                                   \
		"GCC diagnostic ignored \"-Wshadow\"") for (struct gort_select gort_sel_,         \
							    *gort_selp_ =                         \
								    gort_select_init(&gort_sel_); \
							    gort_select_next(gort_selp_);)        \
		_Pragma("GCC diagnostic pop")
#ifndef GORT_NO_SELECT
#define select GORT_SELECT
#endif

/* The id of a case is k + 1. reg registers it and is 0. */
#define GORT_CASE(k, reg)                                                                     \
	for (int GORT_CAT(t_, k) = gort_sel_.pass == 1 ? (reg) : gort_sel_.chosen == (k) + 1; \
		GORT_CAT(t_, k); GORT_CAT(t_, k) = 0)
/* A variable of the case's body. */
#define GORT_CASEVAR(k, T, v, value) \
	for (T v GORT_UNUSED = (value); GORT_CAT(t_, k); GORT_CAT(t_, k) = 0)
#define GORT_CASEVALUE(k, c)                                                    \
	__extension__({                                                         \
		GORT_ELEM(c) GORT_CAT(v_, k);                                   \
		memcpy(&GORT_CAT(v_, k), gort_sel_.v, sizeof(GORT_CAT(v_, k))); \
		GORT_CAT(v_, k);                                                \
	})
#define case_recv(c, ...) \
	GORT_CAT(GORT_CASERECV, GORT_N(__VA_ARGS__))(__COUNTER__, c __VA_OPT__(, ) __VA_ARGS__)
#define GORT_CASERECV0(k, c) GORT_CASERECV(k, c, 0)
#define GORT_CASERECV1(k, c, v)                   \
	GORT_CASERECV(k, c, sizeof(GORT_ELEM(c))) \
	GORT_CASEVAR(k, GORT_ELEM(c), v, GORT_CASEVALUE(k, c))
#define GORT_CASERECV2(k, c, v, open)             \
	GORT_CASERECV(k, c, sizeof(GORT_ELEM(c))) \
	GORT_CASEVAR(k, bool, open, gort_sel_.ok) \
	GORT_CASEVAR(k, GORT_ELEM(c), v, GORT_CASEVALUE(k, c))
#define GORT_CASERECV(k, c, size)                                                      \
	GORT_CASE(k, __extension__({                                                   \
		__auto_type GORT_CAT(c_, k) = (c);                                     \
		(void)sizeof(GORT_ELEM(GORT_CAT(c_, k)));                              \
		gort_select_recv(&gort_sel_, (k) + 1, GORT_CH(GORT_CAT(c_, k)), size); \
	}))
#define case_done(c) case_recv(c)

#define case_send(c, ...) GORT_CASESEND(__COUNTER__, c, __VA_ARGS__)
#define GORT_CASESEND(k, c, ...)                                                                  \
	GORT_CASE(k, __extension__({                                                              \
		__auto_type GORT_CAT(c_, k) = (c);                                                \
		GORT_ELEM(GORT_CAT(c_, k)) GORT_CAT(v_, k) = (__VA_ARGS__);                       \
		gort_select_send(&gort_sel_, (k) + 1, GORT_CH(GORT_CAT(c_, k)), &GORT_CAT(v_, k), \
			sizeof(GORT_CAT(v_, k)));                                                 \
	}))
#define case_after(d) GORT_CASEAFTER(__COUNTER__, d)
#define GORT_CASEAFTER(k, d) \
	GORT_CASE(k, gort_select_add(&gort_sel_, (k) + 1, GORT_CASE_AFTER, nil, nil, (d)))
#define case_default        GORT_CASEDEFAULT(__COUNTER__)
#define GORT_CASEDEFAULT(k) GORT_CASE(k, gort_select_default(&gort_sel_, (k) + 1))

/* ---- interfaces: gort/iface.h ---- */

#ifndef GORT_NO_IFACE
#define any gort_any
/* any_of(x): a number, bool, string or error as an any. any_ptr(T, p): a T *, of GORT_DYNTYPE. */
#define any_of(x)     GORT_ANYOF(__COUNTER__, x)
#define any_ptr(T, p) GORT_ANYPTR(__COUNTER__, T, p)
/* any_copy(T, value): of GORT_VALUETYPE, copied. */
#define any_copy(T, ...) gort_any_make(&gort_itype_##T, (const T[1]){__VA_ARGS__})
#define any_equal        gort_any_equal
/* as_iface(I, T, p): the T * p as an I; a compile error unless GORT_IMPL(I, T) is there. */
#define as_iface(I, T, p) GORT_ASIFACE(__COUNTER__, I, T, p)
/* call_method(i, method, args...): a fault if i is nil. */
#define call_method(i, method, ...) GORT_CALL(__COUNTER__, i, method __VA_OPT__(, ) __VA_ARGS__)
/* iface_any(i): an interface as an any. iface_nil(i): i == nil. iface_equal(i, j): i == j. */
#define iface_any(i)      GORT_IFACEANY(__COUNTER__, i)
#define iface_nil(i)      GORT_IFACENIL(__COUNTER__, i)
#define iface_equal(i, j) gort_any_equal(iface_any(i), iface_any(j))
/* assert_type(T, i): i.(*T) as a T *; assert_ok(T, i, &p): p, ok := i.(*T). i may be an any. */
#define assert_type(T, i)  GORT_ASSERT(__COUNTER__, T, i)
#define assert_ok(T, i, p) GORT_ASSERTOK(__COUNTER__, T, i, p)
/* assert_iface(I, i): i.(I); assert_iface_ok(I, i, &j): j, ok := i.(I). i may be an any. */
#define assert_iface(I, i)       GORT_ASSERTI(__COUNTER__, I, i)
#define assert_iface_ok(I, i, j) GORT_ASSERTIOK(__COUNTER__, I, i, j)
/*
 * type_switch (i) { case_type (T, p) {} case_iface (I, j) {} case_nil {} case_other {} }:
 * Go's switch i.(type); the first that fits. p is a T *, j an I. break ends it; continue does, too,
 * and goes on below it.
 */
#define type_switch(i)   GORT_TYPESWITCH(i)
#define case_type(T, p)  GORT_CASETYPE(__COUNTER__, T, p)
#define case_iface(I, j) GORT_CASEIFACE(__COUNTER__, I, j)
#define case_nil         GORT_CASEIF(__COUNTER__, !gort_ts_.a.type)
#define case_other       GORT_CASEIF(__COUNTER__, true)
#endif

/* ---- printing ---- */

static inline struct gort_arg gort_arg_int(long long x)
{
	return (struct gort_arg){GORT_ARG_INT, {.i = x}, 0};
}

static inline struct gort_arg gort_arg_uint(unsigned long long x)
{
	return (struct gort_arg){GORT_ARG_UINT, {.u = x}, 0};
}

static inline struct gort_arg gort_arg_double(double x)
{
	return (struct gort_arg){GORT_ARG_DOUBLE, {.d = x}, 0};
}

static inline struct gort_arg gort_arg_float(float x)
{
	return (struct gort_arg){GORT_ARG_FLOAT, {.d = (double)x}, 0};
}

static inline struct gort_arg gort_arg_error(gort_error x)
{
	return (struct gort_arg){GORT_ARG_ERROR, {.p = (const char *)x}, 0};
}

static inline struct gort_arg gort_arg_any(gort_any x)
{
	return (struct gort_arg){
		GORT_ARG_ANY, {.p = (const char *)x.data}, (gort_isize)(uintptr_t)x.type};
}

static inline struct gort_arg gort_arg_strings(gort_strings x)
{
	return (struct gort_arg){GORT_ARG_STRINGS, {.p = (const char *)x.ptr}, x.len};
}

static inline struct gort_arg gort_arg_bytes(gort_bytes x)
{
	return (struct gort_arg){GORT_ARG_BYTES, {.p = (const char *)x.ptr}, x.len};
}

static inline struct gort_arg gort_arg_runes(gort_runes x)
{
	return (struct gort_arg){GORT_ARG_RUNES, {.p = (const char *)x.ptr}, x.len};
}

static inline struct gort_arg gort_arg_cstring(const char *x)
{
	return (struct gort_arg){GORT_ARG_CSTRING, {.p = x}, 0};
}

static inline struct gort_arg gort_arg_string(gort_string x)
{
	return (struct gort_arg){GORT_ARG_STRING, {.p = x.ptr}, x.len};
}

static inline struct gort_arg gort_arg_bool(bool x)
{
	return (struct gort_arg){GORT_ARG_BOOL, {.i = x}, 0};
}

static inline struct gort_arg gort_arg_pointer(const void *x)
{
	return (struct gort_arg){GORT_ARG_POINTER, {.p = (const char *)x}, 0};
}

/* clang-format off */
#define GORT_A(x) _Generic((x), bool: gort_arg_bool, char: gort_arg_int,                \
	signed char: gort_arg_int, unsigned char: gort_arg_uint, short: gort_arg_int,   \
	unsigned short: gort_arg_uint, int: gort_arg_int, unsigned: gort_arg_uint,      \
	long: gort_arg_int, unsigned long: gort_arg_uint, long long: gort_arg_int,      \
	unsigned long long: gort_arg_uint, float: gort_arg_float,                       \
	double: gort_arg_double, char *: gort_arg_cstring,                              \
	const char *: gort_arg_cstring, gort_string: gort_arg_string,                   \
	gort_error: gort_arg_error, gort_any: gort_arg_any,                             \
	gort_strings: gort_arg_strings,                                                 \
	gort_bytes: gort_arg_bytes, gort_runes: gort_arg_runes,                         \
	default: gort_arg_pointer)(x)
/* clang-format on */
#define GORT_ARGS(...)                                       \
	(const struct gort_arg[GORT_N(__VA_ARGS__) + 1])     \
	{                                                    \
		GORT_LIST(GORT_A __VA_OPT__(, ) __VA_ARGS__) \
	}
/*
 * println(values...), print(values...): to stdout, up to 16 values, nothing between; see fmt.h.
 * eprintln(values...): to stderr. sprint(values...): as a string. builder_print(&b, values...):
 * appended.
 */
#ifndef GORT_NO_PRINT
#define eprintln(...)         gort_eprint(GORT_ARGS(__VA_ARGS__), GORT_N(__VA_ARGS__), true)
#define sprint(...)           gort_sprint(GORT_ARGS(__VA_ARGS__), GORT_N(__VA_ARGS__))
#define builder_print(b, ...) gort_builder_args((b), GORT_ARGS(__VA_ARGS__), GORT_N(__VA_ARGS__))
#define println(...)          gort_print(GORT_ARGS(__VA_ARGS__), GORT_N(__VA_ARGS__), true)
#define print(...)            gort_print(GORT_ARGS(__VA_ARGS__), GORT_N(__VA_ARGS__), false)
#endif

#endif
