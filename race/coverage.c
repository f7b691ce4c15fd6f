/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * coverage.c - which code ran: sanitizer/coverage_interface.h, for clang -fsanitize-coverage. With
 * coverage=1 it is written at the end and when the program says so, a file for each module that
 * clang's tool sancov reads: a magic number, then the pcs in ascending order, 8 bytes each.
 *
 * All of the callbacks are weak here: a program that has its own, such as a fuzzer, keeps them.
 */
#include "builtins.h"

#include <fcntl.h>

#include "front.h"
#include "mem.h"
#include "options.h"
#include "report.h"
#include "symbols.h"
#include "sys.h"
#include "text.h"

#define MAX_GUARDS (1u << 22)
#define MAGIC      0xc0bfffffffffff64ull

#define API(type, name, ...)           \
	EXPORT type name(__VA_ARGS__); \
	EXPORT type name(__VA_ARGS__)
#define CALLBACK(name, ...)                                  \
	EXPORT __attribute__((weak)) void name(__VA_ARGS__); \
	EXPORT __attribute__((weak)) void name(__VA_ARGS__)

/* By the number of the guard, from 1 on; 0: the code did not run. */
static struct {
	struct mutex lock;
	_Atomic uint64_t *pcs;
	uint32_t n;
} seen;

CALLBACK(__sanitizer_cov_trace_pc_guard_init, uint32_t *start, uint32_t *end)
{
	if (start == end || *start)
		return;
	lock(&seen.lock);
	if (!seen.pcs)
		seen.pcs = mem_map(MAX_GUARDS * sizeof *seen.pcs);
	for (; start < end && seen.n < MAX_GUARDS - 1; start++)
		*start = ++seen.n;
	unlock(&seen.lock);
}

CALLBACK(__sanitizer_cov_trace_pc_guard, uint32_t *guard)
{
	uint32_t i = *guard;
	if (i && !load_rlx(&seen.pcs[i]))
		store_rlx(&seen.pcs[i], PC - 1);
}

API(void, __sanitizer_cov_reset, void)
{
	for (uint32_t i = 1; i <= seen.n; i++)
		store_rlx(&seen.pcs[i], 0);
}

/* Heap sort: libc's may allocate. */
static void sift(uint64_t *v, size_t root, size_t n)
{
	for (size_t child; (child = root * 2 + 1) < n; root = child) {
		child += child + 1 < n && v[child] < v[child + 1];
		if (v[root] >= v[child])
			return;
		uint64_t low = v[root];
		v[root] = v[child];
		v[child] = low;
	}
}

static void sort(uint64_t *v, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift(v, i, n);
	for (size_t end = n; end-- > 1;) {
		uint64_t top = v[0];
		v[0] = v[end];
		v[end] = top;
		sift(v, 0, end);
	}
}

static const char *base_of(const char *path)
{
	const char *base = path;
	for (; *path; path++) {
		if (*path == '/')
			base = path + 1;
	}
	return base;
}

static void file_name(char *name, size_t size, const char *module)
{
	struct text t;
	text_begin(&t, -1);
	text_put(&t, options.coverage_dir);
	text_put(&t, "/");
	text_put(&t, base_of(module));
	text_put(&t, ".");
	text_uint(&t, (uint64_t)SYS3(SYS_getpid, 0, 0, 0), 10);
	text_put(&t, ".sancov");
	if (t.n >= size)
		t.n = (uint32_t)size - 1;
	race_memcpy(name, t.buf, t.n);
	name[t.n] = '\0';
}

static bool write_all(int fd, const void *p, size_t n)
{
	for (const char *at = p; n;) {
		long done = sys_write(fd, at, n);
		if (done <= 0)
			return false;
		at += done;
		n -= (size_t)done;
	}
	return true;
}

