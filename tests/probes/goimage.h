/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goimage.h - a Go 1.26 program of 16 KiB, made up: the executable file and, as the same bytes at
 * their addresses, the memory of the process. The tests damage it; the fuzz targets start from it.
 *
 * It has one segment of code and one of data, no sections, build info, a table of six functions, a
 * module, the runtime's list of goroutines and two of these, parked with stacks:
 *   1  runtime.goexit <- main.main <- (inlined main.(*queue[...]).pop) main.park, with arguments
 *   2  runtime.goexit <- main.work <- runtime.asyncPreempt
 */
#ifndef GORT_TESTS_PROBES_GOIMAGE_H
#define GORT_TESTS_PROBES_GOIMAGE_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "probes/tmem.h"

#define GOIMAGE_SIZE 0x4000
#define GOIMAGE_BASE 0x400000u

/* File offsets; the address is GOIMAGE_BASE + offset. */
enum {
	AT_TEXT = 0x200,
	AT_BUILDINFO = 0x1000,
	AT_TABLE = 0x1100,
	AT_INLTREE = 0x1800, /* where funcdata starts */
	AT_ARGINFO = 0x1840,
	AT_ARGLIVE = 0x1860,
	AT_MODULE = 0x2000,
	AT_DATA = 0x2400,
	AT_ALLGS = 0x2400,
	AT_ALLGPTR = 0x2420,
	AT_ALLGLEN = 0x2428,
	AT_GPTRS = 0x2440,
	AT_REASONS = 0x2480,
	AT_TEXTS = 0x2600,
	AT_DATAEND = 0x2800,
	AT_G = 0x2800,
	AT_STACK1 = 0x3000,
	AT_STACK2 = 0x3800,
	STACK_LEN = 0x400
};

/* Parts of the table, from its start. */
enum {
	TAB_NAMES = 72,
	TAB_CUTAB = 0x180,
	TAB_FILES = 0x190,
	TAB_PCTAB = 0x1c0,
	TAB_FUNCS = 0x240,
	TAB_LEN = 0x700
};

/* Code: entry of each function, from text. */
enum { F_ALLGADD = 0, F_MAIN = 0x40, F_PARK = 0x80, F_WORK = 0xc0, F_PREEMPT = 0x100 };
enum { F_GOEXIT = 0x140, F_END = 0x180, NFUNCS = 6 };

struct goimage {
	uint8_t bytes[GOIMAGE_SIZE];
};

static inline void put(struct goimage *im, size_t at, const void *from, size_t len)
{
	memcpy(im->bytes + at, from, len);
}

static inline void put32(struct goimage *im, size_t at, uint32_t v)
{
	put(im, at, &v, sizeof v);
}

static inline void put64(struct goimage *im, size_t at, uint64_t v)
{
	put(im, at, &v, sizeof v);
}

static inline uint64_t addr_of(size_t at)
{
	return GOIMAGE_BASE + at;
}

static inline void goimage_headers(struct goimage *im)
{
	Elf64_Ehdr eh = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_phoff = sizeof eh,
		.e_ehsize = sizeof eh,
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	Elf64_Phdr ph[2] = {
		{.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = AT_BUILDINFO},
		{.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = AT_BUILDINFO},
	};
	ph[0].p_vaddr = GOIMAGE_BASE;
	ph[0].p_memsz = ph[0].p_filesz;
	ph[1].p_vaddr = addr_of(AT_BUILDINFO);
	ph[1].p_filesz = ph[1].p_memsz = GOIMAGE_SIZE - AT_BUILDINFO;
	put(im, 0, &eh, sizeof eh);
	put(im, sizeof eh, ph, sizeof ph);
}

/* mov reg, [rip+disp]: what allgadd does with the globals. */
static inline void goimage_code(struct goimage *im)
{
	static const size_t globals[] = {AT_ALLGS, AT_ALLGPTR, AT_ALLGLEN};
	size_t at = AT_TEXT + F_ALLGADD;
	for (size_t i = 0; i < 3; i++, at += 7) {
		put(im, at, "\x48\x8b\x05", 3);
		put32(im, at + 3, (uint32_t)(globals[i] - (at + 7)));
	}
	memset(im->bytes + at, 0x90, AT_TEXT + F_END - at);
}

static inline void goimage_buildinfo(struct goimage *im)
{
	static const char text[] = "go1.26.8";
	put(im, AT_BUILDINFO, "\xff Go buildinf:\x08\x02", 16);
	im->bytes[AT_BUILDINFO + 32] = sizeof text - 1;
	put(im, AT_BUILDINFO + 33, text, sizeof text - 1);
}

