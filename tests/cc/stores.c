/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stores.c - every form of a store that C has, compiled by gort-cc and linked with fake.c: while
 * the flag is set, each logs what it overwrites.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"

#define N 37
static void *slots[N], *olds[N];
static char targets[2 * N];
static int failed;

/* Volatile: the program itself has no reason to believe that anybody reads the flag. */
static void set_flag(uint32_t on)
{
	*(volatile uint32_t *)&gort_writebarrier = on;
}

static void begin(void)
{
	for (int i = 0; i < N; i++)
		slots[i] = olds[i] = &targets[i];
	nlogged = 0;
	__asm__ volatile("" : : : "memory"); /* else these stores and the next become one */
	set_flag(1);
}

static bool logs(const void *p)
{
	for (int i = 0; i < nlogged; i++)
		if (logged[i] == p)
			return true;
	return false;
}

/* The first n words of slots have been overwritten. More may be logged: what lay on the stack. */
static void end(const char *what, int n)
{
	set_flag(0);
	for (int i = 0; i < n; i++)
		if (!logs(olds[i]))
			failed = printf("%s: word %d is not logged\n", what, i) > 0;
}

#define CHECK(n, ...)                                                        \
	do {                                                                 \
		begin();                                                     \
		__VA_ARGS__;                                                 \
		end(#__VA_ARGS__, n);                                        \
		if ((n) > 0 && slots[0] == olds[0])                          \
			failed = printf("%s: not done\n", #__VA_ARGS__) > 0; \
	} while (0)

static __attribute__((noinline)) void plain(void **slot, void *v)
{
	*slot = v;
}

static __attribute__((noinline)) void clear(void **p, long n)
{
	for (long i = 0; i < n; i++)
		p[i] = NULL;
}

static __attribute__((noinline)) void copy(void **restrict p, void **restrict q, long n)
{
	for (long i = 0; i < n; i++)
		p[i] = q[i];
}

static __attribute__((noinline)) void fill(void **p, void *v)
{
	for (long i = 0; i < 32; i++)
		p[i] = v;
}

static __attribute__((noinline)) void pair(struct two *p, void *a, void *b)
{
	p->a = a;
	p->b = b;
}

static __attribute__((noinline)) void assign(struct five *p, const struct five *q)
{
	*p = *q;
}

static __attribute__((noinline)) void zero(struct five *p)
{
	*p = (struct five){{NULL}};
}

static __attribute__((noinline)) void swap(void **a, void **b)
{
	void *t = *a;
	*a = *b;
	*b = t;
}

struct __attribute__((packed)) odd {
	char c;
	void *p;
};

typedef void *volatile vslot;

static void plain_stores(void *v)
{
	struct five f = {{v, v, v, v, v}};
	CHECK(1, plain(slots, v));
	CHECK(1, *(vslot *)slots = v);
	CHECK(2, pair((struct two *)slots, v, v));
	CHECK(5, assign((struct five *)slots, &f));
	CHECK(5, zero((struct five *)slots));
	CHECK(2, swap(&slots[0], &slots[1]));
	CHECK(N, clear(slots, N));
	CHECK(32, fill(slots, v));
	void *others[N] = {v};
	CHECK(N, copy(slots, others, N));
	CHECK(2, ((struct odd *)slots)->p = v);
	CHECK(1, ((char *)slots)[1] = 99);
	CHECK(1, *(int *)slots = 99);
}

static void calls(void *v)
{
	struct two t;
	struct five f;
	void *others[N] = {v};
	CHECK(2, t = make_two(v, v); *(struct two *)slots = t);
	CHECK(5, f = make_five(v); *(struct five *)slots = f);
	CHECK(3, memcpy(slots, others, 24));
	CHECK(N, memcpy(slots, others, sizeof(slots)));
	CHECK(4, __builtin_memcpy(slots, others, 32));
	CHECK(8, memset(slots, 0, 64));
	CHECK(8, __builtin_memset(slots, 0, 64));
	CHECK(5, memmove(slots, slots + 1, 40));
}

static void atomics(void *v)
{
	_Atomic(void *) *p = (_Atomic(void *) *)slots;
	void *old = olds[0];
	CHECK(1, atomic_store(p, v));
	CHECK(1, atomic_store_explicit(p, v, memory_order_relaxed));
	CHECK(1, if (atomic_exchange(p, v) != olds[0]) failed = 1);
	CHECK(1, if (!atomic_compare_exchange_strong(p, &old, v)) failed = 1);
	CHECK(1, (void)__sync_lock_test_and_set(slots, v));
	CHECK(1, __atomic_fetch_add((uintptr_t *)slots, 8, __ATOMIC_RELAXED));
	if (atomic_load(p) != (char *)olds[0] + 8)
		failed = 1;
	set_flag(1);
	nlogged = 0;
	if (atomic_load(p) == v || nlogged > 0)
		failed = 1;
	set_flag(0);
}

/* The slot is pending after a store, for a stop between hook and store. */
static void pending(void *v)
{
	plain(&slots[3], v);
	if (gort_pending != (uintptr_t)&slots[3])
		failed = printf("the slot is not pending\n") > 0;
}

int main(void)
{
	void *v = &targets[N];
	plain_stores(v);
	calls(v);
	atomics(v);
	pending(v);
	return failed;
}
