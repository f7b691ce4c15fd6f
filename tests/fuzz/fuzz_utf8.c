/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_utf8.c - UTF-8: runes from the front and from the back cover all bytes, and are those of a
 * decoder that is written out here; text made of runes has them again.
 */
#include <gort/go.h>

#include "fuzz_heap.h"

/* RFC 3629, by its definition: the length of the sequence, 0 when there is none. */
static isize plain(const uint8_t *p, isize n, int32_t *r)
{
	static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	isize want = p[0] < 0x80       ? 1
		     : p[0] >> 5 == 6  ? 2
		     : p[0] >> 4 == 14 ? 3
		     : p[0] >> 3 == 30 ? 4
				       : 0;
	if (!want || want > n)
		return 0;
	*r = want == 1 ? p[0] : p[0] & (0x7f >> want);
	for (isize i = 1; i < want; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		*r = *r << 6 | (p[i] & 63);
	}
	return *r < least[want] || *r > 0x10ffff || (*r >= 0xd800 && *r < 0xe000) ? 0 : want;
}

static void forward(string s)
{
	isize count = 0, size;
	bool valid = true;
	str_range(i, r, s)
	{
		int32_t want = GORT_RUNE_ERROR;
		isize n = plain((const uint8_t *)s.ptr + i, s.len - i, &want);
		if (r != (n ? want : GORT_RUNE_ERROR) ||
			utf8_decode(str_sub(s, i, s.len), &size) != r || size != (n ? n : 1))
			abort();
		valid = valid && n;
		count++;
	}
	if (utf8_count(s) != count || utf8_valid(s) != valid || str_runes(s).len != count)
		abort();
	if (valid && !str_equal(runes_str(str_runes(s)), s))
		abort();
}

static void backward(string s)
{
	isize size;
	while (s.len) {
		int32_t r = utf8_decode_last(s, &size);
		isize n, last = s.len - size;
		if (size < 1 || size > 4 || utf8_decode(str_sub(s, last, s.len), &n) != r ||
			n != size)
			abort();
		s = str_sub(s, 0, last);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	string s = str_unsafe(data, (isize)size);
	forward(s);
	backward(s);
	fuzz_heap_reset();
	return 0;
}
