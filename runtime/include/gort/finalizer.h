/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * finalizer.h - what happens when an object of the collected heap dies: finalizers, cleanups, weak
 * pointers. Included by gort.h.
 *
 * An object dies when the collector finds that nothing refers to it; when, or whether at all, is
 * not promised, and nothing is called at the end of the program. Stacks and roots are looked at
 * word by word, so a number that looks like its address, or a place of a stack that nobody
 * overwrites, may keep it. After gort_gc() the calls for all that it found dead are under way.
 *
 * Functions here may be called by goroutines only, unless they say otherwise. None of them blocks.
 */
#ifndef GORT_FINALIZER_H
#define GORT_FINALIZER_H

#include <stdint.h>

#include "gort/gc.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * fn(p) is called once by a goroutine of the runtime, which calls all finalizers one after the
 * other, when nothing else refers to the object at p. It may use the object, and store it where it
 * is reachable again; else a later collection frees it. The finalizer is gone then; another may be
 * set. What the object refers to is kept: so of objects in a chain the first is finalized first,
 * and in a circle, also one of an object that refers to itself, none ever is.
 *
 * p is the beginning of an object; of one without pointers and smaller than 16 bytes any address,
 * but those are not finalized before all that share their 16 bytes are unreachable. fn NULL takes
 * the finalizer away. Ends the program when p is no such object or has one already. A fn that
 * blocks keeps all other finalizers waiting: let it start a goroutine. Go's runtime.SetFinalizer.
 * runtime/mem/mfinal.c
 */
GORT_API void gort_set_finalizer(void *p, void (*fn)(void *p));

/* What gort_cleanup_stop needs; keeps nothing alive. */
typedef struct gort_cleanup {
	uint64_t id;
	uintptr_t hidden;
} gort_cleanup;

/*
 * fn(arg) is called once by a goroutine of the runtime, which calls all cleanups one after the
 * other, when the object that p points into has died, finalizers included. Not with the object,
 * which arg must not point to, nor to anything that refers to it. Any number for an object, in any
 * order. Ends the program when p does not point into the heap. Go's runtime.AddCleanup.
 * runtime/mem/mcleanup.c
 */
GORT_API gort_cleanup gort_add_cleanup(void *p, void (*fn)(void *arg), void *arg);

/* Cancels it, unless the object has died already. Go's Cleanup.Stop. */
GORT_API void gort_cleanup_stop(gort_cleanup c);

/*
 * Refers to an object without keeping it alive. Those made of one address have equal handles, also
 * after the object's death. Zeroed is that of NULL. Lies where the collector finds it, or is lost.
 */
typedef struct gort_weak {
	void *handle;
} gort_weak;

/* To the address p in some object. Go's weak.Make. runtime/mem/mweak.c */
GORT_API gort_weak gort_weak_make(const void *p);

/*
 * The address; NULL when the object has died, or its finalizer is about to be called. Any thread.
 * Go's weak.Pointer.Value.
 */
GORT_API void *gort_weak_value(gort_weak w);

#ifdef __cplusplus
}
#endif

#endif
