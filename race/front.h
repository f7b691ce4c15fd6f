/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * front.h - what the files of the C front end share: the calling thread, the functions behind the
 * interceptors, and the way in and out of the detector.
 *
 * The library is inert until __tsan_init: in a program without instrumented code (a shell that the
 * program starts inherits LD_PRELOAD) every interceptor only passes the call on. Until the second
 * thread is created me.tag is 0 and nothing is recorded either, since everything is ordered.
 */
#ifndef GORT_RACE_FRONT_H
#define GORT_RACE_FRONT_H

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#include "access.h"
#include "bugs.h"
#include "heap.h"
#include "sync.h"

#define EXPORT __attribute__((visibility("default")))
#define PC     ((uint64_t)__builtin_return_address(0))

extern __thread struct thread me __attribute__((tls_model("initial-exec")));

/* Instrumented code is in this process. */
extern bool active;

/* This process is a child of one that was watched. */
extern bool forked;

/*
 * Maps the shadow; once. Runs from the program's preinit array, before libc has its environment and
 * before any constructor.
 */
void front_init(void);

/* addr stands for a descriptor: fills in where that was opened. */
bool descriptor_at(uintptr_t addr, struct gort_finding_stack *s);

/* The effects on descriptors of system calls that the program makes itself. */
enum descriptor_kind { SYSCALL_FILE, SYSCALL_SOCKET, SYSCALL_OTHER };
void descriptor_uses(int fd, uint64_t pc);
void descriptor_releases(int fd, uint64_t pc);
void descriptor_acquires(int fd, uint64_t pc);
void descriptor_closes(int fd, uint64_t pc);
void descriptor_opened(int fd, enum descriptor_kind kind, uint64_t pc);
void descriptor_pair(const int pair[2], uint64_t pc);

/* This is a new process with a copy of its parent's memory. */
void front_forked(void);

/* The calling thread, not recording yet, is about to create another: from now on it does. */
void front_start(void);

/* The next definition of a function after this library's; fatal when there is none. */
void *next_function(const char *name, const char *version);

/*
 * NEXT(name) calls the function that this library stands before. It is looked up at the first call:
 * relocation may not have reached a constructor of ours when the program's first call comes in.
 */
#define NEXT_V(name, version)                                                        \
	({                                                                           \
		static _Atomic(__typeof__(&name)) next_;                             \
		__typeof__(&name) next_fn_ = load_rlx(&next_);                       \
		if (unlikely(!next_fn_)) {                                           \
			next_fn_ = (__typeof__(&name))next_function(#name, version); \
			store_rlx(&next_, next_fn_);                                 \
		}                                                                    \
		next_fn_;                                                            \
	})
#define NEXT(name) NEXT_V(name, NULL)

/*
 * An intercepted function is a call of its own on the shadow stack while it runs, so that a report
 * names it: enter() and leave() around it, with OWN_PC as the leaf.
 */
#define OWN_PC                                                    \
	({                                                        \
		uint64_t pc_;                                     \
		__asm__ volatile("lea 1(%%rip), %0" : "=r"(pc_)); \
		pc_;                                              \
	})

static inline void enter(uint64_t pc)
{
	if (me.life)
		func_enter(&me, pc);
}

static inline void leave(void)
{
	if (me.life)
		func_exit(&me);
}

static INLINE void libc_access(const void *p, size_t n, uint64_t weak, uint64_t pc)
{
	if (!me.tag)
		return;
	func_enter(&me, pc);
	access_range(&me, (uintptr_t)p, n, weak, OWN_PC);
	func_exit(&me);
}

/* A range that a libc function reads or writes for the program. */
static INLINE void reads(const void *p, size_t n, uint64_t pc)
{
	libc_access(p, n, TAG_READ, pc);
}

static INLINE void writes(const void *p, size_t n, uint64_t pc)
{
	libc_access(p, n, 0, pc);
}

/* Locks and what else is no access is looked at in this thread. */
static inline bool watched(void)
{
	return me.life && active && !me.ignore_sync;
}

/* What is known of memory and of the locks in it. */
static inline void forget(uintptr_t addr, size_t n)
{
	locks_forget(addr, n);
	memory_forget(addr, n);
}

/* The misses behind near.S and the entries in tsan_abi.c; n is 1, 2, 4 or 8. */
void tsan_slow_read(uintptr_t a, uint32_t n, uint64_t pc);
void tsan_slow_write(uintptr_t a, uint32_t n, uint64_t pc);
void tsan_slow_entry(uint64_t pc);
EXPORT void __tsan_func_entry(void *pc);

/* Lets what is loaded already call the detector directly (near.c), if this is the only thread. */
void near_calls(void);

/* pthread_create() for a caller at pc. */
int create_thread(
	pthread_t *th, const pthread_attr_t *attr, void *(*fn)(void *), void *arg, uint64_t pc);

/* The main thread, if addr is in its stack or TLS; as front_owner(). */
const struct past *main_owner(uintptr_t addr, uint32_t *flags);

/* Reports that the calling thread, at its end, still ignores what it was told to. */
void ignores_checked(void);

/* Reports the threads that have ended and that nobody joined. */
void threads_leaked(void);

/* The thread is called so, in reports. */
void name_thread(struct past *who, const char *name);

/* pc is in the C library, the loader or gcc's other runtime, libubsan. */
bool in_libc(uint64_t pc);

/*
 * Fibers: threads of the core that the program switches among itself, without order. One that is
 * the calling thread's own stands for it when it runs no other. Created at pc.
 */
struct thread *fiber_current(void);
struct thread *fiber_create(uint64_t pc);
void fiber_destroy(struct thread *f);
void fiber_switch(struct thread *f);
void fiber_name(struct thread *f, const char *name);

/* What the program asked to be told of: allocator.c. */
void told_allocated(const void *p, size_t n);
void told_freed(const void *p);

/* Writes which code ran, if that is wanted: coverage.c. */
void coverage_end(void);

/* The end of the process: the code to exit with, given the program's. */
int exit_code(int code);

#endif
