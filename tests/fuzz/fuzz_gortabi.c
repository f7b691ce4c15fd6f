/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_gortabi.c - the input is a target's memory from BASE on, a table at its start. */
#include <string.h>
#include "probes/gortabi.h"

#define BASE 0x10000u

struct image {
	const uint8_t *data;
	size_t size;
};

static bool read_image(void *ctx, taddr at, void *buf, size_t len)
{
	const struct image *im = ctx;
	if (at.v < BASE || at.v - BASE > im->size || len > im->size - (at.v - BASE))
		return false;
	memcpy(buf, im->data + (at.v - BASE), len);
	return true;
}

static void look_around(struct gortabi *abi)
{
	for (uint32_t i = 0; i < abi->n; i++) {
		const struct gort_abi_entry *e = &abi->entries[i];
		const struct gort_abi_entry *first = gortabi_find(abi, e->name, e->what);
		if (first && strcmp(first->name, e->name))
			__builtin_trap();
	}
	if (gortabi_find(abi, "no such name", GORT_ABI_CONST))
		__builtin_trap();
	gortabi_free(abi);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image im = {data, size};
	struct tmem mem = {read_image, &im};
	struct gortabi abi;
	if (gortabi_read(&mem, (taddr){BASE}, &abi) == 0)
		look_around(&abi);
	if (gortabi_scan(&mem, (taddr){BASE}, (taddr){BASE + size}, &abi) == 0)
		look_around(&abi);
	return 0;
}
