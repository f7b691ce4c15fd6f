/* SPDX-License-Identifier: BSD-2-Clause */
/* unannounced_loop.c - a library that loops without a system call and without a call of libgort. */

__attribute__((visibility("default"))) void loopuntil(const volatile int *word, int value);

void loopuntil(const volatile int *word, int value)
{
	while (*word != value)
		;
}
