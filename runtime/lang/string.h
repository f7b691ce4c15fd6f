/* SPDX-License-Identifier: BSD-2-Clause */
/* string.h - what makes strings inside the runtime. */
#ifndef GORT_LANG_STRING_H
#define GORT_LANG_STRING_H

#include "base/throw.h"
#include "gort/strings.h"

/* Room for a string of n bytes, NULL for none. */
char *newtext(gort_isize n);

static inline gort_string strfrom(gort_string s, gort_isize i)
{
	return gort_str_sub(s, i, s.len);
}

#endif
