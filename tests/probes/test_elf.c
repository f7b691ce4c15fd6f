/* SPDX-License-Identifier: BSD-2-Clause */
/* elf.c and gobuild.c on a made-up executable, damaged. */
#include <check.h>
#include <errno.h>
#include "goimage.h"
#include "probes/gobuild.h"

Suite *test_suite(void);

static struct goimage im;
static struct elf e;

static void open_image(void)
{
	goimage_make(&im);
	ck_assert_int_eq(elf_parse(&e, im.bytes, sizeof im.bytes), 0);
}

static int parse_with(size_t at, uint8_t value)
{
	struct elf other;
	goimage_make(&im);
	im.bytes[at] = value;
	int err = elf_parse(&other, im.bytes, sizeof im.bytes);
	elf_close(&other);
	return err;
}

START_TEST(not_ours)
{
	ck_assert_int_eq(parse_with(0, 0), -ENOEXEC);
	ck_assert_int_eq(parse_with(EI_CLASS, ELFCLASS32), -ENOEXEC);
	ck_assert_int_eq(parse_with(EI_DATA, ELFDATA2MSB), -ENOEXEC);
	ck_assert_int_eq(parse_with(offsetof(Elf64_Ehdr, e_machine), EM_AARCH64), -ENOEXEC);
	ck_assert_int_eq(parse_with(offsetof(Elf64_Ehdr, e_type), ET_REL), -ENOEXEC);
	ck_assert_int_eq(parse_with(offsetof(Elf64_Ehdr, e_phoff) + 7, 0xff), -ENOEXEC);
	ck_assert_int_eq(parse_with(offsetof(Elf64_Ehdr, e_phnum) + 1, 0xff), -ENOEXEC);
	ck_assert_int_eq(elf_parse(&e, im.bytes, sizeof e.eh - 1), -ENOEXEC);
}
END_TEST

static int parse_with_headers(uint16_t n)
{
	static uint8_t bytes[1 << 17];
	Elf64_Ehdr eh;
	struct elf other;
	goimage_make(&im);
	memcpy(&eh, im.bytes, sizeof eh);
	eh.e_phnum = n;
	memcpy(bytes, &eh, sizeof eh);
	int err = elf_parse(&other, bytes, sizeof bytes);
	elf_close(&other);
	return err;
}

START_TEST(headers)
{
	enum { MOST = 65536 / sizeof(Elf64_Phdr) };
	ck_assert_int_eq(parse_with_headers(MOST), 0);
	ck_assert_int_eq(parse_with_headers(MOST + 1), -ENOEXEC);
}
END_TEST

START_TEST(edges)
{
	size_t avail;
	open_image();
	ck_assert_ptr_null(elf_at(&e, GOIMAGE_BASE - 1, &avail));
	ck_assert_ptr_null(elf_at(&e, GOIMAGE_BASE + GOIMAGE_SIZE, &avail));
	ck_assert_uint_eq(avail, 0);
	ck_assert_ptr_nonnull(elf_at(&e, GOIMAGE_BASE + GOIMAGE_SIZE - 1, &avail));
	ck_assert_uint_eq(avail, 1);
	e.ph[1].p_filesz = UINT64_MAX; /* more than the file has */
	ck_assert_ptr_nonnull(elf_at(&e, addr_of(AT_DATA), &avail));
	ck_assert_uint_eq(avail, GOIMAGE_SIZE - AT_DATA);
	e.ph[1].p_offset = GOIMAGE_SIZE;
	ck_assert_ptr_null(elf_at(&e, addr_of(AT_DATA), &avail));
	elf_close(&e);
}
END_TEST

/* Of two sections, the names at the end of the file and one named there, finds the second. */
static const Elf64_Shdr *section_named(const char *names, size_t len, uint32_t name)
{
	static Elf64_Shdr sh[2];
	open_image();
	put(&im, GOIMAGE_SIZE - len, names, len);
	sh[0] = (Elf64_Shdr){.sh_offset = GOIMAGE_SIZE - len, .sh_size = len};
	sh[1] = (Elf64_Shdr){.sh_name = name};
	e.sh = sh;
	e.nsh = 2;
	const Elf64_Shdr *found = elf_section(&e, ".go.buildinfo");
	e.sh = NULL;
	elf_close(&e);
	return found == &sh[1] ? found : NULL;
}

START_TEST(sections)
{
	static const char names[] = "\0.go.buildinfo";
	ck_assert_ptr_nonnull(section_named(names, sizeof names, 1));
	ck_assert_ptr_null(section_named(names, sizeof names, 2));
	ck_assert_ptr_null(section_named(names, sizeof names - 1, 1)); /* not terminated */
	ck_assert_ptr_null(section_named(names, sizeof names, UINT32_MAX));
}
END_TEST

START_TEST(buildinfo)
{
	struct goversion v;
	open_image();
	ck_assert(gobuild_version(&e, &v));
	ck_assert_str_eq(v.text, "go1.26.8");
	ck_assert_int_eq(v.minor, 26);
	ck_assert_int_eq(v.patch, 8);
	im.bytes[AT_BUILDINFO + 32] = 127; /* text longer than any version */
	ck_assert(!gobuild_version(&e, &v));
	im.bytes[AT_BUILDINFO + 32] = 8;
	im.bytes[AT_BUILDINFO + 15] = 0; /* strings by pointer: before Go 1.18 */
	ck_assert(!gobuild_version(&e, &v));
	elf_close(&e);
}
END_TEST

/* What is left when a build tool removes the build info: the string header of buildVersion. */
START_TEST(buildversion)
{
	struct goversion v;
	open_image();
	im.bytes[AT_BUILDINFO] = 0;
	put(&im, AT_TEXTS + 64, "go1.25.5", 8);
	put64(&im, AT_DATA, addr_of(AT_TEXTS + 64));
	put64(&im, AT_DATA + 8, 8);
	ck_assert(gobuild_version(&e, &v));
	ck_assert_int_eq(v.minor, 25);
	put64(&im, AT_DATA, UINT64_MAX - 4);
	ck_assert(!gobuild_version(&e, &v));
	put64(&im, AT_DATA, GOIMAGE_BASE + GOIMAGE_SIZE - 4); /* ends behind the file */
	put(&im, GOIMAGE_SIZE - 4, "go1.", 4);
	ck_assert(!gobuild_version(&e, &v));
	elf_close(&e);
}
END_TEST

/* The last of segments that together are larger than the file is not searched. */
START_TEST(overlapping)
{
	struct goversion v;
	open_image();
	Elf64_Phdr *whole = e.ph, data = e.ph[1];
	Elf64_Phdr ph[3] = {data, data, data};
	e.ph = ph;
	e.nph = 3;
	ck_assert(gobuild_version(&e, &v));
	for (int i = 0; i < 2; i++) {
		ph[i].p_offset = 8; /* there the mark is not where it should be */
		ph[i].p_filesz = GOIMAGE_SIZE - 8;
	}
	ck_assert(!gobuild_version(&e, &v));
	e.ph = whole;
	elf_close(&e);
}
END_TEST

Suite *test_suite(void)
{
	Suite *s = suite_create("elf");
	TCase *tc = tcase_create("elf");
	tcase_add_test(tc, not_ours);
	tcase_add_test(tc, headers);
	tcase_add_test(tc, edges);
	tcase_add_test(tc, sections);
	suite_add_tcase(s, tc);
	tc = tcase_create("gobuild");
	tcase_add_test(tc, buildinfo);
	tcase_add_test(tc, buildversion);
	tcase_add_test(tc, overlapping);
	suite_add_tcase(s, tc);
	return s;
}

#include "check_main.h"
