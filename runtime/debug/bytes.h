/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bytes.h - a bounds-checked reader of foreign bytes (ELF, .eh_frame, .debug_line).
 *
 * Invariant: no read leaves [at, end). A read past the end gives 0 and sets `bad`, which stays set;
 * so a parser may run on and test `bad` once per record, as long as its loops are bounded.
 */
#ifndef GORT_DEBUG_BYTES_H
#define GORT_DEBUG_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *data;
	size_t size;
};

struct reader {
	const uint8_t *at, *end;
	bool bad;
};

static inline struct reader reader_at(struct bytes b, uint64_t offset)
{
	static const uint8_t none[1];
	if (offset > b.size || !b.data)
		return (struct reader){none, none, offset > b.size};
	return (struct reader){b.data + offset, b.data + b.size, false};
}

static inline size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->at);
}

static inline bool reader_take(struct reader *r, void *out, size_t n)
{
	if (reader_left(r) < n) {
		r->bad = true;
		r->at = r->end;
		memset(out, 0, n);
		return false;
	}
	memcpy(out, r->at, n);
	r->at += n;
	return true;
}

static inline void reader_skip(struct reader *r, uint64_t n)
{
	if (reader_left(r) < n) {
		r->bad = true;
		n = reader_left(r);
	}
	r->at += n;
}

static inline uint8_t read_u8(struct reader *r)
{
	uint8_t v;
	reader_take(r, &v, sizeof v);
	return v;
}

static inline uint16_t read_u16(struct reader *r)
{
	uint16_t v;
	reader_take(r, &v, sizeof v);
	return v;
}

static inline uint32_t read_u32(struct reader *r)
{
	uint32_t v;
	reader_take(r, &v, sizeof v);
	return v;
}

static inline uint64_t read_u64(struct reader *r)
{
	uint64_t v;
	reader_take(r, &v, sizeof v);
	return v;
}

/* Bits beyond the 64th are dropped: such a number is nonsense in every format read here. */
static inline uint64_t read_uleb(struct reader *r)
{
	uint64_t v = 0;
	for (unsigned shift = 0;; shift += 7) {
		uint8_t b = read_u8(r);
		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
}

static inline int64_t read_sleb(struct reader *r)
{
	uint64_t v = 0;
	for (unsigned shift = 0;;) {
		uint8_t b = read_u8(r);
		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		shift += 7;
		if (b & 0x80)
			continue;
		if (shift < 64 && (b & 0x40))
			v |= UINT64_MAX << shift;
		return (int64_t)v;
	}
}

/* A NUL-terminated text inside the bytes, or "" and bad. */
static inline const char *read_cstr(struct reader *r)
{
	const uint8_t *nul = reader_left(r) ? memchr(r->at, 0, reader_left(r)) : NULL;
	if (!nul) {
		r->bad = true;
		r->at = r->end;
		return "";
	}
	const char *text = (const char *)r->at;
	r->at = nul + 1;
	return text;
}

#endif