/* One pc-value table of a single value over the whole of a function; where it is, from pctab. */
static inline uint32_t goimage_pcvalue(struct goimage *im, uint32_t *used, int value)
{
	uint32_t at = *used, delta = (uint32_t)value + 1; /* tables start from -1 */
	uint8_t bytes[3] = {(uint8_t)(delta << 1), 0x40, 0};
	put(im, AT_TABLE + TAB_PCTAB + at, bytes, sizeof bytes);
	*used += sizeof bytes;
	return at;
}

/* The index of the inlined call: -1 in the first 8 bytes, 0 from there on. */
static inline uint32_t goimage_inltable(struct goimage *im, uint32_t *used)
{
	uint32_t at = *used;
	put(im, AT_TABLE + TAB_PCTAB + at, "\0\x08\x02\x38\0", 5);
	*used += 5;
	return at;
}

struct goimage_func {
	uint32_t entry;
	const char *name;
	uint8_t flag;
	int spdelta, line;
	bool inlines;
};

static inline void goimage_func(struct goimage *im, const struct goimage_func *f, unsigned i,
	uint32_t name, uint32_t *pctab)
{
	uint32_t off = ((NFUNCS * 2 + 1) * 4 + 7u) / 8 * 8 + i * 96;
	size_t at = AT_TABLE + TAB_FUNCS + off;
	put32(im, AT_TABLE + TAB_FUNCS + i * 8, f->entry);
	put32(im, AT_TABLE + TAB_FUNCS + i * 8 + 4, off);
	put32(im, at, f->entry);
	put32(im, at + 4, name);
	put32(im, at + 16, goimage_pcvalue(im, pctab, f->spdelta));
	put32(im, at + 20, goimage_pcvalue(im, pctab, 0)); /* file 0 */
	put32(im, at + 24, goimage_pcvalue(im, pctab, f->line));
	put32(im, at + 28, 4); /* npcdata */
	im->bytes[at + 41] = f->flag;
	im->bytes[at + 43] = 7; /* nfuncdata */
	for (unsigned k = 0; k < 7; k++)
		put32(im, at + 44 + (4 + k) * 4, UINT32_MAX);
	if (!f->inlines)
		return;
	put32(im, at + 44 + 2 * 4, goimage_inltable(im, pctab));
	put32(im, at + 44 + 3 * 4, goimage_pcvalue(im, pctab, 1)); /* bits from byte 1 on */
	put32(im, at + 44 + (4 + 3) * 4, 0);
	put32(im, at + 44 + (4 + 5) * 4, AT_ARGINFO - AT_INLTREE);
	put32(im, at + 44 + (4 + 6) * 4, AT_ARGLIVE - AT_INLTREE);
}

/* (word at 0, {4 bytes at 8, a word at 16 that may be stale, ...}, one too far). */
static inline void goimage_args(struct goimage *im)
{
	put(im, AT_ARGINFO, "\0\x08\xfe\x08\x04\x10\x08\xfc\xfd\xfb\xff", 11);
	put(im, AT_ARGLIVE, "\x08\x01", 2); /* from offset 8 on: the first one is live */
}

static inline void goimage_table(struct goimage *im)
{
	static const struct goimage_func funcs[NFUNCS] = {
		{F_ALLGADD, "runtime.allgadd", 0, 0, 10, false},
		{F_MAIN, "main.main", 0, 24, 20, false},
		{F_PARK, "main.park", 0, 40, 30, true},
		{F_WORK, "main.work", 0, 8, 40, false},
		{F_PREEMPT, "runtime.asyncPreempt", 4, 16, 50, false},
		{F_GOEXIT, "runtime.goexit", 1, 0, 60, false},
	};
	static const char pop[] = "main.(*queue[go.shape.int]).pop";
	static const uint64_t words[] = {
		NFUNCS, 1, 0, TAB_NAMES, TAB_CUTAB, TAB_FILES, TAB_PCTAB, TAB_FUNCS};
	uint32_t names = 1, pctab = 1;
	put(im, AT_TABLE, "\xf1\xff\xff\xff\0\0\x01\x08", 8);
	put(im, AT_TABLE + 8, words, sizeof words);
	for (unsigned i = 0; i < NFUNCS; i++) {
		put(im, AT_TABLE + TAB_NAMES + names, funcs[i].name, strlen(funcs[i].name) + 1);
		goimage_func(im, &funcs[i], i, names, &pctab);
		names += (uint32_t)strlen(funcs[i].name) + 1;
	}
	put32(im, AT_TABLE + TAB_FUNCS + NFUNCS * 8, F_END);
	put(im, AT_TABLE + TAB_NAMES + names, pop, sizeof pop);
	put32(im, AT_INLTREE + 4, names);
	put32(im, AT_INLTREE + 8, 4); /* parentPc: there the index is -1, so the chain ends */
	put(im, AT_TABLE + TAB_FILES, "/src/main.go", 13);
}