static void tell_written(const char *name, size_t n, bool written)
{
	struct text t;
	text_begin(&t, report_log());
	text_put(&t, "SanitizerCoverage: ");
	text_put(&t, name);
	if (written) {
		text_put(&t, ": ");
		text_uint(&t, n, 10);
		text_put(&t, " PCs written\n");
	} else {
		text_put(&t, " cannot be written\n");
	}
	text_flush(&t);
}

/* n pcs of one module, in its terms. */
static void write_module(const char *module, const uint64_t *pcs, size_t n)
{
	char name[512];
	const uint64_t magic = MAGIC;
	file_name(name, sizeof name, module);
	long fd = SYS3(SYS_open, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);
	bool written = fd >= 0 && write_all((int)fd, &magic, sizeof magic) &&
		       write_all((int)fd, pcs, n * sizeof *pcs);
	if (fd >= 0)
		SYS3(SYS_close, fd, 0, 0);
	tell_written(name, n, written);
}

/* Sorts pcs, and makes those of a module relative to it. */
static void write_modules(uint64_t *pcs, size_t n)
{
	struct module m;
	sort(pcs, n);
	for (size_t i = 0, end; i < n; i = end) {
		end = i + 1;
		if (!pcs[i] || !symbols_module(pcs[i], &m))
			continue;
		while (end < n && pcs[end] < m.hi)
			end++;
		for (size_t k = i; k < end; k++)
			pcs[k] -= m.bias;
		write_module(m.path, pcs + i, end - i);
	}
}

API(void, __sanitizer_dump_coverage, const uintptr_t *pcs, uintptr_t n)
{
	uint64_t *copy = mem_map((n + 1) * sizeof *copy);
	race_memcpy(copy, pcs, n * sizeof *copy);
	write_modules(copy, n);
	mem_unmap(copy, (n + 1) * sizeof *copy);
}

static void dump(void)
{
	if (!seen.n)
		return;
	uint64_t *pcs = mem_map(seen.n * sizeof *pcs);
	size_t n = 0;
	for (uint32_t i = 1; i <= seen.n; i++) {
		uint64_t pc = load_rlx(&seen.pcs[i]);
		if (pc)
			pcs[n++] = pc;
	}
	write_modules(pcs, n);
	mem_unmap(pcs, seen.n * sizeof *pcs);
}

API(void, __sanitizer_dump_trace_pc_guard_coverage, void)
{
	dump();
}

API(void, __sanitizer_cov_dump, void)
{
	coverage_end();
}

void coverage_end(void)
{
	if (options.coverage)
		dump();
}

/* What only fuzzers do something with. */
#define NOTHING(name)                                 \
	EXPORT __attribute__((weak)) void name(void); \
	EXPORT __attribute__((weak)) void name(void)  \
	{                                             \
	}

NOTHING(__sanitizer_cov_8bit_counters_init)
NOTHING(__sanitizer_cov_bool_flag_init)
NOTHING(__sanitizer_cov_pcs_init)
NOTHING(__sanitizer_cov_trace_cmp)
NOTHING(__sanitizer_cov_trace_cmp1)
NOTHING(__sanitizer_cov_trace_cmp2)
NOTHING(__sanitizer_cov_trace_cmp4)
NOTHING(__sanitizer_cov_trace_cmp8)
NOTHING(__sanitizer_cov_trace_const_cmp1)
NOTHING(__sanitizer_cov_trace_const_cmp2)
NOTHING(__sanitizer_cov_trace_const_cmp4)
NOTHING(__sanitizer_cov_trace_const_cmp8)
NOTHING(__sanitizer_cov_trace_div4)
NOTHING(__sanitizer_cov_trace_div8)
NOTHING(__sanitizer_cov_trace_gep)
NOTHING(__sanitizer_cov_trace_pc_indir)
NOTHING(__sanitizer_cov_trace_switch)

/* Of -fsanitize-coverage=stack-depth. */
EXPORT extern __thread uintptr_t __sancov_lowest_stack;
__thread uintptr_t __sancov_lowest_stack __attribute__((tls_model("initial-exec")));
