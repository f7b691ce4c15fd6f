/* SPDX-License-Identifier: BSD-2-Clause */
/* text.c - see text.h. */
#include "builtins.h"

#include <stddef.h>

#include "sys.h"
#include "text.h"

void text_begin(struct text *t, int fd)
{
	t->fd = fd;
	t->n = 0;
	t->seen = NULL;
}

void text_flush(struct text *t)
{
	t->buf[t->n] = '\0';
	if (t->seen)
		t->seen(t->buf);
	for (uint32_t done = 0; done < t->n;) {
		long n = sys_write(t->fd, t->buf + done, t->n - done);
		if (n <= 0)
			break;
		done += (uint32_t)n;
	}
	t->n = 0;
}

void text_put(struct text *t, const char *s)
{
	for (; *s; s++) {
		if (t->n == sizeof t->buf - 1 && t->fd >= 0)
			text_flush(t);
		if (t->n < sizeof t->buf - 1)
			t->buf[t->n++] = *s;
	}
}

void text_uint(struct text *t, uint64_t n, uint32_t base)
{
	char digits[24], *d = digits + sizeof digits - 1;
	*d = '\0';
	do
		*--d = "0123456789abcdef"[n % base];
	while (n /= base);
	text_put(t, d);
}

void text_hex(struct text *t, uint64_t n)
{
	text_put(t, "0x");
	text_uint(t, n, 16);
}

bool same_text(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}
