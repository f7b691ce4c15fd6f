/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: the parsers of a Go executable (elf.c, gobuild.c, pclntab.c, golayout.c, gorefs.c)
 * and the unwinder over them (gounwind.c), on a tiny program made in memory.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include "../../probes/gounwind.h"
#include "fakego.h"

static struct fakego fake;
static struct gotarget go;
static struct target none;

static void open_fake(void)
{
	size_t avail;
	fakego_build(&fake, "go1.26.8");
	go = (struct gotarget){.t = &none};
	target_init(&none, 0, NULL);
	ck_assert_int_eq(elf_parse(&go.elf, fake.image, sizeof fake.image), 0);
	const uint8_t *table = elf_at(&go.elf, FAKEGO_BASE + fake.table, &avail);
	ck_assert_int_eq(pclntab_init(&go.tab, table, avail), 0);
	go.md = (struct moduledata){.text = FAKEGO_TEXT,
		.etext = FAKEGO_TEXT + 3 * FAKEGO_FUNC,
		.gofunc = FAKEGO_BASE + fake.gofunc};
}

static void close_fake(void)
{
	elf_close(&go.elf);
}

START_TEST(elf_rejects_what_is_not_elf)
{
	struct elf e;
	uint8_t junk[64] = {0};
	ck_assert_int_eq(elf_parse(&e, junk, sizeof junk), -ENOEXEC);
	ck_assert_int_eq(elf_parse(&e, fake.image, 10), -ENOEXEC);
	fake.image[18] = EM_386;
	ck_assert_int_eq(elf_parse(&e, fake.image, sizeof fake.image), -ENOEXEC);
	ck_assert_int_eq(elf_open(&e, "/nonexistent"), -ENOENT);
}
END_TEST

START_TEST(elf_finds_bytes_by_address)
{
	size_t avail;
	ck_assert_ptr_eq(elf_at(&go.elf, FAKEGO_BASE + 0x10, &avail), fake.image + 0x10);
	ck_assert_uint_eq(avail, FAKEGO_SIZE - 0x10);
	ck_assert_ptr_null(elf_at(&go.elf, FAKEGO_BASE - 1, &avail));
	ck_assert_ptr_null(elf_at(&go.elf, FAKEGO_BASE + FAKEGO_SIZE, &avail));
	ck_assert_ptr_null(elf_section(&go.elf, ".gopclntab"));
	ck_assert_uint_eq(elf_phdr_vaddr(&go.elf), FAKEGO_BASE + sizeof(Elf64_Ehdr));
}
END_TEST

START_TEST(version_is_read_and_parsed)
{
	struct goversion v;
	ck_assert(gobuild_version(&go.elf, &v));
	ck_assert_str_eq(v.text, "go1.26.8");
	ck_assert_int_eq(v.minor, 26);
	ck_assert_int_eq(v.patch, 8);
	ck_assert(goversion_parse(&v, "go1.27rc1", 9));
	ck_assert_int_eq(v.minor, 27);
	ck_assert(goversion_parse(&v, "devel go1.28-0f1e2d", 19));
	ck_assert_int_eq(v.minor, 28);
	ck_assert(!goversion_parse(&v, "go2.1", 5));
	ck_assert(!goversion_parse(&v, "go1.\n", 5));
	ck_assert(!goversion_parse(&v, "", 0));
}
END_TEST

START_TEST(no_version_without_build_info)
{
	struct goversion v;
	memset(fake.image + 0x800, 0, 64);
	ck_assert(!gobuild_version(&go.elf, &v));
}
END_TEST

START_TEST(layout_rows_follow_the_patch)
{
	bool guess;
	ck_assert_uint_eq(golayout_for(23, 11, &guess)->m_alllink, 0x148);
	ck_assert_uint_eq(golayout_for(23, 12, &guess)->m_alllink, 0x160);
	ck_assert_uint_eq(golayout_for(24, 5, &guess)->m_alllink, 0x148);
	ck_assert_uint_eq(golayout_for(24, 6, &guess)->m_alllink, 0x160);
	ck_assert(!guess);
	ck_assert_ptr_null(golayout_for(21, 0, &guess));
	ck_assert_ptr_eq(golayout_for(99, 0, &guess), golayout_for(27, 0, &(bool){false}));
	ck_assert(guess);
}
END_TEST

