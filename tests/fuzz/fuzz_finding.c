/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_finding.c - the input is a record as a child under gort-race might send it. */
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>
#include "cli/racereport.h"

static void report(const struct gort_finding *record, size_t len, int format)
{
	static struct out out;
	static struct race_report r;
	struct gort_finding f = *record;
	struct opts o = {.format = format};
	struct gsnap_err err;
	if (out_open(&out, &o, open("/dev/null", O_WRONLY | O_CLOEXEC), &err))
		__builtin_trap();
	race_report_begin(&r, &out, format, "fuzz");
	int rc = race_report_add(&r, &f, len);
	if (race_report_end(&r) != (rc == 0))
		__builtin_trap();
	out_close(&out);
	close(out.fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gort_finding f;
	memset(&f, 0, sizeof f);
	memcpy(&f, data, size < sizeof f ? size : sizeof f);
	report(&f, size, FORMAT_TEXT);
	report(&f, size, FORMAT_JSON);
	return 0;
}
