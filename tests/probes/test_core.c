/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * core.c and corefiles.c on the core of coreimage.h, whole, damaged and incomplete. With
 * GOIMAGE_WRITE=DIR the case `seed` writes the seed of the fuzz target instead of comparing.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "coreimage.h"
#include "probes/core.h"
#include "probes/gotarget.h"
#include "probes/modules.h"
#include "seedfile.h"

Suite *test_suite(void);

static struct coreimage im;
static struct core c;
static struct target t;
static struct gotarget g;
static struct gsnap snap;
static char why[256], what_to_try[192];

static void setup(void)
{
	coreimage_make(&im);
}

static void parse(size_t size)
{
	ck_assert_int_eq(core_parse(&c, im.bytes, size), 0);
	t = (struct target){
		.pid = c.pid, .core = &c, .mem = {core_readv, &c, core_bytes}, .memfd = -1};
}

/* What gotarget_open answers; the snapshot when that is 0. */
static int take(void)
{
	struct gsnap_err err = {0};
	int e = gotarget_open(&g, &t, &err);
	if (e)
		snprintf(why, sizeof why, "%.120s: %.120s", err.what, err.why);
	if (e)
		return e;
	gsnap_init(&snap, GSNAP_GO);
	e = gosnap_goroutines(&g, PROBE_STACKS, &snap);
	return e;
}

static void finish(void)
{
	gsnap_free(&snap);
	gotarget_close(&g);
	core_close(&c);
}

static void explain(void)
{
	core_explain(&c, why, sizeof why, what_to_try, sizeof what_to_try);
}

static const char *leaf(uint32_t gi)
{
	const struct gsnap_stack *k = &snap.stacks[snap.gs[gi].stack];
	return snap.frames[snap.locs[snap.stack_locs[k->loc]].frame].func;
}

START_TEST(notes)
{
	parse(sizeof im.bytes);
	ck_assert_int_eq(c.pid, 76);
	ck_assert_uint_eq(c.uid, 1000);
	ck_assert_str_eq(c.comm, "shop");
	ck_assert_int_eq(c.signal, 6);
	ck_assert_uint_eq(c.nthreads, 2);
	ck_assert_int_eq(c.tids[0], 77);
	ck_assert_uint_eq(core_regs(&c, 77)->general[REGS_RIP], addr_of(AT_TEXT + F_WORK + 4));
	ck_assert_ptr_null(core_regs(&c, 78));
	ck_assert_uint_eq(target_auxv(&t, AT_PHDR), GOIMAGE_BASE + sizeof(Elf64_Ehdr));
	ck_assert_uint_eq(target_auxv(&t, AT_BASE), 0);
	ck_assert_str_eq(core_exe(&c)->path, CORE_EXE);
	ck_assert_uint_eq(c.nmaps, 2);
	ck_assert_uint_eq(c.cut, 0);
	ck_assert_uint_eq(core_flags(&c, GOIMAGE_BASE), PF_R | PF_X);
	core_close(&c);
}
END_TEST

START_TEST(not_ours)
{
	im.bytes[offsetof(Elf64_Ehdr, e_type)] = ET_EXEC;
	ck_assert_int_eq(core_parse(&c, im.bytes, sizeof im.bytes), -ENOEXEC);
	setup();
	im.bytes[offsetof(Elf64_Ehdr, e_machine)] = EM_AARCH64;
	ck_assert_int_eq(core_parse(&c, im.bytes, sizeof im.bytes), -ENOEXEC);
}
END_TEST

/* The number of program headers is in the first section header when there are 65535 or more. */
START_TEST(many_mappings)
{
	Elf64_Ehdr *eh = (Elf64_Ehdr *)(void *)im.bytes;
	Elf64_Shdr sh = {.sh_info = CORE_NPH};
	eh->e_phnum = PN_XNUM;
	ck_assert_int_eq(core_parse(&c, im.bytes, sizeof im.bytes), -ENOEXEC);
	eh->e_shoff = CORE_MEMORY - sizeof sh;
	memcpy(im.bytes + eh->e_shoff, &sh, sizeof sh);
	parse(sizeof im.bytes);
	ck_assert_uint_eq(c.nsegments, 2);
	core_close(&c);
}
END_TEST

