/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * err.c - prints errors in four parts: what happened, why, what to try, what to read.
 *
 *   gort: cannot read memory of pid 4121 (checkout): Operation not permitted
 *     why:  kernel.yama.ptrace_scope is 1 and 4121 is not a child of this shell
 *     try:  sudo gort top 4121
 *     see:  gort help permissions
 *
 * A message is one write(2), so it stays in one piece between the lines of a child process. Names
 * of processes and files are the target's and may hold escape sequences: text_clean takes them out.
 */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "err.h"

void err_what(struct gsnap_err *e, int code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	*e = (struct gsnap_err){.code = code};
	vsnprintf(e->what, sizeof e->what, fmt, ap);
	va_end(ap);
}

void err_why(struct gsnap_err *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(e->why, sizeof e->why, fmt, ap);
	va_end(ap);
}

void err_try(struct gsnap_err *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	for (int i = 0; i < GSNAP_TRIES; i++)
		if (!e->tries[i][0]) {
			vsnprintf(e->tries[i], sizeof e->tries[i], fmt, ap);
			break;
		}
	va_end(ap);
}

void err_see(struct gsnap_err *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(e->see, sizeof e->see, fmt, ap);
	va_end(ap);
}

static bool c1_control(const unsigned char *p, size_t left)
{
	return left > 1 && p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f;
}

void text_clean(char *text, size_t len)
{
	unsigned char *p = (unsigned char *)text;
	for (size_t i = 0; i < len; i++) {
		if (p[i] - 0x20u < 0x7f - 0x20)
			continue;
		if (c1_control(p + i, len - i))
			p[i] = p[i + 1] = '?';
		else if ((p[i] < 0x20 && p[i] != '\t' && p[i] != '\n') || p[i] == 0x7f)
			p[i] = '?';
	}
}

static size_t part(char *buf, size_t size, size_t at, const char *label, const char *text)
{
	if (!text[0])
		return at;
	char *p = at < size ? buf + at : NULL;
	return at + snprintf(p, at < size ? size - at : 0, "  %-4s  %s\n", label, text);
}

size_t err_format(const struct gsnap_err *e, char *buf, size_t size)
{
	size_t n = snprintf(buf, size, "gort: %s\n", e->what);
	n = part(buf, size, n, "why:", e->why);
	for (int i = 0; i < GSNAP_TRIES; i++)
		n = part(buf, size, n, i ? "" : "try:", e->tries[i]);
	return part(buf, size, n, "see:", e->see);
}

/* Standard error is the last resort: when it cannot be written there is nobody left to tell. */
static void write_stderr(const char *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, buf, len);
		if (n <= 0)
			return;
		buf += n;
		len -= n;
	}
}

int err_print(const struct gsnap_err *e)
{
	char buf[2048];
	size_t n = err_format(e, buf, sizeof buf);
	if (n >= sizeof buf)
		n = sizeof buf - 1;
	text_clean(buf, n);
	write_stderr(buf, n);
	return e->code ? e->code : CLI_FAIL;
}

void note(const struct opts *o, const char *fmt, ...)
{
	if (o->quiet)
		return;
	char buf[1024] = "gort: ";
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(buf + 6, sizeof buf - 8, fmt, ap);
	va_end(ap);
	size_t len = n < 0 ? 6 : n + 6u < sizeof buf - 2 ? n + 6u : sizeof buf - 3;
	text_clean(buf, len);
	buf[len++] = '\n';
	write_stderr(buf, len);
}
