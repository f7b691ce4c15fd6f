/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print.h - writes text piece by piece to a file descriptor, in any context (Go's print.go).
 * Nothing is allocated and errno is kept; a failing write drops the text.
 */
#ifndef GORT_DEBUG_PRINT_H
#define GORT_DEBUG_PRINT_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

struct printer {
	int fd;
	uint32_t n;
	char buf[4096];
};

static inline void print_flush(struct printer *p)
{
	int saved = errno;
	for (uint32_t at = 0; at < p->n;) {
		ssize_t did = write(p->fd, p->buf + at, p->n - at);
		if (did < 0 && errno == EINTR)
			continue;
		if (did <= 0)
			break;
		at += (uint32_t)did;
	}
	p->n = 0;
	errno = saved;
}

static inline void print_bytes(struct printer *p, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p->n == sizeof p->buf)
			print_flush(p);
		p->buf[p->n++] = text[i];
	}
}

static inline void print_str(struct printer *p, const char *text)
{
	print_bytes(p, text, strlen(text));
}

static inline void print_number(struct printer *p, uint64_t v, unsigned base)
{
	char digits[24];
	size_t at = sizeof digits;
	do {
		digits[--at] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	print_bytes(p, digits + at, sizeof digits - at);
}

static inline void print_dec(struct printer *p, uint64_t v)
{
	print_number(p, v, 10);
}

static inline void print_hex(struct printer *p, uint64_t v)
{
	print_str(p, "0x");
	print_number(p, v, 16);
}

#endif