START_TEST(functions_are_found_by_address_and_name)
{
	struct gofunc f;
	static const char *const names[] = {"runtime.goexit", "runtime.missing"};
	uint32_t idx[2];
	ck_assert(pclntab_find(&go.tab, FAKEGO_FUNC + 3, &f));
	ck_assert_str_eq(f.name, "main.leaf");
	ck_assert_uint_eq(f.entry, FAKEGO_FUNC);
	ck_assert_uint_eq(f.end, 2 * FAKEGO_FUNC);
	ck_assert(!pclntab_find(&go.tab, 3 * FAKEGO_FUNC, &f));
	pclntab_lookup(&go.tab, names, idx, 2);
	ck_assert_uint_eq(idx[0], 2);
	ck_assert_uint_eq(idx[1], UINT32_MAX);
}
END_TEST

START_TEST(values_and_lines_follow_the_tables)
{
	struct gofunc f;
	uint32_t line;
	ck_assert(pclntab_find(&go.tab, 0, &f));
	ck_assert_int_eq(pclntab_value(&go.tab, &f, f.pcsp, 5), FAKEGO_FRAME);
	ck_assert_str_eq(pclntab_line(&go.tab, &f, 0x1f, &line), "main.go");
	ck_assert_uint_eq(line, 10);
	pclntab_line(&go.tab, &f, 0x20, &line);
	ck_assert_uint_eq(line, 20);
	ck_assert_int_eq(pclntab_value(&go.tab, &f, f.pcsp, FAKEGO_FUNC), -1);
	ck_assert_int_eq(pclntab_value(&go.tab, &f, 0, 0), -1);
}
END_TEST

START_TEST(damaged_tables_say_so)
{
	struct pclntab t;
	uint8_t *table = fake.image + fake.table;
	ck_assert_int_eq(pclntab_init(&t, table, 71), -EPROTO);
	ck_assert_int_eq(pclntab_init(&t, table, 0x200), -EPROTO);
	table[0] = 0xf0;
	ck_assert_int_eq(pclntab_init(&t, table, 0x1000), -EPROTO);
}
END_TEST

/* lea 0x200(%rip), %rax and movl $10000, 0x100(%rip), at the start of main.main. */
START_TEST(references_are_decoded)
{
	static const uint8_t code[] = {
		0x48, 0x8d, 0x05, 0x00, 0x02, 0, 0, 0xc7, 0x05, 0x00, 0x01, 0, 0, 0x10, 0x27, 0, 0};
	struct goref refs[8];
	memcpy(fake.image + FAKEGO_TEXT - FAKEGO_BASE, code, sizeof code);
	go.md.data = (struct range){FAKEGO_TEXT + 0x80, FAKEGO_TEXT + 0x400};
	ck_assert_uint_eq(gorefs(&go, 0, refs, 8), 2);
	ck_assert_uint_eq(refs[0].at, FAKEGO_TEXT + 7 + 0x200);
	ck_assert_uint_eq(refs[0].opcode, 0x8d);
	ck_assert_uint_eq(refs[1].at, FAKEGO_TEXT + 17 + 0x100);
	ck_assert_uint_eq(refs[1].imm, 10000);
	ck_assert_uint_eq(gorefs(&go, UINT32_MAX, refs, 8), 0);
}
END_TEST

static void words(uint8_t *mem, size_t at, uint64_t v)
{
	memcpy(mem + at, &v, sizeof v);
}

