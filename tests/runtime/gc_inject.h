/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gc_inject.h - stops of the collector at chosen instructions of an operation: gc_inject.c is the
 * engine, gc_inject_ops.c has the operations.
 */
#ifndef GORT_TESTS_RUNTIME_GC_INJECT_H
#define GORT_TESTS_RUNTIME_GC_INJECT_H

#include <gort/go.h>
#include <stdbool.h>
#include <stdint.h>

#define MAGIC 0x600dc0de600dc0de

struct node {
	uint64_t magic;
	struct node *p, *q;
	struct node *more[5]; /* what moves within one object */
	uint64_t id;
};

/*
 * The graph before an operation: a->p is the only pointer to x, x->p that to y; b is empty. No
 * other word of the program has the address of x or y. Both a and b are objects.
 */
typedef void operation(struct node *a, struct node *b);

struct op {
	const char *name;
	operation *run;
	bool reader;    /* another goroutine loads a->p between the pauses, and keeps it */
	bool lost;      /* it breaks a rule: some stop must lose an object */
	bool enters;    /* calls what is not allowed between gort_blocking_begin and _end */
	bool goroutine; /* nor in a thread that is no goroutine */
};

extern const struct op ops[], hooked_ops[];
extern const int nops, nhooked_ops;

/*
 * The pauses come between begin and end. After a call that may have switched to another goroutine
 * it begins again.
 */
static inline __attribute__((always_inline)) void inject_begin(void)
{
	/* The first trap comes after the instruction behind popfq. */
	__asm__ volatile("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\tnop" : : : "memory", "cc");
}

static inline __attribute__((always_inline)) void inject_end(void)
{
	__asm__ volatile("pushfq\n\tandl $~0x100, (%%rsp)\n\tpopfq" : : : "memory", "cc");
}

/*
 * Waits until the collection has ended and what it frees is overwritten; then x, which is in the
 * graph, must be there, or what has the address ~hidden.
 */
void inject_done(const struct node *x);
void inject_hidden(uintptr_t hidden);
/* Whether that is so. */
bool inject_over(void);
/* Waits for a goroutine that an operation has started: it calls inject_carried. */
void inject_await(void);
void inject_carried(void);

/* Overwrites what calls have left below on the stack, and in registers. */
void inject_wipe(void);

#endif
