/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.h - a streaming JSON writer (jw_...). Nothing is kept: a million goroutines cost one buffer.
 *
 * In an object every value has a key; in an array key is NULL. GSNAP_UNKNOWN is written as null.
 * Text that is not UTF-8 gets U+FFFD in place of each bad byte, so the output always parses.
 */
#ifndef GORT_CLI_JSON_H
#define GORT_CLI_JSON_H

#include "out.h"

struct json {
	struct out *out;
	unsigned depth;
	uint32_t filled; /* bit d: level d already has a value */
	uint32_t lines;  /* bit d: values of level d start on a new line */
};

/* Begins the document's object with its schema, e.g. "gort.ps/1"; NULL: a format of others. */
void jw_begin(struct json *j, struct out *out, const char *schema);
/* Ends the document and its line. */
void jw_end(struct json *j);

void jw_object(struct json *j, const char *key);
void jw_array(struct json *j, const char *key);
void jw_lines(struct json *j, const char *key); /* an array with one element a line */
void jw_close_object(struct json *j);
void jw_close_array(struct json *j);

void jw_str(struct json *j, const char *key, const char *value); /* NULL is null */
void jw_int(struct json *j, const char *key, int64_t value);
void jw_uint(struct json *j, const char *key, uint64_t value);
void jw_hex(struct json *j, const char *key, uint64_t value); /* "0x1f": beyond 2^53 safe */
void jw_num(struct json *j, const char *key, double value);
void jw_bool(struct json *j, const char *key, bool value);

/* Length of the valid UTF-8 sequence at p, 0 when there is none. */
size_t utf8_len(const unsigned char *p);

#endif
