/* SPDX-License-Identifier: BSD-2-Clause */
#include "fakego.h"

#include <string.h>

enum { HEADERS = 0, INFO = 0x800, INLTREE = 0x900, TABLE = 0x1000 };
enum { NAMES = 0x80, CUTAB = 0x100, FILES = 0x120, PCTAB = 0x180, FUNCS = 0x200 };
enum { PCSP = 1, PCFILE = 8, PCLN = 16, PCINL = 24, PCNONE = 32 };

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof v);
}

static void put64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof v);
}

static void put_headers(uint8_t *image)
{
	Elf64_Ehdr eh = {.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = 1,
		.e_phoff = sizeof eh,
		.e_ehsize = sizeof eh,
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1};
	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = ELFCLASS64;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	Elf64_Phdr ph = {.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W,
		.p_vaddr = FAKEGO_BASE,
		.p_filesz = FAKEGO_SIZE,
		.p_memsz = FAKEGO_SIZE};
	memcpy(image, &eh, sizeof eh);
	memcpy(image + sizeof eh, &ph, sizeof ph);
}

static void put_info(uint8_t *info, const char *version)
{
	memcpy(info, "\xff Go buildinf:\x08\x02", 16);
	info[32] = (uint8_t)strlen(version);
	memcpy(info + 33, version, strlen(version));
}

/* One function: entry, name, tables; all with the same pcfile and pcln. */
static void put_func(uint8_t *table, unsigned i, uint32_t name, uint32_t pcsp, uint8_t flag)
{
	uint32_t at = 0x40 + i * 0x50;
	uint8_t *f = table + FUNCS + at;
	put32(table + FUNCS + i * 8, i * FAKEGO_FUNC);
	put32(table + FUNCS + i * 8 + 4, at);
	put32(f, i * FAKEGO_FUNC);
	put32(f + 4, name);
	put32(f + 0x10, pcsp);
	put32(f + 0x14, PCFILE);
	put32(f + 0x18, PCLN);
	put32(f + 0x1c, 3); /* npcdata */
	f[0x29] = flag;
	f[0x2b] = 4; /* nfuncdata */
	put32(f + 44 + 8, i == 1 ? PCINL : PCNONE);
	for (int k = 0; k < 4; k++)
		put32(f + 44 + 12 + 4 * k, k == 3 && i == 1 ? 0 : UINT32_MAX);
}

static void put_table(uint8_t *table)
{
	put32(table, 0xfffffff1u);
	table[6] = 1;
	table[7] = 8;
	put64(table + 8, 3);
	put64(table + 32, NAMES);
	put64(table + 40, CUTAB);
	put64(table + 48, FILES);
	put64(table + 56, PCTAB);
	put64(table + 64, FUNCS);
	memcpy(table + NAMES, "\0main.main\0main.leaf\0runtime.goexit\0main.tiny[go.shape.int]",
		60);
	put32(table + CUTAB, 0);
	memcpy(table + FILES, "main.go", 8);
	/* Each table: zig-zag value delta from -1, pc delta in bytes; then 0. */
	memcpy(table + PCTAB + PCSP, (uint8_t[]){(FAKEGO_FRAME + 1) * 2, FAKEGO_FUNC, 0}, 3);
	memcpy(table + PCTAB + PCFILE, (uint8_t[]){2, FAKEGO_FUNC, 0}, 3);
	memcpy(table + PCTAB + PCLN, (uint8_t[]){22, 0x20, 20, 0x20, 0}, 5); /* 10, then 20 */
	memcpy(table + PCTAB + PCINL, (uint8_t[]){0, 0x20, 2, 0x20, 0}, 5);  /* -1, then 0 */
	memcpy(table + PCTAB + PCNONE, (uint8_t[]){0, FAKEGO_FUNC, 0}, 3);
	put_func(table, 0, 1, PCSP, 0);
	put_func(table, 1, 11, PCSP, 0);
	put_func(table, 2, 21, 0, 1);
	put32(table + FUNCS + 3 * 8, 3 * FAKEGO_FUNC);
}

void fakego_build(struct fakego *f, const char *version)
{
	memset(f, 0, sizeof *f);
	put_headers(f->image + HEADERS);
	put_info(f->image + INFO, version);
	/* inlinedCall: funcID, nameOff, parentPc, startLine. */
	put32(f->image + INLTREE + 4, 36);
	put32(f->image + INLTREE + 8, 0x10);
	put_table(f->image + TABLE);
	f->table = TABLE;
	f->gofunc = INLTREE;
}
