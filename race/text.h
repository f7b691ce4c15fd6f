/* SPDX-License-Identifier: BSD-2-Clause */
/* text.h - formatted output without libc: it may be called inside malloc, or on a signal stack. */
#ifndef GORT_RACE_TEXT_H
#define GORT_RACE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

struct text {
	int fd; /* -1: what fits is kept in buf */
	uint32_t n;
	void (*seen)(const char *); /* if not NULL, is shown all that is written */
	char buf[4096];
};

void text_begin(struct text *t, int fd);
void text_flush(struct text *t);
void text_put(struct text *t, const char *s);
void text_uint(struct text *t, uint64_t n, uint32_t base);
void text_hex(struct text *t, uint64_t n); /* with 0x */

/* strcmp() without this library's own interceptor of it. */
bool same_text(const char *a, const char *b);

#endif
