/* SPDX-License-Identifier: BSD-2-Clause */
/* chain_fp.c - compiled with frame pointers and without CFI. */
#include "chain.h"

__attribute__((noinline)) uintptr_t chain_frame_pointer(uintptr_t n)
{
	uintptr_t r = chain_plain(n);
	__asm__ volatile("" ::: "memory");
	return r + 1;
}