START_TEST(memory)
{
	char text[16];
	parse(sizeof im.bytes);
	/* Over the end of one segment into the next. */
	struct tmem_read_at reads[] = {
		{.at = {addr_of(AT_BUILDINFO) - 2}, .buf = text, .len = 16},
		{.at = {GOIMAGE_BASE - 1}, .buf = text, .len = 2},
		{.at = {GOIMAGE_BASE + GOIMAGE_SIZE - 8}, .buf = text, .len = 9},
		{.at = {UINT64_MAX - 3}, .buf = text, .len = 8},
	};
	target_readv(&t, reads, 4);
	ck_assert(reads[0].ok && !reads[1].ok && !reads[2].ok && !reads[3].ok);
	explain();
	ck_assert_str_eq(why, ""); /* nothing that was there is missing */
	core_close(&c);
}
END_TEST

START_TEST(goroutines)
{
	parse(sizeof im.bytes);
	ck_assert_int_eq(take(), 0);
	ck_assert_uint_eq(snap.ngs, 2);
	ck_assert_str_eq(leaf(0), "main.(*queue[...]).pop");
	ck_assert_str_eq(leaf(1), "runtime.asyncPreempt");
	finish();
}
END_TEST

/* The executable's code is not in the core, as is usual. */
static void leave_out_code(void)
{
	coreimage_ph(&im, CORE_PH_TEXT)->p_filesz = 0;
}

static void write_file(const char *path, size_t skip)
{
	struct goimage exe;
	goimage_make(&exe);
	FILE *f = fopen(path, "wb");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(
		fwrite(exe.bytes + skip, 1, sizeof exe.bytes - skip, f), sizeof exe.bytes - skip);
	fclose(f);
}

START_TEST(without_executable)
{
	leave_out_code();
	parse(sizeof im.bytes);
	ck_assert_int_ne(take(), 0);
	explain();
	ck_assert_str_eq(why, "page 0x400000 is not in the core, and " CORE_EXE " is not here");
	ck_assert_ptr_nonnull(strstr(what_to_try, "--exe"));
	core_close(&c);
}
END_TEST

START_TEST(with_executable)
{
	char path[] = "/tmp/gort-core-XXXXXX";
	close(mkstemp(path));
	write_file(path, 0);
	leave_out_code();
	parse(sizeof im.bytes);
	c.exe = path;
	ck_assert_int_eq(take(), 0);
	ck_assert_str_eq(leaf(0), "main.(*queue[...]).pop");
	ck_assert_uint_eq(core_exe(&c)->state, CORE_THERE);
	/* Data that the process could write never comes from a file. */
	coreimage_ph(&im, CORE_PH_DATA)->p_filesz = 0;
	finish();
	parse(sizeof im.bytes);
	c.exe = path;
	uint64_t word;
	ck_assert(!target_read(&t, addr_of(AT_ALLGS), &word, sizeof word));
	explain();
	ck_assert_str_eq(why, "page 0x402000 was left out of the core");
	core_close(&c);
	unlink(path);
}
END_TEST

START_TEST(another_executable)
{
	char path[] = "/tmp/gort-core-XXXXXX";
	close(mkstemp(path));
	write_file(path, 16);
	coreimage_ph(&im, CORE_PH_TEXT)->p_filesz = 0x100; /* what is there differs */
	parse(sizeof im.bytes);
	c.exe = path;
	uint64_t word;
	ck_assert(target_read(&t, GOIMAGE_BASE, &word, sizeof word));
	ck_assert(!target_read(&t, addr_of(AT_TEXT), &word, sizeof word));
	explain();
	ck_assert_msg(strstr(why, "is another build"), "%s", why);
	core_close(&c);
	unlink(path);
}
END_TEST

