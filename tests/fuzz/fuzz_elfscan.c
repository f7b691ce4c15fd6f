/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_elfscan.c - the input is a program file. */
#include <stdint.h>
#include <string.h>
#include "cli/elfscan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elfscan e;
	elfscan(data, size, &e);
	if (!memchr(e.tsan, 0, sizeof e.tsan) || (!e.elf64 && (e.go || e.libgort || e.tsan[0])))
		__builtin_trap();
	return 0;
}
