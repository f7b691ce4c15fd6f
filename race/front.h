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

#include "access.h"
#include "heap.h"
#include "sync.h"

#define EXPORT __attribute__((visibility("default")))
#define PC     ((uint64_t)__builtin_return_address(0))

extern __thread struct thread me __attribute__((tls_model("initial-exec")));

/* Instrumented code is in this process. */
extern bool active;

/*
 * Maps the shadow; once. Runs from the program's preinit array, before libc has its environment and
 * before any constructor.
 */
void front_init(void);

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

/* A range that a libc function reads or writes for the program. */
static inline void reads(const void *p, size_t n, uint64_t pc)
{
	if (me.tag)
		access_range(&me, (uintptr_t)p, n, TAG_READ, pc);
}

static inline void writes(const void *p, size_t n, uint64_t pc)
{
	if (me.tag)
		access_range(&me, (uintptr_t)p, n, 0, pc);
}

/* The end of the process: the code to exit with, given the program's. */
int exit_code(int code);

#endif