/* main.leaf, called by main.main, called by runtime.goexit. */
START_TEST(stacks_unwind_with_inlined_calls)
{
	uint8_t mem[256] = {0};
	static struct gounwind u;
	const uint32_t *locs = u.frames.locs;
	struct gsnap s;
	words(mem, FAKEGO_FRAME, FAKEGO_TEXT + 0x15);
	words(mem, 2 * FAKEGO_FRAME + 8, FAKEGO_TEXT + 2 * FAKEGO_FUNC + 1);
	gsnap_init(&s, GSNAP_GO);
	gounwind_init(&u, &go, &s);
	struct gostack k = {.pc = FAKEGO_TEXT + FAKEGO_FUNC + 0x25,
		.sp = 0x1000,
		.mem = mem,
		.len = sizeof mem};
	gounwind_stack(&u, &k);
	ck_assert_uint_eq(u.frames.n, 2);
	ck_assert(!u.frames.whole); /* goexit has no pcsp here: the walk may not pass it silently */
	const struct gsnap_loc *leaf = &s.locs[locs[0]];
	ck_assert_uint_eq(leaf->nframes, 2);
	ck_assert_str_eq(s.frames[leaf->frame].func, "main.tiny[...]");
	ck_assert(s.frames[leaf->frame].inlined);
	ck_assert_uint_eq(s.frames[leaf->frame].line, 20);
	ck_assert_str_eq(s.frames[leaf->frame + 1].func, "main.leaf");
	ck_assert_uint_eq(s.frames[leaf->frame + 1].line, 10);
	ck_assert_str_eq(s.frames[s.locs[locs[1]].frame].func, "main.main");
	k.len = FAKEGO_FRAME; /* the copy ends before the return address */
	gounwind_stack(&u, &k);
	ck_assert_uint_eq(u.frames.n, 1);
	gounwind_free(&u);
	gsnap_free(&s);
}
END_TEST

/* main.main calls itself: the two ends are kept, in order, and what is between them is counted. */
START_TEST(deep_stacks_keep_their_ends)
{
	enum { FRAME = FAKEGO_FRAME + 8, DEPTH = GO_MAX_FRAMES + 1000 };
	static struct gounwind u;
	struct gsnap s;
	uint8_t *mem = calloc(DEPTH, FRAME);
	for (size_t i = 0; i < DEPTH; i++)
		words(mem, i * FRAME + FAKEGO_FRAME, FAKEGO_TEXT + 0x15);
	gsnap_init(&s, GSNAP_GO);
	gounwind_init(&u, &go, &s);
	struct gostack k = {
		.pc = FAKEGO_TEXT + 0x15, .sp = 0x1000, .mem = mem, .len = DEPTH * FRAME};
	gounwind_stack(&u, &k);
	const struct goframes *fr = &u.frames;
	ck_assert_uint_eq(fr->n, GO_MAX_FRAMES);
	ck_assert_uint_eq(fr->inner, GO_MAX_FRAMES / 2);
	ck_assert_uint_eq(fr->elided, DEPTH + 1 - GO_MAX_FRAMES);
	for (uint32_t i = 0; i < fr->n; i++) {
		size_t depth = i < fr->inner ? i : i + fr->elided;
		ck_assert_uint_eq(fr->sp[i], 0x1000 + depth * FRAME);
	}
	const uint8_t *out = gounwind_words(&u, &k);
	ck_assert_mem_eq(out, &fr->sp[fr->inner], 8); /* no arguments here: only where it goes on */
	gounwind_free(&u);
	gsnap_free(&s);
	free(mem);
}
END_TEST

Suite *test_suite(void);
Suite *test_suite(void)
{
	const struct {
		const char *name;
		const TTest *tests[3];
	} cases[] = {
		{"elf", {elf_rejects_what_is_not_elf, elf_finds_bytes_by_address, NULL}},
		{"version", {version_is_read_and_parsed, no_version_without_build_info, NULL}},
		{"layout", {layout_rows_follow_the_patch, NULL, NULL}},
		{"pclntab", {functions_are_found_by_address_and_name,
				    values_and_lines_follow_the_tables, damaged_tables_say_so}},
		{"refs", {references_are_decoded, NULL, NULL}},
		{"unwind", {stacks_unwind_with_inlined_calls, deep_stacks_keep_their_ends, NULL}},
	};
	Suite *s = suite_create("goparse");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		TCase *tc = tcase_create(cases[i].name);
		tcase_add_checked_fixture(tc, open_fake, close_fake);
		for (size_t k = 0; k < 3 && cases[i].tests[k]; k++)
			tcase_add_test(tc, cases[i].tests[k]);
		suite_add_tcase(s, tc);
	}
	return s;
}

#include "check_main.h"
