/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gc_inject_ops.c - operations into whose steps gc_inject.c puts the collector's pauses.
 *
 * Compiled twice: as it is, and with the compiler's hooks, as gort-cc does it, where a store is
 * written as one (HOOKED). Below the operations that must lose nothing are some that break a rule
 * of HACKING.md, "Stores and the collector", and must be found out.
 *
 * Nothing here may be inlined into the caller: what an operation does not hold any more must not
 * stay on its stack.
 */
#include <string.h>

#include "gc_inject.h"

#ifdef HOOKED
#define STORE(slot, v) (*(slot) = (v))
#else
#define STORE(slot, v) gort_store(slot, v)
#endif

#define OP static __attribute__((noinline)) void

/* Neither a register has what was computed before, nor the 128 bytes below the stack pointer. */
#define FORGET()                                                                                 \
	__asm__ volatile("leaq -128(%%rsp), %%rdi\n\tmovl $16, %%ecx\n\txorl %%eax, %%eax\n\t"   \
			 "rep stosq\n\txorl %%ecx, %%ecx\n\txorl %%edx, %%edx\n\t"               \
			 "xorl %%esi, %%esi\n\txorl %%edi, %%edi\n\txorl %%ebx, %%ebx\n\t"       \
			 "xorl %%r8d, %%r8d\n\txorl %%r9d, %%r9d\n\txorl %%r10d, %%r10d\n\t"     \
			 "xorl %%r11d, %%r11d\n\txorl %%r12d, %%r12d\n\txorl %%r13d, %%r13d\n\t" \
			 "xorl %%r14d, %%r14d\n\txorl %%r15d, %%r15d\n\tpxor %%xmm0, %%xmm0"     \
			 :                                                                       \
			 :                                                                       \
			 : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",   \
			 "r12", "r13", "r14", "r15", "xmm0", "memory", "cc")

/* ---- stores ---- */

/* The only pointer goes from one object to another. */
OP move(struct node *a, struct node *b)
{
	inject_begin();
	struct node *x = a->p;
	STORE(&a->p, NULL);
	STORE(&b->q, x);
	inject_end();
	inject_done(x);
}

/* The same, with what it points to: neither object was ever looked at. */
OP unlink_one(struct node *a, struct node *b)
{
	inject_begin();
	struct node *y = a->p->p;
	STORE(&a->p, y);
	STORE(&b->q, y);
	inject_end();
	inject_done(y);
}

/* Nobody here knows what was overwritten; a reader may. */
OP overwrite(struct node *a, struct node *b)
{
	inject_begin();
	STORE(&a->p, b);
	inject_end();
	inject_done(NULL);
}

/* Only a vector register has it, then only the 128 bytes below the stack pointer. */
static inline __attribute__((always_inline)) struct node *through_registers(struct node *x)
{
	__asm__ volatile("movq %0, %%xmm9\n\txorl %%ecx, %%ecx\n\txorl %%edx, %%edx\n\t"
			 "xorl %%esi, %%esi\n\txorl %%edi, %%edi\n\txorl %%ebx, %%ebx\n\t"
			 "xorl %%r8d, %%r8d\n\txorl %%r9d, %%r9d\n\txorl %%r10d, %%r10d\n\t"
			 "xorl %%r11d, %%r11d\n\txorl %%r12d, %%r12d\n\txorl %%r13d, %%r13d\n\t"
			 "xorl %%r14d, %%r14d\n\txorl %%r15d, %%r15d\n\txorl %k0, %k0\n\t"
			 "movq $0, -8(%%rsp)\n\t"
			 "pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\tnop\n\tnop\n\tnop\n\t"
			 "movq %%xmm9, -128(%%rsp)\n\tpxor %%xmm9, %%xmm9\n\tnop\n\tnop\n\t"
			 "movq -128(%%rsp), %0\n\tmovq $0, -128(%%rsp)"
			 : "+&a"(x)
			 :
			 : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
			 "r13", "r14", "r15", "xmm9", "memory", "cc");
	return x;
}

OP hold(struct node *a, struct node *b)
{
	struct node *x = a->p;
	STORE(&a->p, NULL);
	x = through_registers(x); /* begins */
	STORE(&b->q, x);
	inject_end();
	inject_done(x);
}

/* ---- allocation ---- */

OP allocate(struct node *a, struct node *b)
{
	inject_begin();
	struct node *n = gort_new(struct node);
	inject_begin();
	n->magic = MAGIC;
	STORE(&n->p, a->p);
	STORE(&a->p, n);
	struct node *m = gort_new(struct node);
	inject_begin();
	m->magic = MAGIC;
	STORE(&m->p, n->p);
	STORE(&n->p, NULL);
	STORE(&b->q, m);
	inject_end();
	inject_done(m);
	inject_done(n);
}

GORT_TYPE(node_type, struct node, p, q);

/* With a layout. */
OP allocate_typed(struct node *a, struct node *b)
{
	inject_begin();
	struct node *n = gort_new(struct node, &node_type);
	inject_begin();
	n->magic = MAGIC;
	STORE(&n->q, a->p);
	STORE(&a->p, NULL);
	STORE(&b->q, n);
	inject_end();
	inject_done(n);
}

/* ---- calls of libgort that store ---- */

OP exchange(struct node *a, struct node *b)
{
	inject_begin();
	struct node *x = gort_swap_racy((void *volatile *)(void *)&a->p, NULL);
	gort_store_racy(&b->q, x);
	inject_end();
	inject_done(x);
}

OP replace(struct node *a, struct node *b)
{
	inject_begin();
	struct node *x = a->p;
	gort_cas_racy((void *volatile *)(void *)&a->p, x, b);
	STORE(&b->q, x);
	inject_end();
	inject_done(x);
}

/* What is written over was the only pointer. */
OP clear(struct node *a, struct node *b)
{
	inject_begin();
	struct node *x = a->p;
	gort_memset(&a->p, 0, sizeof(a->p));
	STORE(&b->q, x);
	inject_end();
	inject_done(x);
}

OP copy_over(struct node *a, struct node *b)
{
	inject_begin();
	struct node *x = a->p;
	gort_memcpy(&a->p, &b->p, sizeof(a->p));
	STORE(&b->q, x);
	inject_end();
	inject_done(x);
}

static chan(struct node *) buffer;

/* Through a buffer, whose room is overwritten. */
OP pass(struct node *a, struct node *b)
{
	if (!buffer)
		buffer = make_chan(struct node *, 1);
	inject_begin();
	struct node *x = a->p;
	STORE(&a->p, NULL);
	chan_send(buffer, x);
	inject_begin();
	x = NULL;
	__asm__ volatile("" : "+r"(x));
	x = chan_recv(buffer);
	inject_begin();
	STORE(&b->q, x);
	inject_end();
	inject_done(x);
}

/* A weak pointer is all that there was before the load. */
static __attribute__((noinline)) gort_weak weaken(struct node *a)
{
	gort_weak w = gort_weak_make(a->p);
	STORE(&a->p, NULL);
	inject_wipe();
	return w;
}

OP revive(struct node *a, struct node *b)
{
	gort_weak w = weaken(a);
	FORGET();
	inject_begin();
	struct node *x = gort_weak_value(w);
	STORE(&b->q, x);
	inject_end();
	inject_done(x);
}

/* ---- what only the runtime holds for a while ---- */

static void carry(struct node *x, struct node *b)
{
	while (!inject_over())
		gort_sleep(10 * us); /* an idle P looks at the other one's timers, too */
	STORE(&b->q, x);
	inject_carried();
}

/* The arguments of a goroutine that has not run, then its stack. */
OP spawn(struct node *a, struct node *b)
{
	inject_begin();
	struct node *x = a->p;
	STORE(&a->p, NULL);
	go(carry, x, b);
	inject_begin();
	x = NULL;
	__asm__ volatile("" : "+r"(x));
	inject_end();
	inject_await();
	inject_done(b->q);
}

/* The arguments of a timer. */
OP delay(struct node *a, struct node *b)
{
	inject_begin();
	struct node *x = a->p;
	gort_timer *t = time_after_func(3600 * sec, carry, x, b);
	inject_begin();
	STORE(&a->p, NULL);
	inject_end();
	uintptr_t hidden = ~(uintptr_t)x;
	x = NULL;
	__asm__ volatile("" : "+r"(x));
	inject_hidden(hidden);
	gort_timer_stop(t);
	gort_timer_free(t);
}

#ifndef HOOKED

/* ---- wrong: each breaks one rule ---- */

static inline __attribute__((always_inline)) bool enabled(void)
{
	return *(volatile const uint32_t *)&gort_writebarrier;
}

#define SLOT(s) ((struct node *volatile *)(s))

/* store.store_first: the flag is tested after the store. */
OP wrong_store_first(struct node *a, struct node *b)
{
	inject_begin();
	struct node *x = *SLOT(&a->p);
	*SLOT(&a->p) = NULL;
	if (enabled())
		gort_wblog(x);
	STORE(&b->q, x);
	inject_end();
	inject_done(x);
}

/* store.test_first: a reader loads between the test and the store, after the first pause. */
OP wrong_test_first(struct node *a, struct node *b)
{
	inject_begin();
	if (enabled())
		gort_wblog(*SLOT(&a->p));
	*SLOT(&a->p) = b;
	inject_end();
	inject_done(NULL);
}

/* store.forget: what was loaded is not kept until after the store. */
static __attribute__((noinline)) void load_and_log(struct node **slot)
{
	struct node *old = *SLOT(slot);
	if (enabled())
		gort_wblog(old);
}

OP wrong_forget(struct node *a, struct node *b)
{
	inject_begin();
	load_and_log(&a->p);
	FORGET();
	*SLOT(&a->p) = b;
	inject_end();
	inject_done(NULL);
}

/* No barrier at all. */
OP wrong_plain(struct node *a, struct node *b)
{
	inject_begin();
	struct node *x = *SLOT(&a->p);
	*SLOT(&a->p) = NULL;
	*SLOT(&b->q) = x;
	inject_end();
	inject_done(x);
}

/* hook.none: tests and stores, and no address is left in between. */
OP wrong_hook(struct node *a, struct node *b)
{
	inject_begin();
	gort_pending = 0;
	if (enabled())
		gort_wblog(*SLOT(&a->p));
	*SLOT(&a->p) = b;
	inject_end();
	inject_done(NULL);
}

#endif

#ifdef HOOKED
#define TABLE   hooked_ops
#define COUNT   nhooked_ops
#define NAME(n) "hooked." n
#else
#define TABLE   ops
#define COUNT   nops
#define NAME(n) n
#endif

const struct op TABLE[] = {
	{.name = NAME("store.move"), .run = move},
	{.name = NAME("store.unlink"), .run = unlink_one},
	{.name = NAME("store.reader"), .run = overwrite, .reader = true},
	{.name = NAME("store.registers"), .run = hold},
	{.name = NAME("alloc.two"), .run = allocate, .enters = true},
	{.name = NAME("alloc.typed"), .run = allocate_typed, .enters = true},
	{.name = NAME("racy.exchange"), .run = exchange, .reader = true},
	{.name = NAME("racy.replace"), .run = replace, .reader = true},
	{.name = NAME("bulk.clear"), .run = clear},
	{.name = NAME("bulk.copy"), .run = copy_over},
	{.name = NAME("chan.pass"), .run = pass, .goroutine = true},
	{.name = NAME("weak.revive"), .run = revive, .goroutine = true},
	{.name = NAME("runtime.spawn"), .run = spawn, .goroutine = true},
	{.name = NAME("runtime.timer"), .run = delay, .goroutine = true},
#ifndef HOOKED
	{.name = "wrong.store_first", .run = wrong_store_first, .lost = true},
	{.name = "wrong.test_first", .run = wrong_test_first, .reader = true, .lost = true},
	{.name = "wrong.forget", .run = wrong_forget, .reader = true, .lost = true},
	{.name = "wrong.plain", .run = wrong_plain, .lost = true},
	{.name = "wrong.hook", .run = wrong_hook, .reader = true, .lost = true},
#endif
};
const int COUNT = sizeof(TABLE) / sizeof(TABLE[0]);
