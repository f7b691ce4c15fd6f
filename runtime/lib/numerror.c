/* SPDX-License-Identifier: BSD-2-Clause */
/* numerror.c - the errors of strconv. */
#include "gort/fmt.h"
#include "lang/string.h"
#include "lib/strconv.h"
#include "lib/unicode.h"

static const char *textof(gort_error err)
{
	return ((const struct gort_numerror *)err)->text;
}

static gort_error wrapped(gort_error err)
{
	return ((const struct gort_numerror *)err)->err;
}

GORT_ERROR_TYPE(numerror, .text = textof, .unwrap = wrapped);
GORT_SENTINEL(gort_err_syntax, "invalid syntax");
GORT_SENTINEL(gort_err_range, "value out of range");

gort_error numerror(const char *fn, gort_string s, gort_error why)
{
	struct gort_numerror *err = gort_malloc(sizeof(*err));
	gort_builder b = {0};
	gort_builder_printf(&b, "strconv.%s: parsing ", fn);
	appendquoted(&b, s, '"', false);
	gort_builder_printf(&b, ": %s", gort_error_text(why));
	gort_builder_byte(&b, '\0');
	*err = (struct gort_numerror){{&gort_errortype_numerror}, fn, gort_str_make(s.ptr, s.len),
		why, (const char *)b.buf.ptr};
	return &err->base;
}

gort_error numerrorf(const char *fn, gort_string s, const char *why, int value)
{
	return numerror(fn, s, gort_errorf("%s %d", why, value));
}

bool samelower(gort_string a, const char *b)
{
	for (gort_isize i = 0; i < a.len; i++, b++) {
		if (tolowerrune((uint8_t)a.ptr[i]) != *b || !*b)
			return false;
	}
	return !*b;
}
