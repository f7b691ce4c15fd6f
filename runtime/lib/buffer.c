/* SPDX-License-Identifier: BSD-2-Clause */
/* buffer.c - Go's bytes.Buffer. */
#include "gort/bytes.h"

#include "base/throw.h"
#include "lang/string.h"

#define SMALLBUFFER 64

GORT_SENTINEL(
	notafterread, "bytes.Buffer: UnreadByte: previous operation was not a successful read");
GORT_SENTINEL(
	notafterrune, "bytes.Buffer: UnreadRune: previous operation was not a successful ReadRune");

gort_bytes gort_buffer_bytes(const gort_buffer *b)
{
	gort_bytes s = {b->buf.ptr, b->buf.len - b->off, b->buf.cap - b->off};
	s.ptr += s.cap ? b->off : 0; /* not behind the array */
	return s;
}

gort_string gort_buffer_text(const gort_buffer *b)
{
	return gort_bytes_str(gort_buffer_bytes(b));
}

void gort_buffer_reset(gort_buffer *b)
{
	b->buf.len = b->off = 0;
	b->last = 0;
}

void gort_buffer_truncate(gort_buffer *b, gort_isize n)
{
	if (n == 0) {
		gort_buffer_reset(b);
		return;
	}
	b->last = 0;
	if (n < 0 || n > gort_buffer_len(b))
		gopanic_text("bytes.Buffer: truncation out of range");
	b->buf.len = b->off + n;
}

/* Room for n bytes behind the last: by moving down what is unread if that is not much. */
static void makeroom(gort_buffer *b, gort_isize n)
{
	gort_isize unread = gort_buffer_len(b), cap = b->buf.cap;
	b->last = 0;
	if (unread == 0)
		b->buf.len = b->off = 0;
	if (n <= cap - b->buf.len)
		return;
	if (n <= cap / 2 - unread) {
		memmove(b->buf.ptr, b->buf.ptr + b->off, (size_t)unread);
	} else {
		gort_isize want = cap == 0 && n < SMALLBUFFER ? SMALLBUFFER : 2 * cap + n;
		if (want < 0)
			gopanic_text("bytes.Buffer: too large");
		struct gort_array a = gort_growslice(NULL, 0, 0, want, 1, GORT_NOPOINTERS);
		if (unread)
			memcpy(a.ptr, b->buf.ptr + b->off, (size_t)unread);
		gort_store(&b->buf.ptr, a.ptr);
		b->buf.cap = a.cap;
	}
	b->off = 0;
	b->buf.len = unread;
}

void gort_buffer_grow(gort_buffer *b, gort_isize n)
{
	if (n < 0)
		gopanic_text("bytes.Buffer.Grow: negative count");
	makeroom(b, n);
}

void gort_buffer_write(gort_buffer *b, const void *p, gort_isize n)
{
	makeroom(b, n);
	if (n > 0)
		memcpy(b->buf.ptr + b->buf.len, p, (size_t)n);
	b->buf.len += n;
}

void gort_buffer_string(gort_buffer *b, gort_string s)
{
	gort_buffer_write(b, s.ptr, s.len);
}

void gort_buffer_byte(gort_buffer *b, uint8_t c)
{
	gort_buffer_write(b, &c, 1);
}

void gort_buffer_rune(gort_buffer *b, int32_t r)
{
	char text[4];
	gort_buffer_write(b, text, gort_utf8_encode(text, r));
}

/* ---- reading ---- */

/* n bytes are read: unread_byte may take one back. */
static void advance(gort_buffer *b, gort_isize n, int last)
{
	b->off += n;
	b->last = n > 0 ? last : 0;
}

gort_error gort_buffer_read(gort_buffer *b, void *p, gort_isize n, gort_isize *got)
{
	gort_isize left = gort_buffer_len(b);
	*got = n < left ? n : left;
	if (left == 0) {
		gort_buffer_reset(b);
		return n == 0 ? NULL : gort_err_eof;
	}
	if (*got)
		memcpy(p, b->buf.ptr + b->off, (size_t)*got);
	advance(b, *got, -1);
	return NULL;
}

gort_error gort_buffer_read_byte(gort_buffer *b, uint8_t *c)
{
	gort_isize got;
	return gort_buffer_read(b, c, 1, &got);
}

gort_error gort_buffer_read_rune(gort_buffer *b, int32_t *r, gort_isize *size)
{
	gort_isize left = gort_buffer_len(b);
	*r = 0;
	*size = 0;
	if (left == 0) {
		gort_buffer_reset(b);
		return gort_err_eof;
	}
	*r = gort_utf8_decodeat((const char *)b->buf.ptr + b->off, left, size);
	advance(b, *size, (int)*size);
	return NULL;
}

gort_bytes gort_buffer_next(gort_buffer *b, gort_isize n)
{
	gort_bytes s = gort_buffer_bytes(b);
	if (n < s.len)
		s.len = n;
	if (s.len < 0)
		gort_panicslice(0, n, s.cap);
	advance(b, s.len, -1);
	return s;
}

gort_error gort_buffer_read_string(gort_buffer *b, uint8_t delim, gort_string *s)
{
	gort_bytes left = gort_buffer_bytes(b);
	const uint8_t *end = left.len ? memchr(left.ptr, delim, (size_t)left.len) : NULL;
	gort_isize n = end ? end + 1 - left.ptr : left.len;
	*s = gort_str_make(left.ptr, n);
	b->off += n;
	b->last = -1;
	return end ? NULL : gort_err_eof;
}

gort_error gort_buffer_unread_byte(gort_buffer *b)
{
	if (b->last == 0)
		return notafterread;
	b->last = 0;
	b->off -= b->off > 0;
	return NULL;
}

gort_error gort_buffer_unread_rune(gort_buffer *b)
{
	if (b->last <= 0)
		return notafterrune;
	b->off -= b->last;
	b->last = 0;
	return NULL;
}

/* ---- as a stream ---- */

static gort_error writebuffer(gort_buffer *b, const void *p, gort_isize n, gort_isize *done)
{
	gort_buffer_write(b, p, n);
	*done = n;
	return NULL;
}

GORT_DYNTYPE(gort_buffer);
GORT_IMPL(gort_reader, gort_buffer, gort_buffer_read);
GORT_IMPL(gort_writer, gort_buffer, writebuffer);

gort_reader gort_buffer_reader(gort_buffer *b)
{
	return (gort_reader){&gort_itab_gort_reader_gort_buffer.itab, b};
}

gort_writer gort_buffer_writer(gort_buffer *b)
{
	return (gort_writer){&gort_itab_gort_writer_gort_buffer.itab, b};
}