static inline void goimage_module(struct goimage *im)
{
	put64(im, AT_MODULE, addr_of(AT_TABLE));
	put64(im, AT_MODULE + 8, addr_of(AT_TABLE + TAB_NAMES));
	put64(im, AT_MODULE + 0x80, addr_of(AT_TABLE + TAB_FUNCS));
	put64(im, AT_MODULE + 0x88, NFUNCS + 1);
	put64(im, AT_MODULE + 0xa0, addr_of(AT_TEXT)); /* minpc, maxpc */
	put64(im, AT_MODULE + 0xa8, addr_of(AT_TEXT + F_END));
	put64(im, AT_MODULE + 0xb0, addr_of(AT_TEXT));
	put64(im, AT_MODULE + 0xb8, addr_of(AT_TEXT + F_END));
	for (size_t i = 0; i < 4; i++) {
		put64(im, AT_MODULE + 0xc0 + i * 16, addr_of(i == 1 ? AT_DATA : AT_DATAEND));
		put64(im, AT_MODULE + 0xc8 + i * 16, addr_of(AT_DATAEND));
	}
	put64(im, AT_MODULE + 0x140, addr_of(AT_INLTREE)); /* gofunc */
}

static inline void goimage_reasons(struct goimage *im)
{
	static const char *const reasons[] = {"", "GC assist marking", "IO wait", "chan receive"};
	size_t text = AT_TEXTS;
	for (size_t i = 0; i < 4; i++) {
		size_t len = strlen(reasons[i]);
		put64(im, AT_REASONS + i * 16, len ? addr_of(text) : 0);
		put64(im, AT_REASONS + i * 16 + 8, len);
		put(im, text, reasons[i], len);
		text += len;
	}
}

/* Offsets of Go 1.26, as golayout.c has them; the test of the layouts is the matrix, not this. */
static inline void goimage_g(
	struct goimage *im, unsigned i, size_t stack, size_t sp, uint64_t pc, uint32_t status)
{
	size_t g = AT_G + i * 512;
	put64(im, AT_GPTRS + i * 8, addr_of(g));
	put64(im, g, addr_of(stack));
	put64(im, g + 8, addr_of(stack + STACK_LEN));
	put64(im, g + 0x38, addr_of(sp));
	put64(im, g + 0x40, pc);
	put32(im, g + 0x90, status);
	put64(im, g + 0x98, i + 1); /* goid */
	im->bytes[g + 0xb0] = status == 4 ? 3 : 0;
	put64(im, g + 0x118, i ? 1 : 0);
	put64(im, g + 0x120, addr_of(AT_TEXT + F_MAIN + 9)); /* gopc */
	put64(im, g + 0x130, addr_of(AT_TEXT + F_WORK));
}

/* Writes return addresses by the frame sizes of goimage_table. */
static inline void goimage_goroutines(struct goimage *im)
{
	size_t sp1 = AT_STACK1 + STACK_LEN - 0x100, sp2 = AT_STACK2 + STACK_LEN - 0x80;
	uint64_t text = addr_of(AT_TEXT);
	for (size_t i = 0; i < 2; i++)
		put64(im, i ? AT_ALLGPTR : AT_ALLGS, addr_of(AT_GPTRS));
	put64(im, AT_ALLGS + 8, 2);
	put64(im, AT_ALLGS + 16, 4);
	put64(im, AT_ALLGLEN, 2);
	goimage_g(im, 0, AT_STACK1, sp1, text + F_PARK + 16, 4);
	put64(im, sp1 + 40, text + F_MAIN + 16);
	put64(im, sp1 + 48 + 24, text + F_GOEXIT + 1);
	goimage_g(im, 1, AT_STACK2, sp2, text + F_PREEMPT + 5, 1);
	put64(im, sp2 + 16, text + F_WORK + 12); /* interrupted there, not calling */
	put64(im, sp2 + 24 + 8, text + F_GOEXIT + 1);
}

static inline void goimage_make(struct goimage *im)
{
	memset(im, 0, sizeof *im);
	goimage_headers(im);
	goimage_code(im);
	goimage_buildinfo(im);
	goimage_table(im);
	goimage_args(im);
	goimage_module(im);
	goimage_reasons(im);
	goimage_goroutines(im);
}

/* The process: any bytes, at GOIMAGE_BASE. */
struct gomemory {
	const uint8_t *bytes;
	size_t size;
};

static inline void gomemory_readv(void *ctx, struct tmem_read_at *reads, size_t n)
{
	const struct gomemory *m = ctx;
	for (size_t i = 0; i < n; i++) {
		uint64_t off = reads[i].at.v - GOIMAGE_BASE;
		reads[i].ok = off <= m->size && reads[i].len <= m->size - off;
		if (reads[i].ok)
			memcpy(reads[i].buf, m->bytes + off, reads[i].len);
	}
}

static inline uint64_t gomemory_size(void *ctx)
{
	const struct gomemory *m = ctx;
	return m->size;
}

#endif
