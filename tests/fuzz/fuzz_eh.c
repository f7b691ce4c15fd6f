/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_eh.c - call frame tables: finds and applies the rows of pcs all over the module.
 *
 * Input: u64 address of .eh_frame_hdr, u64 address of .eh_frame, u32 size of .eh_frame_hdr, then
 * both.
 */
#include <stdlib.h>
#include "debug/eh.h"

static bool read_any(const struct eh_mem *mem, uint64_t addr, uint64_t *out)
{
	(void)mem;
	*out = addr * 0x9e3779b97f4a7c15u;
	return addr % 64 != 0;
}

static void try_pc(const struct eh_image *im, uint64_t pc)
{
	struct eh_mem mem = {read_any};
	struct eh_row row;
	struct regs regs;
	for (int i = 0; i < NREGS; i++)
		regs.r[i] = 0x7fff00000000u + i * 8u;
	if (!eh_find_row(im, pc, &row))
		eh_step(im, &row, &mem, &regs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = {data, data + size, false};
	struct eh_image im = {.hdr_addr = read_u64(&r), .frame_addr = read_u64(&r)};
	uint32_t hdr_size = read_u32(&r);
	if (r.bad || hdr_size > reader_left(&r))
		return 0;
	im.hdr = (struct bytes){r.at, hdr_size};
	im.frame = (struct bytes){r.at + hdr_size, reader_left(&r) - hdr_size};
	for (size_t at = 12; at + 8 <= hdr_size && at < 12 + 8 * 64; at += 8) {
		int32_t start;
		memcpy(&start, im.hdr.data + at, sizeof start);
		for (uint64_t off = 0; off < 48; off += 5)
			try_pc(&im, im.hdr_addr + (uint64_t)(int64_t)start + off);
	}
	im.hdr.size = 0;
	try_pc(&im, im.frame_addr - 64);
	return 0;
}
