/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_jsonread.c - the input is a JSON document: walked as by gort diff, and skipped whole. */
#include <string.h>
#include "cli/jsonread.h"

static void walk(struct jr *j, int depth)
{
	char key[8], text[16];
	if (depth == 8) {
		jr_skip(j);
	} else if (depth % 2 == 0 && jr_open(j, '{')) {
		while (jr_key(j, key, sizeof key)) {
			if (key[0] == 's')
				jr_str(j, text, sizeof text);
			else if (key[0] == 'n')
				jr_int(j, 0);
			else
				walk(j, depth + 1);
			if (strlen(key) >= sizeof key)
				__builtin_trap();
		}
	} else if (depth % 2 == 1 && jr_open(j, '[')) {
		while (jr_element(j))
			walk(j, depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jr j;
	jr_init(&j, (const char *)data, size);
	walk(&j, 0);
	if (j.p > j.end)
		__builtin_trap();
	jr_init(&j, (const char *)data, size);
	jr_skip(&j);
	jr_end(&j);
	return 0;
}
