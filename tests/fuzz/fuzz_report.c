/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_report.c - the input is a file of suppressions and a baseline, and its parts are the names
 * of a finding that both are asked about.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct report r = {.tool = "fuzz"};
	const char *text = (const char *)data, *why;
	char name[64];
	unsigned line;
	report_suppressions(&r, text, size, &line, &why);
	report_baseline(&r, text, size);
	report_add(&r, "leak-select", "");
	report_stack(&r, REPORT_AT, "");
	for (size_t i = 0; i < size && i < 512; i += sizeof name - 1) {
		size_t n = size - i < sizeof name - 1 ? size - i : sizeof name - 1;
		memcpy(name, data + i, n);
		name[n] = '\0';
		report_frame(&r, name, name, 1);
	}
	report_judge(&r);
	report_close(&r);
	return 0;
}
