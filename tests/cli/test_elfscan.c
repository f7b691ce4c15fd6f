/* SPDX-License-Identifier: BSD-2-Clause */
/* test_elfscan.c - kinds of programs are told apart; broken files are harmless. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "add_case.h"
#include "cli/elfscan.h"

static struct elfscan scan(const char *path)
{
	struct elfscan e;
	ck_assert_int_eq(elfscan_file(path, &e), 0);
	return e;
}

START_TEST(test_kinds)
{
	struct elfscan e = scan(CHILD_DIR "/child_tsan");
	ck_assert(e.elf64 && e.dynamic && !e.go && !e.libgort && !e.tsan_inside);
	ck_assert_str_eq(e.tsan, "libtsan.so.2");
	e = scan(CHILD_DIR "/child_gort");
	ck_assert(e.elf64 && e.libgort && !e.tsan[0]);
	e = scan(CHILD_DIR "/child_plain");
	ck_assert(e.elf64 && e.dynamic && !e.libgort && !e.tsan[0] && !e.tsan_inside);
	ck_assert(!e.script && !e.elf32 && !e.foreign && !e.musl);
	elfscan("#! /bin/sh -e\n", 14, &e);
	ck_assert(e.script && !e.elf64);
	ck_assert_str_eq(e.shell, "/bin/sh");
	elfscan("#!", 2, &e);
	ck_assert(!e.script);
	e = scan("/dev/null");
	ck_assert(!e.elf64);
	ck_assert_int_lt(elfscan_file("/nonexistent", &e), 0);
}
END_TEST

/* The file in memory of exactly its size, so that a sanitizer sees every step outside it. */
static unsigned char *load(const char *path, size_t *len)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	ck_assert(fd >= 0 && fstat(fd, &st) == 0);
	unsigned char *data = malloc(st.st_size);
	ck_assert_int_eq(read(fd, data, st.st_size), st.st_size);
	close(fd);
	*len = st.st_size;
	return data;
}

START_TEST(test_hostile)
{
	struct elfscan e;
	size_t len;
	unsigned char *file = load(CHILD_DIR "/child_tsan", &len);
	for (size_t cut = 0; cut < len; cut += cut < 200 ? 1 : 97) {
		unsigned char *part = malloc(cut ? cut : 1);
		memcpy(part, file, cut);
		elfscan(part, cut, &e);
		free(part);
	}
	uint64_t seed = 1;
	for (int i = 0; i < 3000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		size_t at = i % 2 ? (seed >> 33) % 64 : (seed >> 33) % len;
		unsigned char old = file[at];
		file[at] = seed >> 24;
		elfscan(file, len, &e);
		file[at] = old;
	}
	elfscan(file, len, &e);
	ck_assert_str_eq(e.tsan, "libtsan.so.2");
	free(file);
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("elfscan");
	add_case(s, "kinds", test_kinds);
	add_case(s, "hostile", test_hostile);
	return s;
}

#include "check_main.h"
