/* SPDX-License-Identifier: BSD-2-Clause */
/* builder.c - Go's strings.Builder. */
#include "lang/string.h"

/* Doubles and adds n, as Go's Builder does, so that String never copies. */
void gort_builder_grow(gort_builder *b, gort_isize n)
{
	if (n < 0)
		gopanic_text("strings.Builder.Grow: negative count");
	if (b->buf.cap - b->buf.len >= n)
		return;
	gort_isize want = 2 * b->buf.cap + n;
	struct gort_array a = gort_growslice(NULL, 0, 0, want, 1, GORT_NOPOINTERS);
	if (b->buf.len)
		memcpy(a.ptr, b->buf.ptr, (size_t)b->buf.len);
	gort_store(&b->buf.ptr, a.ptr);
	b->buf.cap = a.cap;
}

void gort_builder_rune(gort_builder *b, int32_t r)
{
	char text[4];
	gort_builder_write(b, text, gort_utf8_encode(text, r));
}
