/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * begins.c - targets that fail when they see an input for the second time that nobody finds by
 * trying: the first time is the replay, the second one the search, if it begins with the corpus.
 */
#include <gort/testing.h>

static uint64_t hash(gort_string s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (gort_isize i = 0; i < s.len; i++)
		h = (h ^ (uint8_t)s.ptr[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* 300 bytes. */
static gort_string text(void)
{
	return str_repeat(S("gort begins with this, "), 300 / 23 + 1);
}

FUZZ_ARGS(fuzz_added, (string, s), (long, n), (string, rest))
{
	static int seen;
	if (hash(s) == hash(text()) && n == -77 && str_equal(rest, S("rest")) && ++seen > 1)
		t_fatal(t, "again");
}
FUZZ_ADD(fuzz_added, S("another"), 1, S(""));
FUZZ_ADD(fuzz_added, text(), -77, S("rest"));

FUZZ(fuzz_filed)
{
	static int seen;
	if (hash(str_unsafe(data, (isize)size)) == hash(S("of a file")) && ++seen > 1)
		t_fatal(t, "again");
}
