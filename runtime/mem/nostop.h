/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nostop.h - sections in which the collector must not stop a thread.
 *
 * A stop for the collector interrupts a thread anywhere. Where libgort changes what a pause
 * looks at (a log, the slots of a span, the list of goroutines), it does so between nostop_begin
 * and nostop_end. The handler of the stop asks nostop_defer: when it says true, the handler
 * returns at once, and the thread stops by itself in nostop_end.
 *
 * Sections nest, are short, and neither switch, block in the kernel nor call the program. A lock
 * that a pause takes is held within such sections only; so nobody is stopped while he holds it.
 *
 * The counter belongs to the thread, not to the M: threads of the program store pointers, too.
 * It is reached by assembly, so that no address of it is kept over a switch; offsets are the
 * same in all threads. The clobber of memory keeps the section's accesses inside.
 */
#ifndef GORT_MEM_NOSTOP_H
#define GORT_MEM_NOSTOP_H

#include <stdbool.h>
#include <stdint.h>

struct nostop {
	uint32_t depth;
	uint32_t wanted; /* a stop came meanwhile */
};

extern __thread struct nostop tls_nostop __attribute__((tls_model("initial-exec")));

/*
 * Stops this thread: what the handler would have done; returns at once when no stop is on any
 * more. Set by whoever stops the world.
 */
extern void (*nostop_stop)(void);

/* The end of a section in which a stop was deferred. */
void nostop_deferred(void);

static inline void nostop_begin(void)
{
	uintptr_t at;
	__asm__ volatile("movq tls_nostop@gottpoff(%%rip), %0\n\t"
			 "addl $1, %%fs:(%0)"
			 : "=&r"(at)
			 :
			 : "memory", "cc");
}

static inline void nostop_end(void)
{
	uintptr_t at;
	uint32_t wanted;
	__asm__ volatile("movq tls_nostop@gottpoff(%%rip), %0\n\t"
			 "subl $1, %%fs:(%0)\n\t"
			 "movl %%fs:4(%0), %1"
			 : "=&r"(at), "=&r"(wanted)
			 :
			 : "memory", "cc");
	if (__builtin_expect(wanted != 0, 0))
		nostop_deferred();
}

/* For the handler of a stop, on its own thread: true when it must return. */
static inline bool nostop_defer(void)
{
	if (tls_nostop.depth == 0)
		return false;
	tls_nostop.wanted = 1;
	return true;
}

#endif
