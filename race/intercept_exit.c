/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * intercept_exit.c - what runs at the end of the process: a handler knows what its registration
 * did. C++ registers destructors of static objects so, also in functions that any thread may be the
 * first to call.
 */
#include "builtins.h"

#include <stdlib.h>

#include "front.h"
#include "mem.h"

/* Its address stands for the edge. */
struct handler {
	struct handler *next; /* of the pool */
	union {
		void (*plain)(void *);
		void (*with_code)(int, void *);
	};
	void *arg;
};

static struct pool handlers = {.size = sizeof(struct handler), .link = 0};

static struct handler *registered(void *arg)
{
	struct handler *h = pool_get(&handlers);
	h->arg = arg;
	sync_release(&me, (uintptr_t)h);
	return h;
}

static struct handler due(void *arg)
{
	struct handler *h = arg, copy = *h;
	sync_acquire(&me, (uintptr_t)h);
	pool_put(&handlers, h);
	return copy;
}

static void run(void *arg)
{
	struct handler h = due(arg);
	h.plain(h.arg);
}

static void run_with_code(int code, void *arg)
{
	struct handler h = due(arg);
	h.with_code(code, h.arg);
}

EXPORT int __cxa_atexit(void (*fn)(void *), void *arg, void *library);

EXPORT int __cxa_atexit(void (*fn)(void *), void *arg, void *library)
{
	if (!active)
		return NEXT(__cxa_atexit)(fn, arg, library);
	struct handler *h = registered(arg);
	h->plain = fn;
	return NEXT(__cxa_atexit)(run, h, library);
}

/*
 * In the program atexit() is a function of libtsan's; in glibc it is in none that could be found at
 * run time.
 */
EXPORT int atexit(void (*fn)(void))
{
	return __cxa_atexit((void (*)(void *))(void *)fn, NULL, NULL);
}

EXPORT int on_exit(void (*fn)(int, void *), void *arg)
{
	if (!active)
		return NEXT(on_exit)(fn, arg);
	struct handler *h = registered(arg);
	h->with_code = fn;
	return NEXT(on_exit)(run_with_code, h);
}
