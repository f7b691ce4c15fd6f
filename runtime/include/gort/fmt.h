/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fmt.h - values as text, in the way of Go's %v, with nothing between them. For C++ and for the
 * macros of go.h: print, println, eprintln, sprint and builder_print.
 *
 * Integers (a char, too) are decimal, floating point numbers have the fewest digits that give them
 * back, bool is true or false, an error its text, a slice of bytes, runes or strings [a b], NULL
 * <nil>, any other pointer 0x... Other slices, maps and structures: gort_show of equal.h. Formats
 * with directives are printf's: gort_sprintf.
 */
#ifndef GORT_FMT_H
#define GORT_FMT_H

#include "gort/error.h"
#include "gort/strings.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The n values as a string; any thread. runtime/lib/fmt.c */
GORT_API gort_string gort_sprint(const struct gort_arg *args, int n);
/* Appends them to b. */
GORT_API void gort_builder_args(gort_builder *b, const struct gort_arg *args, int n);
/* To stderr, as gort_print to stdout. */
GORT_API void gort_eprint(const struct gort_arg *args, int n, bool newline);

/* What printf would print. Go's Sprintf. */
GORT_API gort_string gort_sprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
GORT_API void gort_builder_printf(gort_builder *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif

#endif
