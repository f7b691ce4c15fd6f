/* SPDX-License-Identifier: BSD-2-Clause */
/* error.h - errors that are a text, for the rest of the runtime. */
#ifndef GORT_LANG_ERROR_H
#define GORT_LANG_ERROR_H

#include <stdarg.h>

#include "gort/error.h"

/* A new error of one of the types that are a text, with a copy of it. Any thread. */
gort_error errortext(const struct gort_errortype *type, const char *text);
gort_error errorformat(const struct gort_errortype *type, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

#endif
