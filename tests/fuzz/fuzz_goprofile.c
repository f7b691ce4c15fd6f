/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_goprofile.c - the input is memory of the process of goimage.h in which its runtime keeps the
 * buckets of its profiles (tests/probes/goprofimage.h).
 */
#include "tests/probes/goprofimage.h"

static void read_kind(struct goprofimage *pi, enum probe_profile_kind kind)
{
	struct gsnap s;
	gsnap_init(&s, GSNAP_GO);
	if (!goprofile_from(&pi->g, kind, GOPROF_BASE + GOPROF_FIRST, kind & 1, &s))
		for (uint32_t i = 0; i < s.nsamples; i++)
			if (s.samples[i].stack >= s.nstacks || s.samples[i].visible >= s.nstacks)
				__builtin_trap();
	gsnap_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct goprofimage pi;
	goimage_make(&pi.exe);
	pi.data = data;
	pi.size = size;
	goprofimage_open(&pi);
	read_kind(&pi, PROBE_PROFILE_HEAP);
	read_kind(&pi, PROBE_PROFILE_BLOCK);
	read_kind(&pi, PROBE_PROFILE_MUTEX);
	read_kind(&pi, PROBE_PROFILE_THREADCREATE);
	gotarget_close(&pi.g);
	return 0;
}