/* gcore writes no segment at all for constants; their file tells their rights. */
START_TEST(no_segment)
{
	char path[] = "/tmp/gort-core-XXXXXX";
	close(mkstemp(path));
	write_file(path, 0);
	coreimage_ph(&im, CORE_PH_TEXT)->p_type = PT_NULL;
	parse(sizeof im.bytes);
	c.exe = path;
	ck_assert_uint_eq(core_flags(&c, GOIMAGE_BASE), PF_R | PF_X);
	ck_assert_int_eq(take(), 0);
	ck_assert_uint_eq(snap.ngs, 2);
	finish();
	unlink(path);
}
END_TEST

START_TEST(cut_off)
{
	uint64_t word;
	parse(sizeof im.bytes - 0x800);
	ck_assert_uint_eq(c.cut, 0x800);
	ck_assert(target_read(&t, GOIMAGE_BASE + GOIMAGE_SIZE - 0x808, &word, sizeof word));
	ck_assert(!target_read(&t, GOIMAGE_BASE + GOIMAGE_SIZE - 8, &word, sizeof word));
	explain();
	ck_assert_str_eq(why, "the core is cut off: it has 18432 of 20480 bytes");
	ck_assert_msg(take() == 0, "%s", why); /* goroutine 2's stack is gone, the rest is not */
	ck_assert_uint_eq(snap.ngs, 2);
	ck_assert_str_eq(leaf(0), "main.(*queue[...]).pop");
	ck_assert_uint_eq(snap.gs[1].stack, GSNAP_NONE);
	finish();
}
END_TEST

START_TEST(every_length)
{
	for (size_t size = 0; size < CORE_MEMORY + 64; size++) {
		void *copy = malloc(size + !size);
		memcpy(copy, im.bytes, size);
		if (core_parse(&c, copy, size) == 0)
			core_close(&c);
		free(copy);
	}
}
END_TEST

/* A hostile list of files: more of them than there are rows, a path without an end. */
START_TEST(lying_files)
{
	for (size_t at = CORE_NOTES; at < CORE_NOTES + im.notes; at += 4) {
		setup();
		memset(im.bytes + at, 0xff, 4);
		if (core_parse(&c, im.bytes, sizeof im.bytes) == 0)
			core_close(&c);
	}
}
END_TEST

START_TEST(mapped_files)
{
	parse(sizeof im.bytes);
	struct modules *ms = modules_open(&t);
	ck_assert_uint_eq(modules_count(ms), 1);
	struct module *m = modules_main(ms);
	ck_assert_str_eq(m->path, CORE_EXE);
	ck_assert_uint_eq(m->exec_start, GOIMAGE_BASE);
	ck_assert(module_elf(m)); /* put together from the core */
	ck_assert(modules_alive(ms));
	modules_close(ms);
	core_close(&c);
}
END_TEST

START_TEST(seed)
{
	seedfile_check("core/shop", im.bytes, sizeof im.bytes);
}
END_TEST

static TCase *add_case(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, setup, NULL);
	suite_add_tcase(s, tc);
	return tc;
}

Suite *test_suite(void)
{
	Suite *s = suite_create("core");
	TCase *tc = add_case(s, "parse");
	tcase_add_test(tc, notes);
	tcase_add_test(tc, not_ours);
	tcase_add_test(tc, many_mappings);
	tcase_add_test(tc, every_length);
	tcase_add_test(tc, lying_files);
	tc = add_case(s, "memory");
	tcase_add_test(tc, memory);
	tcase_add_test(tc, goroutines);
	tcase_add_test(tc, cut_off);
	tc = add_case(s, "files");
	tcase_add_test(tc, without_executable);
	tcase_add_test(tc, with_executable);
	tcase_add_test(tc, another_executable);
	tcase_add_test(tc, no_segment);
	tcase_add_test(tc, mapped_files);
	tcase_add_test(add_case(s, "seed"), seed);
	return s;
}

#include "check_main.h"
