/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gorefs.c - which variables a function's code refers to, without a disassembler.
 *
 * Go addresses globals rip-relative: a ModRM byte with mod 00 and rm 101, a 32-bit displacement,
 * and the immediate operand if the instruction has one. Every byte that could be such a ModRM byte
 * is tried; a wrong guess yields an address outside the module's data or one that fails the check
 * of its value (gocheck.c), so no instruction needs to be decoded. Rejected: a real decoder, which
 * adds a dependency and finds nothing more.
 */
#include <string.h>
#include "gotarget.h"

/* Length of the immediate that follows the displacement, by opcode. */
static unsigned immediate_len(const uint8_t *code, size_t modrm)
{
	uint8_t op = code[modrm - 1], before = modrm >= 2 ? code[modrm - 2] : 0;
	if (before == 0x0f)
		return memchr("\xba\xa4\xac\xc2\xc4\xc6\x70", op, 7) ? 1 : 0;
	if (op && memchr("\x80\x83\xc6\xc0\xc1\x6b", op, 6))
		return 1;
	if (memchr("\xc7\x81\x69", op, 3))
		return before == 0x66 ? 2 : 4;
	return 0;
}

size_t gorefs(const struct gotarget *g, uint32_t idx, struct goref *out, size_t max)
{
	struct gofunc f;
	if (idx == UINT32_MAX || !pclntab_func(&g->tab, idx, &f))
		return 0;
	uint64_t entry = g->md.text + f.entry;
	size_t avail, n = 0;
	const uint8_t *code = elf_at(&g->elf, entry - g->bias, &avail);
	size_t len = f.end - f.entry < avail ? f.end - f.entry : avail;
	for (size_t k = 1; code && k + 5 <= len && n < max; k++) {
		if ((code[k] & 0xc7) != 5)
			continue;
		int32_t disp;
		memcpy(&disp, code + k + 1, sizeof disp);
		unsigned imm = immediate_len(code, k);
		if (k + 5 + imm > len)
			continue;
		uint64_t at = entry + k + 5 + imm + (uint64_t)(int64_t)disp;
		if (at < g->md.data.lo || at >= g->md.data.hi)
			continue;
		out[n] = (struct goref){.at = at, .opcode = code[k - 1]};
		memcpy(&out[n++].imm, code + k + 5, imm);
	}
	return n;
}
