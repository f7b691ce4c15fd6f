/* SPDX-License-Identifier: BSD-2-Clause */
/* values.c - functions that return structures, for stores.c. */
#include "fake.h"

struct two make_two(void *a, void *b)
{
	return (struct two){a, b};
}

struct five make_five(void *a)
{
	struct five f = {{a, NULL, a, NULL, a}};
	return f;
}
