/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proto.c - protobuf wire format.
 *
 * The length of a nested message is not known before its fields are written, so pb_close() moves
 * the message up by the one to ten bytes of its length. Messages of a profile are a few dozen bytes
 * and nest one deep (Location > Line, Sample > Label), which makes the move cheaper than computing
 * every size twice.
 */
#include <stdlib.h>
#include <string.h>

#include "proto.h"

enum { WIRE_VARINT = 0, WIRE_BYTES = 2, VARINT_MAX = 10 };

void pb_free(struct pbuf *b)
{
	free(b->data);
	*b = (struct pbuf){0};
}

static bool reserve(struct pbuf *b, size_t n)
{
	if (b->oom)
		return false;
	if (b->cap - b->len >= n)
		return true;
	size_t want = b->cap ? b->cap : 1024;
	while (want - b->len < n)
		want *= 2;
	unsigned char *bigger = realloc(b->data, want);
	if (!bigger) {
		b->oom = true;
		return false;
	}
	b->data = bigger;
	b->cap = want;
	return true;
}

void pb_raw(struct pbuf *b, const void *bytes, size_t n)
{
	if (n == 0 || !reserve(b, n))
		return;
	memcpy(b->data + b->len, bytes, n);
	b->len += n;
}

static size_t put_varint(unsigned char *out, uint64_t v)
{
	size_t n = 0;
	for (; v >= 0x80; v >>= 7)
		out[n++] = (unsigned char)(v | 0x80);
	out[n++] = (unsigned char)v;
	return n;
}

void pb_varint(struct pbuf *b, uint64_t v)
{
	unsigned char bytes[VARINT_MAX];
	pb_raw(b, bytes, put_varint(bytes, v));
}

static void tag(struct pbuf *b, uint32_t field, unsigned wire)
{
	pb_varint(b, (uint64_t)field << 3 | wire);
}

void pb_uint(struct pbuf *b, uint32_t field, uint64_t v)
{
	if (v == 0)
		return;
	tag(b, field, WIRE_VARINT);
	pb_varint(b, v);
}

void pb_bytes(struct pbuf *b, uint32_t field, const void *bytes, size_t n)
{
	tag(b, field, WIRE_BYTES);
	pb_varint(b, n);
	pb_raw(b, bytes, n);
}

void pb_packed(struct pbuf *b, uint32_t field, const uint64_t *v, size_t n)
{
	if (n == 0)
		return;
	size_t mark = pb_open(b, field);
	for (size_t i = 0; i < n; i++)
		pb_varint(b, v[i]);
	pb_close(b, mark);
}

size_t pb_open(struct pbuf *b, uint32_t field)
{
	tag(b, field, WIRE_BYTES);
	return b->len;
}

void pb_close(struct pbuf *b, size_t mark)
{
	unsigned char head[VARINT_MAX];
	size_t body = b->len - mark, n = put_varint(head, body);
	if (!reserve(b, n))
		return;
	memmove(b->data + mark + n, b->data + mark, body);
	memcpy(b->data + mark, head, n);
	b->len += n;
}
