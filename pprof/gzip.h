/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gzip.h - gzip framing (RFC 1952) of bytes in stored deflate blocks (RFC 1951, 3.2.4).
 */
#ifndef GORT_PPROF_GZIP_H
#define GORT_PPROF_GZIP_H

#include <stddef.h>
#include <stdint.h>

#include "proto.h"

uint32_t gzip_crc32(const void *bytes, size_t n);
/* Appends the gzip member that holds n bytes to out; failure is out's sticky oom. */
void gzip_store(struct pbuf *out, const unsigned char *bytes, size_t n);

#endif
