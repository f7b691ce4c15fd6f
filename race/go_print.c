/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * go_print.c - a finding in the words of Go's race detector, which Go's test runner and other tools
 * read. The runtime itself, called back, turns a pc into functions and lines, inlined ones as well.
 */
#include "builtins.h"

#include "go_abi.h"

#include "options.h"
#include "report.h"
#include "sys.h"
#include "text.h"

#define MAIN_GOROUTINE 1 /* 0 is g0 of the first thread, its creator */

const uint32_t front_main = MAIN_GOROUTINE;

/* Go's runtime fills in all but pc; pc becomes the call's that an inlined function belongs to. */
struct symbolize_code {
	uint64_t pc;
	const char *func;
	const char *file;
	uint64_t line;
	uint64_t offset;
	uint64_t ok;
};

/* Stacks of goroutines move. */
const struct past *front_owner(uintptr_t addr, uint32_t *flags)
{
	(void)addr;
	(void)flags;
	return NULL;
}

/* Go's memory is freed by the collector alone. */
/* What Go's locks order is told as releases and acquires; who holds them is not. */
uint32_t front_held(const struct past *who, uint32_t epoch, uintptr_t addr[FRONT_LOCKS])
{
	(void)who;
	(void)epoch;
	(void)addr;
	return 0;
}

uint32_t front_lock_origin(uintptr_t addr)
{
	(void)addr;
	return 0;
}

bool front_frees(uint64_t pc)
{
	(void)pc;
	return false;
}

bool front_own(uint64_t pc)
{
	(void)pc;
	return false;
}

void front_reported(const struct gort_finding *f)
{
	(void)f;
}

void front_dies(int code)
{
	sys_exit(code);
}

uint32_t front_slept(uint64_t tag)
{
	(void)tag;
	return 0;
}

bool front_module(uintptr_t addr)
{
	(void)addr;
	return false;
}

/* The front end knows no allocation sites: Go allocates without a stack. */
bool front_block(struct gort_finding_stack *s, uintptr_t addr)
{
	(void)s;
	(void)addr;
	return false;
}

static const char *after(const char *s, const char *prefix)
{
	while (*prefix && *s == *prefix) {
		s++;
		prefix++;
	}
	return *prefix ? NULL : s;
}

/* Without all up to the first occurrence of strip_path_prefix, and it. */
static const char *stripped(const char *file)
{
	for (const char *s = file; *s && options.strip_path_prefix[0]; s++) {
		const char *rest = after(s, options.strip_path_prefix);
		if (rest)
			return rest;
	}
	return file;
}

static void put_calls(struct text *t, uint64_t pc)
{
	struct symbolize_code c = {.pc = pc};
	for (;;) {
		c.ok = 0;
		go_callback(GO_SYMBOLIZE_CODE, &c);
		if (!c.ok)
			return;
		text_put(t, "  ");
		text_put(t, c.func);
		text_put(t, "()\n      ");
		text_put(t, stripped(c.file));
		text_put(t, ":");
		text_uint(t, c.line, 10);
		text_put(t, " +");
		text_hex(t, c.offset);
		text_put(t, "\n");
		if (c.pc == pc)
			return;
		pc = c.pc;
	}
}

/* All pcs are return addresses; that of the leaf has been moved into its call already. */
static void put_stack(struct text *t, const struct gort_finding_stack *s)
{
	for (uint32_t i = 0; i < s->npcs; i++)
		put_calls(t, s->pcs[i] - (i > 0));
	if (!s->npcs)
		text_put(t, "  (no stack: the stack depot is full)\n");
}

static void put_address(struct text *t, uint64_t addr)
{
	text_put(t, "0x");
	for (int shift = 44; shift >= 0; shift -= 4)
		text_uint(t, addr >> shift & 15, 16);
}

static void put_access(struct text *t, const struct gort_finding_stack *s)
{
	static const char *const words[2][2] = {
		{"\nRead at ", "\nWrite at "}, {"\nPrevious read at ", "\nPrevious write at "}};
	text_put(t, words[s->role == GORT_STACK_PREVIOUS][s->access & GORT_ACCESS_WRITE]);
	put_address(t, s->addr);
	if (s->id == UINT32_MAX) {
		text_put(t, " by a goroutine that ended long ago:\n");
	} else if (s->id == MAIN_GOROUTINE) {
		text_put(t, " by main goroutine:\n");
	} else {
		text_put(t, " by goroutine ");
		text_uint(t, s->id, 10);
		text_put(t, ":\n");
	}
	put_stack(t, s);
}

static void put_created(struct text *t, const struct gort_finding_stack *s)
{
	text_put(t, "\nGoroutine ");
	text_uint(t, s->id, 10);
	text_put(t, s->tid ? " (running) created at:\n" : " (finished) created at:\n");
	put_stack(t, s);
}

void print_finding(int fd, const struct gort_finding *f)
{
	static struct text t; /* report.lock */
	text_begin(&t, fd);
	text_put(&t, "==================\nWARNING: DATA RACE");
	for (uint32_t i = 0; i < f->nstacks; i++) {
		if (f->stacks[i].role == GORT_STACK_CREATED)
			put_created(&t, &f->stacks[i]);
		else
			put_access(&t, &f->stacks[i]);
	}
	text_put(&t, "==================\n");
	text_flush(&t);
}

void print_total(int fd, uint32_t n)
{
	static struct text t; /* report.lock */
	text_begin(&t, fd);
	text_put(&t, "Found ");
	text_uint(&t, n, 10);
	text_put(&t, " data race(s)\n");
	text_flush(&t);
}
