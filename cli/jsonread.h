/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jsonread.h - reads a JSON document as it comes, value by value (jr_...): what is not asked for is
 * skipped, so that a snapshot of a million goroutines costs no memory.
 *
 * The first mistake in the text makes every later call say "no more": callers loop, then look at
 * bad.
 *
 *	if (jr_open(&j, '{'))
 *		while (jr_key(&j, key, sizeof key))
 *			if (!strcmp(key, "count")) n = jr_int(&j); else jr_skip(&j);
 */
#ifndef GORT_CLI_JSONREAD_H
#define GORT_CLI_JSONREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jr {
	const char *p, *end;
	bool bad;
	bool first; /* nothing was read yet of the innermost object or array */
};

void jr_init(struct jr *j, const char *text, size_t len);
/* Enters an object or array ('{' or '['); a null in its place, or anything else, is skipped. */
bool jr_open(struct jr *j, char bracket);
/* The next member's key, cut to size; false: the object is closed. */
bool jr_key(struct jr *j, char *key, size_t size);
/* Whether another element follows; false: the array is closed. */
bool jr_element(struct jr *j);
/* A string, cut to size at a whole character; "" for null or another kind. */
void jr_str(struct jr *j, char *buf, size_t size);
/* A number without its fraction; fallback for null or another kind. */
int64_t jr_int(struct jr *j, int64_t fallback);
void jr_skip(struct jr *j);
/* Nothing but blanks follows. */
bool jr_end(struct jr *j);

#endif
