/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gzip.c - gzip framing without compression.
 *
 * Readers of profile.proto expect a gzip container, and libgort may not link zlib. Profiles are
 * small because stacks are shared (70 distinct stacks are about 20 KB), so the bytes are stored.
 */
#include "gzip.h"

enum { BLOCK_MAX = 65535, OS_UNKNOWN = 255, DEFLATE = 8 };

/* The table is built per call: 2048 steps are nothing beside one profile, no state is shared. */
uint32_t gzip_crc32(const void *bytes, size_t n)
{
	uint32_t table[256];
	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
	}
	const unsigned char *p = bytes;
	uint32_t crc = ~0u;
	for (size_t i = 0; i < n; i++)
		crc = crc >> 8 ^ table[(crc ^ p[i]) & 0xff];
	return ~crc;
}

static void put_le(struct pbuf *out, uint32_t v, size_t bytes)
{
	unsigned char le[4] = {v & 0xff, v >> 8 & 0xff, v >> 16 & 0xff, v >> 24};
	pb_raw(out, le, bytes);
}

static void put_block(struct pbuf *out, const unsigned char *bytes, uint32_t n, unsigned char final)
{
	pb_raw(out, &final, 1);
	put_le(out, n, 2);
	put_le(out, ~n, 2);
	pb_raw(out, bytes, n);
}

void gzip_store(struct pbuf *out, const unsigned char *bytes, size_t n)
{
	static const unsigned char head[10] = {0x1f, 0x8b, DEFLATE, [9] = OS_UNKNOWN};
	pb_raw(out, head, sizeof head);
	size_t left = n;
	for (; left > BLOCK_MAX; left -= BLOCK_MAX)
		put_block(out, bytes + (n - left), BLOCK_MAX, 0);
	put_block(out, n ? bytes + (n - left) : bytes, (uint32_t)left, 1);
	put_le(out, gzip_crc32(bytes, n), 4);
	put_le(out, (uint32_t)n, 4);
}
