/* SPDX-License-Identifier: BSD-2-Clause */
/* lives_library.c - what lives.c loads. */
#include <stdbool.h>

void library_touch(bool early);

static long shared;

static __attribute__((noinline)) void library_early(void)
{
	shared++;
}

static __attribute__((noinline)) void library_late(void)
{
	shared++;
}

__attribute__((visibility("default"))) void library_touch(bool early)
{
	if (early)
		library_early();
	else
		library_late();
}
