/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_elfsym.c - the input is a program file whose functions are listed. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "race/elfsym.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elfsym e;
	struct elfload load;
	uint64_t value, last = 0;
	const char *name;
	bool weak;
	if (!elfsym_open(&e, data, size))
		return 0;
	while ((name = elfsym_next(&e, &value, &weak))) {
		if (name < (const char *)data || name + strlen(name) >= (const char *)data + size)
			__builtin_trap();
		last = value;
	}
	elfsym_load(&e, last, &load);
	return 0;
}
