/* SPDX-License-Identifier: BSD-2-Clause */
/* objtext.h - what goroutines wait for, in words: a channel and its facts, a lock. */
#ifndef GORT_CLI_OBJTEXT_H
#define GORT_CLI_OBJTEXT_H

#include "gort/snap.h"
#include "out.h"

/* "chan", "rwmutex", "nil chan". */
const char *object_kind(const struct gsnap_obj *o);
/* "chan int". */
void print_object_kind(struct out *out, const struct gsnap_obj *o);
/* "  cap 0  len 0", "  locked": what only this kind of object has. */
void print_object_state(struct out *out, const struct gsnap_obj *o);

#endif
