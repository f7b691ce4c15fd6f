/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_line.c - line tables: indexes all sequences and looks addresses of each up.
 *
 * Input: u32 size of .debug_line, u32 size of .debug_line_str, then both and .debug_str.
 */
#include "debug/line.h"

static void try_seq(const struct line_tables *t, const struct line_seq *seq)
{
	const uint64_t at[] = {seq->low, seq->low + 7, seq->high - 1, seq->high};
	for (int i = 0; i < 4; i++) {
		struct line_pos pos;
		char path[64];
		if (!line_find(t, seq, at[i], &pos))
			line_path(&pos, path, sizeof path);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = {data, data + size, false};
	struct line_tables t;
	struct line_seq seqs[32];
	t.line.size = read_u32(&r);
	t.line_str.size = read_u32(&r);
	if (r.bad || t.line.size > reader_left(&r))
		return 0;
	t.line.data = r.at;
	reader_skip(&r, t.line.size);
	t.line_str.data = r.at;
	reader_skip(&r, t.line_str.size);
	t.str = (struct bytes){r.at, reader_left(&r)};
	if (r.bad)
		return 0;
	size_t n = line_index(&t, seqs, 32);
	for (size_t i = 0; i < n && i < 32; i++)
		try_seq(&t, &seqs[i]);
	return 0;
}
