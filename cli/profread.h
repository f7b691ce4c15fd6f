/* SPDX-License-Identifier: BSD-2-Clause */
/* profread.h - reads what `gort diff` needs of a profile.proto: who uses how much, by function. */
#ifndef GORT_CLI_PROFREAD_H
#define GORT_CLI_PROFREAD_H

#include <stddef.h>
#include <stdint.h>

struct profread {
	char type[64], unit[32]; /* of the value: "goroutine" "count", "cpu" "nanoseconds" */
	int64_t time_ns, total;
	void *ctx;
	/* One sample: the function at its leaf, "" when it has none, and its value. */
	void (*sample)(void *ctx, const char *func, int64_t value);
};

/* Reads an uncompressed message. 0, -EPROTO when it is none, -ENOMEM. */
int profread(struct profread *r, const uint8_t *data, size_t len);
/* Uncompresses a gzip file; *out is freed by the caller. 0, -EPROTO, -EFBIG, -ENOMEM. */
int profread_gunzip(const uint8_t *data, size_t len, uint8_t **out, size_t *outlen);

#endif
