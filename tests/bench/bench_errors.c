/* SPDX-License-Identifier: BSD-2-Clause */
/* bench_errors.c - defer, panic, errors, interfaces, contexts; go/errors.go in C. */
#include "bench.h"

static void count(long *n)
{
	++*n;
}

static __attribute__((noinline)) void deferring(long *n)
{
	defer(count, n);
}

static void defers(long n)
{
	long sum = 0;
	for (long i = 0; i < n; i++)
		deferring(&sum);
}

static __attribute__((noinline)) void count_out(long *n)
{
	++*n;
	__asm__ volatile("" ::: "memory");
}

static __attribute__((noinline)) void deferring_out(long *n)
{
	defer(count_out, n);
}

static void defers_out(long n)
{
	long sum = 0;
	for (long i = 0; i < n; i++)
		deferring_out(&sum);
}

/* ---- panic ---- */

static void rescue(void)
{
	(void)gort_recover();
}

static __attribute__((noinline)) void deep(int depth)
{
	if (depth > 1)
		deep(depth - 1);
	else if (depth == 1)
		panic("boom");
	__asm__ volatile("" ::: "memory");
}

static void rescued(int depth)
{
	defer(rescue);
	deep(depth);
}

static void panic_recover(long n)
{
	for (long i = 0; i < n; i++)
		(void)protect(rescued, 1);
}

static void panic_recover_10(long n)
{
	for (long i = 0; i < n; i++)
		(void)protect(rescued, 10);
}

/* ---- errors ---- */

GORT_SENTINEL(err_base, "base");

struct bench_error {
	struct gort_errorobj base;
	long code;
};

static const char *bench_text(error err)
{
	(void)err;
	return "bench";
}

GORT_ERROR_TYPE(bench_error, .text = bench_text);

static error wrapped(error err)
{
	return error_wrap(error_wrap(error_wrap(err, "a"), "b"), "c");
}

static void errors_is(long n)
{
	error err = wrapped(err_base);
	long found = 0;
	for (long i = 0; i < n; i++) {
		found += error_is(err, err_base);
		__asm__ volatile("" : "+r"(err));
	}
	if (found != n)
		panic("errors_is: %ld of %ld", found, n);
}

static void errors_as(long n)
{
	error err = wrapped(error_make(struct bench_error, bench_error, .code = 1));
	long found = 0;
	for (long i = 0; i < n; i++) {
		found += error_as(err, struct bench_error, bench_error)->code;
		__asm__ volatile("" : "+r"(err));
	}
	if (found != n)
		panic("errors_as: %ld of %ld", found, n);
}

static void wrap(long n)
{
	for (long i = 0; i < n; i++) {
		error err = error_wrap(err_base, "open");
		__asm__ volatile("" ::"r"(err));
	}
}

/* ---- interfaces ---- */

#define adder_methods(SELF)        \
	long (*add)(SELF *, long); \
	long (*raise)(SELF *, long)
GORT_INTERFACE(adder);

typedef struct counter {
	long n;
} counter;

static __attribute__((noinline)) long counter_add(counter *c, long n)
{
	__asm__ volatile("" : "+r"(n));
	return c->n + n;
}

static __attribute__((noinline)) long counter_raise(counter *c, long n)
{
	c->n += n;
	return c->n;
}

GORT_DYNTYPE(counter);
GORT_IMPL(adder, counter, counter_add, counter_raise);

/* The interface is read anew at each call, as Go reads its global. */
static inline __attribute__((always_inline)) void add(adder *a)
{
	__asm__ volatile("" : "+r"(a->tab));
	call_method(*a, add, 1);
}

static inline __attribute__((always_inline)) void raise_it(adder *a)
{
	__asm__ volatile("" : "+r"(a->tab));
	call_method(*a, raise, 1);
}

static void iface_call(long n)
{
	counter c = {0};
	adder a = as_iface(adder, counter, &c);
	for (long i = 0; i < n; i += 8)
		add(&a), add(&a), add(&a), add(&a), add(&a), add(&a), add(&a), add(&a);
}

static void iface_write(long n)
{
	counter c = {0};
	adder a = as_iface(adder, counter, &c);
	for (long i = 0; i < n; i += 8) {
		raise_it(&a), raise_it(&a), raise_it(&a), raise_it(&a);
		raise_it(&a), raise_it(&a), raise_it(&a), raise_it(&a);
	}
}

static void assertion(long n)
{
	counter c = {1};
	any a = any_ptr(counter, &c);
	long sum = 0;
	for (long i = 0; i < n; i++) {
		__asm__ volatile("" : "+r"(a.type));
		sum += assert_type(counter, a)->n;
	}
	__asm__ volatile("" ::"r"(sum));
}

static void assert_method(long n)
{
	counter c = {1};
	adder a = as_iface(adder, counter, &c);
	long sum = 0;
	for (long i = 0; i < n; i++) {
		__asm__ volatile("" : "+r"(a.tab));
		sum += assert_type(counter, a)->n;
	}
	__asm__ volatile("" ::"r"(sum));
}

static void assert_to_iface(long n)
{
	counter c = {1};
	any a = any_ptr(counter, &c);
	for (long i = 0; i < n; i++) {
		__asm__ volatile("" : "+r"(a.type));
		adder to = assert_iface(adder, a);
		__asm__ volatile("" ::"r"(to.tab), "r"(to.data));
	}
}

/* ---- contexts ---- */

static void with_cancel(long n)
{
	for (long i = 0; i < n; i++) {
		struct gort_cancel *cancel;
		context ctx = ctx_with_cancel(ctx_background(), &cancel);
		cancel_now(cancel);
		ctx_release(ctx);
	}
}

const struct bench error_benches[] = {
	{.id = "defer", .run = defers},
	{.id = "defer_noinline", .run = defers_out},
	{.id = "panic_recover", .run = panic_recover},
	{.id = "panic_recover_10", .run = panic_recover_10},
	{.id = "errors_is", .run = errors_is},
	{.id = "errors_as", .run = errors_as},
	{.id = "error_wrap", .run = wrap},
	{.id = "iface_call", .run = iface_call},
	{.id = "iface_call_write", .run = iface_write},
	{.id = "assert", .run = assertion},
	{.id = "assert_method", .run = assert_method},
	{.id = "assert_to_iface", .run = assert_to_iface},
	{.id = "context_with_cancel", .run = with_cancel},
	{0},
};
