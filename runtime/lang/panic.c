/* SPDX-License-Identifier: BSD-2-Clause */
/* panic.c - the fatal ends of a program: message, blank line, exit 2. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/throw.h"
#include "gort/gort.h"

static _Noreturn void die(const char *head, const char *fmt, va_list ap)
{
	char text[1024];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s", head);
	vsnprintf(text + n, sizeof(text) - n - 2, fmt, ap);
	dprintf(STDERR_FILENO, "%s\n\n", text);
	_exit(2);
}

void throw(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	die("fatal error: ", fmt, ap);
}

void fatal(const char *text)
{
	throw("%s", text);
}

void gopanic_text(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	die("panic: ", fmt, ap);
}

void gort_panicf(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	die("panic: ", fmt, ap);
}

int gcleakgate(int code)
{
	return code;
}
