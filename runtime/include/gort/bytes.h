/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bytes.h - a buffer of bytes that is written at its end and read from its beginning. Go's
 * bytes.Buffer, for C and C++.
 *
 *	gort_buffer b = {0};
 *	gort_buffer_string(&b, S("hello"));
 *	gort_write_string(gort_buffer_writer(&b), S(" world"));
 *	string line = gort_buffer_text(&b);
 *
 * Zeroed it is empty. It must not be copied once it is used. Nothing blocks. What bytes and next
 * return belongs to the buffer until it is changed; text is a copy.
 */
#ifndef GORT_BYTES_H
#define GORT_BYTES_H

#include "gort/io.h"
#include "gort/strings.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Unread are the bytes from off on. */
typedef struct gort_buffer {
	gort_bytes buf;
	gort_isize off;
	int last; /* the last read: 1 to 4, a rune of so many bytes; -1, another; 0, none */
} gort_buffer;

/* How many bytes are unread; room for how many in all. */
static inline gort_isize gort_buffer_len(const gort_buffer *b)
{
	return b->buf.len - b->off;
}

static inline gort_isize gort_buffer_cap(const gort_buffer *b)
{
	return b->buf.cap;
}

/* The unread bytes: shared, and as a copy. Go's Bytes and String. */
GORT_API gort_bytes gort_buffer_bytes(const gort_buffer *b);
GORT_API gort_string gort_buffer_text(const gort_buffer *b);

/* Forgets all but the first n unread bytes, or all of them. Truncate panics out of range. */
GORT_API void gort_buffer_truncate(gort_buffer *b, gort_isize n);
GORT_API void gort_buffer_reset(gort_buffer *b);
/* Room for n more bytes without an allocation. Panics when n is negative. */
GORT_API void gort_buffer_grow(gort_buffer *b, gort_isize n);

/* Append. */
GORT_API void gort_buffer_write(gort_buffer *b, const void *p, gort_isize n);
GORT_API void gort_buffer_string(gort_buffer *b, gort_string s);
GORT_API void gort_buffer_byte(gort_buffer *b, uint8_t c);
GORT_API void gort_buffer_rune(gort_buffer *b, int32_t r);

/* At most n bytes into p; gort_err_eof when none is left, but not for n 0. */
GORT_API gort_error gort_buffer_read(gort_buffer *b, void *p, gort_isize n, gort_isize *got);
GORT_API gort_error gort_buffer_read_byte(gort_buffer *b, uint8_t *c);
GORT_API gort_error gort_buffer_read_rune(gort_buffer *b, int32_t *r, gort_isize *size);
/* The next n bytes, or all that is left. Go's Next. */
GORT_API gort_bytes gort_buffer_next(gort_buffer *b, gort_isize n);
/* A copy of all up to and with delim; with gort_err_eof all there is. Go's ReadString. */
GORT_API gort_error gort_buffer_read_string(gort_buffer *b, uint8_t delim, gort_string *s);
/* Takes the last read back; an error when the last operation was none, or for rune no rune's. */
GORT_API gort_error gort_buffer_unread_byte(gort_buffer *b);
GORT_API gort_error gort_buffer_unread_rune(gort_buffer *b);

#ifndef __cplusplus
/* b as a stream, without a copy: reads and writes there are of b. Go's *bytes.Buffer as one. */
GORT_API gort_reader gort_buffer_reader(gort_buffer *b);
GORT_API gort_writer gort_buffer_writer(gort_buffer *b);
#endif

#ifdef __cplusplus
}
#endif

#endif
