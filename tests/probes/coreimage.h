/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * coreimage.h - a core of the process of goimage.h, as the kernel would write it: two threads, one
 * of them on goroutine 2, and all of its memory. Tests damage it; fuzz_core starts from it.
 */
#ifndef GORT_TESTS_PROBES_COREIMAGE_H
#define GORT_TESTS_PROBES_COREIMAGE_H

#include <sys/auxv.h>
#include <sys/procfs.h>
#include "goimage.h"

#define CORE_NOTES  0x200u /* file offsets */
#define CORE_MEMORY 0x1000u
#define CORE_SIZE   (CORE_MEMORY + GOIMAGE_SIZE)
#define CORE_EXE    "/nonexistent/shop"

enum { CORE_PH_NOTE, CORE_PH_TEXT, CORE_PH_DATA, CORE_NPH };

struct coreimage {
	uint8_t bytes[CORE_SIZE];
	size_t notes; /* bytes of them */
};

static inline Elf64_Phdr *coreimage_ph(struct coreimage *c, unsigned i)
{
	return (Elf64_Phdr *)(void *)(c->bytes + sizeof(Elf64_Ehdr)) + i;
}

static inline void coreimage_note(
	struct coreimage *c, uint32_t type, const void *desc, uint32_t len)
{
	Elf64_Nhdr nh = {.n_namesz = 5, .n_descsz = len, .n_type = type};
	uint8_t *at = c->bytes + CORE_NOTES + c->notes;
	memcpy(at, &nh, sizeof nh);
	memcpy(at + sizeof nh, "CORE", 5);
	memcpy(at + sizeof nh + 8, desc, len);
	c->notes += sizeof nh + 8 + ((len + 3u) & ~3u);
}

static inline void coreimage_thread(struct coreimage *c, int tid, uint64_t pc, uint64_t sp)
{
	struct elf_prstatus st = {.pr_pid = tid, .pr_cursig = 6};
	st.pr_reg[16] = pc;
	st.pr_reg[19] = sp;
	coreimage_note(c, NT_PRSTATUS, &st, sizeof st);
}

static inline void coreimage_files(struct coreimage *c)
{
	struct {
		uint64_t count, page, rows[2][3];
		char paths[2 * sizeof CORE_EXE];
	} f = {.count = 2, .page = 0x1000};
	uint64_t text = GOIMAGE_BASE, data = addr_of(AT_BUILDINFO);
	memcpy(f.rows, (uint64_t[]){text, data, 0, data, GOIMAGE_BASE + GOIMAGE_SIZE, 1},
		sizeof f.rows);
	memcpy(f.paths, CORE_EXE "\0" CORE_EXE, sizeof f.paths);
	coreimage_note(c, NT_FILE, &f, sizeof f);
}

static inline void coreimage_notes(struct coreimage *c)
{
	struct elf_prpsinfo ps = {.pr_pid = 76, .pr_uid = 1000, .pr_fname = "shop"};
	uint64_t auxv[] = {
		AT_PHDR, GOIMAGE_BASE + sizeof(Elf64_Ehdr), AT_ENTRY, addr_of(AT_TEXT), AT_NULL, 0};
	coreimage_thread(c, 77, addr_of(AT_TEXT + F_WORK + 4), addr_of(AT_STACK2 + 0x300));
	coreimage_note(c, NT_PRPSINFO, &ps, sizeof ps);
	coreimage_note(c, NT_AUXV, auxv, sizeof auxv);
	coreimage_files(c);
	coreimage_thread(c, 76, 0x1000, 0x2000);
}

static inline void coreimage_make(struct coreimage *c)
{
	struct goimage im;
	Elf64_Ehdr eh = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_phoff = sizeof eh,
		.e_ehsize = sizeof eh,
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = CORE_NPH,
	};
	uint64_t text = AT_BUILDINFO, data = GOIMAGE_SIZE - AT_BUILDINFO;
	*c = (struct coreimage){.notes = 0};
	memcpy(c->bytes, &eh, sizeof eh);
	coreimage_notes(c);
	*coreimage_ph(c, CORE_PH_NOTE) =
		(Elf64_Phdr){.p_type = PT_NOTE, .p_offset = CORE_NOTES, .p_filesz = c->notes};
	*coreimage_ph(c, CORE_PH_TEXT) = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_offset = CORE_MEMORY,
		.p_vaddr = GOIMAGE_BASE,
		.p_filesz = text,
		.p_memsz = text};
	*coreimage_ph(c, CORE_PH_DATA) = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W,
		.p_offset = CORE_MEMORY + text,
		.p_vaddr = GOIMAGE_BASE + text,
		.p_filesz = data,
		.p_memsz = data};
	goimage_make(&im);
	memcpy(c->bytes + CORE_MEMORY, im.bytes, sizeof im.bytes);
}

#endif
