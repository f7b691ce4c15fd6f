/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proto.h - a growing byte buffer and the protobuf wire format, as far as profile.proto needs it.
 *
 * Wire types used: 0 (varint) and 2 (length-delimited: strings, packed integers, messages). Running
 * out of memory is sticky: later writes do nothing and the owner looks at `oom` once, at the end.
 */
#ifndef GORT_PPROF_PROTO_H
#define GORT_PPROF_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pbuf {
	unsigned char *data;
	size_t len, cap;
	bool oom;
};

void pb_free(struct pbuf *b);
void pb_raw(struct pbuf *b, const void *bytes, size_t n);
void pb_varint(struct pbuf *b, uint64_t v);

/* Fields. A zero integer is not written, as in proto3: absent means 0. */
void pb_uint(struct pbuf *b, uint32_t field, uint64_t v);
void pb_bytes(struct pbuf *b, uint32_t field, const void *bytes, size_t n);
void pb_packed(struct pbuf *b, uint32_t field, const uint64_t *v, size_t n);

/* A nested message: fields written between open and close belong to it; close takes open's
 * value. */
size_t pb_open(struct pbuf *b, uint32_t field);
void pb_close(struct pbuf *b, size_t mark);

#endif
