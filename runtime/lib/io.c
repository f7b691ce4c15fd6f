/* SPDX-License-Identifier: BSD-2-Clause */
/* io.c - Go's package io: what works on any reader and writer. */
#include "gort/io.h"

#include "base/throw.h"
#include "lang/string.h"

#define CHUNK  32768 /* bytes that copy moves at once, as Go */
#define FIRST  512   /* and that read_all begins with */
#define STALLS 100   /* reads of nothing, without an error, before it counts as one */

GORT_SENTINEL(gort_err_eof, "EOF");
GORT_SENTINEL(gort_err_unexpected_eof, "unexpected EOF");
GORT_SENTINEL(gort_err_short_write, "short write");
GORT_SENTINEL(gort_err_no_progress, "multiple Read calls return no data or error");

static gort_error readsome(gort_reader r, void *p, gort_isize n, gort_isize *got)
{
	gort_error err = NULL;
	*got = 0;
	for (int i = 0; i < STALLS && *got == 0 && !err; i++)
		err = r.tab->read(r.data, p, n, got);
	return *got == 0 && !err ? gort_err_no_progress : err;
}

static gort_error writeall(gort_writer w, const void *p, gort_isize n, gort_isize *done)
{
	*done = 0;
	gort_error err = w.tab->write(w.data, p, n, done);
	return !err && *done < n ? gort_err_short_write : err;
}

/* Up to limit bytes; *end: r has no more. */
static gort_error copyup(gort_writer w, gort_reader r, int64_t limit, int64_t *done, bool *end)
{
	void *space = newtext(limit < CHUNK ? (gort_isize)limit : CHUNK);
	*done = 0;
	*end = false;
	while (*done < limit) {
		gort_isize got, written;
		int64_t left = limit - *done;
		gort_error rerr = readsome(r, space, left < CHUNK ? (gort_isize)left : CHUNK, &got);
		gort_error werr = got ? writeall(w, space, got, &written) : NULL;
		*done += got ? written : 0;
		if (werr)
			return werr;
		*end = rerr == gort_err_eof;
		if (rerr)
			return *end ? NULL : rerr;
	}
	return NULL;
}

gort_error gort_copy(gort_writer w, gort_reader r, int64_t *done)
{
	int64_t n;
	bool end;
	return copyup(w, r, INT64_MAX, done ? done : &n, &end);
}

gort_error gort_copy_n(gort_writer w, gort_reader r, int64_t n, int64_t *done)
{
	int64_t count;
	bool end;
	gort_error err = copyup(w, r, n < 0 ? 0 : n, &count, &end);
	if (done)
		*done = count;
	return !err && count < n ? gort_err_eof : err;
}

gort_error gort_read_all(gort_reader r, gort_bytes *out)
{
	gort_bytes b = {gort_makeslice(1, 0, FIRST, GORT_NOPOINTERS), 0, FIRST};
	for (gort_error err = NULL; !err;) {
		gort_isize got;
		if (b.len == b.cap) {
			struct gort_array a =
				gort_growslice(b.ptr, b.len, b.cap, 1, 1, GORT_NOPOINTERS);
			b.ptr = a.ptr;
			b.cap = a.cap;
		}
		err = readsome(r, b.ptr + b.len, b.cap - b.len, &got);
		b.len += got;
		*out = b;
		if (err)
			return err == gort_err_eof ? NULL : err;
	}
	return NULL;
}

gort_error gort_read_full(gort_reader r, void *p, gort_isize n, gort_isize *got)
{
	gort_isize sum = 0, part;
	gort_error err = NULL;
	while (sum < n && !err) {
		err = readsome(r, (char *)p + sum, n - sum, &part);
		sum += part;
	}
	if (got)
		*got = sum;
	if (sum == n)
		return NULL;
	return err == gort_err_eof && sum > 0 ? gort_err_unexpected_eof : err;
}

gort_error gort_write_string(gort_writer w, gort_string s)
{
	gort_isize done;
	return writeall(w, s.ptr, s.len, &done);
}

/* ---- readers and writers made of others ---- */

typedef struct limited {
	gort_reader r;
	int64_t left;
} limited;

static gort_error readlimited(limited *l, void *p, gort_isize n, gort_isize *got)
{
	*got = 0;
	if (l->left <= 0)
		return gort_err_eof;
	gort_error err = l->r.tab->read(l->r.data, p, n < l->left ? n : (gort_isize)l->left, got);
	l->left -= *got;
	return err;
}

typedef struct tee {
	gort_reader r;
	gort_writer w;
} tee;

static gort_error readtee(tee *t, void *p, gort_isize n, gort_isize *got)
{
	gort_isize done;
	*got = 0;
	gort_error err = t->r.tab->read(t->r.data, p, n, got);
	gort_error werr = *got ? writeall(t->w, p, *got, &done) : NULL;
	return werr ? werr : err;
}

typedef struct textreader {
	gort_string left;
} textreader;

static gort_error readtext(textreader *t, void *p, gort_isize n, gort_isize *got)
{
	*got = n < t->left.len ? n : t->left.len;
	if (t->left.len == 0)
		return gort_err_eof;
	if (*got)
		memcpy(p, t->left.ptr, (size_t)*got);
	t->left.ptr += *got < t->left.len ? *got : 0; /* not behind the text */
	t->left.len -= *got;
	return NULL;
}

typedef struct discard {
	char none;
} discard;

static gort_error writenowhere(discard *d, const void *p, gort_isize n, gort_isize *done)
{
	(void)d, (void)p;
	*done = n;
	return NULL;
}

GORT_DYNTYPE(limited);
GORT_DYNTYPE(tee);
GORT_DYNTYPE(textreader);
GORT_DYNTYPE(discard);
GORT_IMPL(gort_reader, limited, readlimited);
GORT_IMPL(gort_reader, tee, readtee);
GORT_IMPL(gort_reader, textreader, readtext);
GORT_IMPL(gort_writer, discard, writenowhere);

gort_reader gort_limit_reader(gort_reader r, int64_t n)
{
	limited *l = gort_new(limited);
	*l = (limited){r, n};
	return (gort_reader){&gort_itab_gort_reader_limited.itab, l};
}

gort_reader gort_tee_reader(gort_reader r, gort_writer w)
{
	tee *t = gort_new(tee);
	*t = (tee){r, w};
	return (gort_reader){&gort_itab_gort_reader_tee.itab, t};
}

gort_reader gort_string_reader(gort_string s)
{
	textreader *t = gort_new(textreader);
	t->left = s;
	return (gort_reader){&gort_itab_gort_reader_textreader.itab, t};
}

gort_writer gort_discard(void)
{
	static discard nowhere;
	return (gort_writer){&gort_itab_gort_writer_discard.itab, &nowhere};
}
