/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_symbolize.c - the input is the executable of a process that a made-up procfs shows: opened,
 * searched for libgort's table, symbolized and unwound. It is our use of libdw that is tested here,
 * and that a damaged file of somebody else's process cannot take the tool down.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include "probes/cunwind.h"
#include "probes/gortfind.h"
#include "probes/symbolize.h"

#define BASE 0x400000u

static char proc[64], exe[96];

static void clean_up(void)
{
	char path[128];
	unlink(exe);
	snprintf(path, sizeof path, "%s/1/maps", proc);
	unlink(path);
	snprintf(path, sizeof path, "%s/1", proc);
	rmdir(path);
	rmdir(proc);
}

static void make_proc(void)
{
	char path[128];
	snprintf(proc, sizeof proc, "/tmp/gort-fuzzXXXXXX");
	if (!mkdtemp(proc))
		abort();
	snprintf(path, sizeof path, "%s/1", proc);
	mkdir(path, 0700);
	snprintf(exe, sizeof exe, "%s/1/exe", proc);
	atexit(clean_up);
}

static void write_files(const uint8_t *data, size_t size)
{
	char path[128];
	struct stat st;
	int fd = open(exe, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size || fstat(fd, &st))
		abort();
	close(fd);
	snprintf(path, sizeof path, "%s/1/maps", proc);
	FILE *f = fopen(path, "we");
	if (!f)
		abort();
	fprintf(f, "%x-%x r-xp 00000000 00:00 %llu /program\n", BASE, BASE + 0x10000,
		(unsigned long long)st.st_ino);
	fclose(f);
}

static void no_memory(void *ctx, struct tmem_read_at *reads, size_t n)
{
	(void)ctx;
	for (size_t i = 0; i < n; i++)
		reads[i].ok = false;
}

static void unwind(struct modules *ms, uint64_t pc)
{
	uint64_t words[64];
	struct cframe frames[16];
	size_t n;
	struct cunwind *u = cunwind_new(ms);
	struct cregs regs = {.r = {[CREG_RSP] = 0x1000, [CREG_RBP] = 0x1010, [CREG_RA] = pc}};
	for (size_t i = 0; i < 64; i++)
		words[i] = i % 2 ? pc : 0x1000 + i * 8 + 16;
	struct cstack s = {.lo = 0x1000,
		.hi = 0x1000 + sizeof words,
		.base = 0x1000,
		.copy = (uint8_t *)words,
		.len = sizeof words};
	cunwind_stack(u, &regs, false, &s, frames, 16, &n);
	cunwind_free(u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tmem mem = {.readv = no_memory};
	struct gortabi abi;
	if (!proc[0])
		make_proc();
	write_files(data, size);
	struct target t;
	target_init(&t, 1, proc);
	struct modules *ms = modules_open(&t);
	struct symbolizer *sym = symbolizer_over(ms);
	if (gortfind_table(ms, &mem, &abi) == 0)
		__builtin_trap();
	/* The code of the seeds is at the start of their second, third or fourth page. */
	for (uint64_t page = BASE; page < BASE + 0x4000; page += 0x1000)
		for (uint64_t pc = page; pc < page + 0x60; pc += 5) {
			symbolizer_find(sym, pc);
			unwind(ms, pc);
		}
	symbolizer_close(sym);
	modules_close(ms);
	return 0;
}
