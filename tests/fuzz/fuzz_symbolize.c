/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_symbolize.c - the input is the executable of a process that a made-up procfs shows: opened,
 * searched for libgort's table and a Go runtime's layout, symbolized and unwound, its variables
 * shown as C's and as Go's. It is our use of libdw that is tested here, and that a damaged file of
 * somebody else's process cannot take the tool down.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include "memfiles.h"
#include "probes/cunwind.h"
#include "probes/dwlayout.h"
#include "probes/gortfind.h"
#include "probes/locals.h"
#include "probes/symbolize.h"

#define BASE 0x400000u

static char proc[64];
static int exe_fd, maps_fd;

static const char *const files[] = {"exe", "maps"};

static const char *file_of_proc(const char *name)
{
	static char path[128];
	snprintf(path, sizeof path, "%s/1/%s", proc, name);
	return path;
}

static void clean_up(void)
{
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		unlink(file_of_proc(files[i]));
	rmdir(file_of_proc(""));
	rmdir(proc);
}

static void make_proc(void)
{
	struct stat st;
	char line[128];
	snprintf(proc, sizeof proc, "/tmp/gort-fuzzXXXXXX");
	if (!mkdtemp(proc) || mkdir(file_of_proc(""), 0700))
		abort();
	exe_fd = memfile_make(file_of_proc("exe"));
	maps_fd = memfile_make(file_of_proc("maps"));
	atexit(clean_up);
	if (fstat(exe_fd, &st))
		abort();
	int n = snprintf(line, sizeof line, "%x-%x r-xp 00000000 00:00 %llu /program\n", BASE,
		BASE + 0x10000, (unsigned long long)st.st_ino);
	memfile_write(maps_fd, (const uint8_t *)line, (size_t)n);
}

static void no_memory(void *ctx, struct tmem_read_at *reads, size_t n)
{
	(void)ctx;
	for (size_t i = 0; i < n; i++)
		reads[i].ok = false;
}

static void unwind(struct cunwind *u, uint64_t pc)
{
	uint64_t words[64];
	struct cframe frames[16];
	size_t n;
	struct cregs regs = {.r = {[CREG_RSP] = 0x1000, [CREG_RBP] = 0x1010, [CREG_RA] = pc}};
	for (size_t i = 0; i < 64; i++)
		words[i] = i % 2 ? pc : 0x1000 + i * 8 + 16;
	struct cstack s = {.lo = 0x1000,
		.hi = 0x1000 + sizeof words,
		.base = 0x1000,
		.copy = (uint8_t *)words,
		.len = sizeof words};
	cunwind_stack(u, &regs, false, &s, frames, 16, &n);
}

static bool type_name(void *ctx, uint64_t type, char *buf, size_t size)
{
	(void)ctx;
	snprintf(buf, size, "T");
	return type % 2;
}

static const char *func_name(void *ctx, uint64_t pc)
{
	(void)ctx;
	return pc % 2 ? "f" : NULL;
}

/* The page at 0x1000 has bytes that lead to itself, others cannot be read. */
static void one_page(void *ctx, struct tmem_read_at *reads, size_t n)
{
	(void)ctx;
	for (size_t i = 0; i < n; i++) {
		reads[i].ok = reads[i].at.v / 0x1000 == 1 && reads[i].len <= 0x1000;
		for (size_t k = 0; reads[i].ok && k < reads[i].len; k++)
			((uint8_t *)reads[i].buf)[k] = k % 8 == 1 ? 0x10 : 0;
	}
}

static void variables(struct modules *ms, uint64_t pc, bool go)
{
	struct tmem mem = {.readv = one_page};
	struct gsnap s;
	struct probe_locals out = {0};
	struct locals l = {.mem = &mem, .ms = ms, .s = &s, .out = &out};
	struct dwframe f = {.pc = pc, .cfa = 0x1100, .known = UINT32_MAX};
	gsnap_init(&s, go ? GSNAP_GO : GSNAP_GORT);
	uint32_t loc = gsnap_add_loc(&s, pc, pc, false);
	for (int i = 0; i < 4; i++)
		gsnap_add_frame(&s, "f", NULL, 1000, i < 3);
	if (go)
		l.names = (struct dwnames){type_name, func_name, NULL};
	locals_add(&l, 0, &s.locs[loc], &f);
	probe_locals_free(&out);
	gsnap_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tmem mem = {.readv = no_memory};
	struct gortabi abi;
	if (!proc[0])
		make_proc();
	memfile_write(exe_fd, data, size);
	struct target t;
	target_init(&t, 1, proc);
	struct modules *ms = modules_open(&t);
	struct symbolizer *sym = symbolizer_over(ms);
	struct cunwind *u = cunwind_new(ms);
	const char *member;
	struct golayout layout;
	dwlayout_read(ms, &layout, &member);
	if (gortfind_table(ms, &mem, &abi) == 0)
		__builtin_trap();
	/* The code of the seeds is at the start of their second, third or fourth page. */
	uint64_t step = module_elf(modules_main(ms)) ? 5 : 0x60;
	for (uint64_t page = BASE; page < BASE + 0x4000; page += 0x1000)
		for (uint64_t pc = page; pc < page + 0x60; pc += step) {
			symbolizer_find(sym, pc);
			unwind(u, pc);
			variables(ms, pc, pc % 2);
		}
	cunwind_free(u);
	symbolizer_close(sym);
	modules_close(ms);
	return 0;
}
