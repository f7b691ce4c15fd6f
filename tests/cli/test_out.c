/* SPDX-License-Identifier: BSD-2-Clause */
/* test_out.c - files appear whole or not at all, devices stay, errors are noticed. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "add_case.h"
#include "cli/err.h"
#include "cli/out.h"

static struct out out;
static struct gsnap_err err;
static char dir[] = "/tmp/gort-test-XXXXXX";

static int open_at(const char *path)
{
	struct opts o = {.output = path};
	return out_open(&out, &o, STDOUT_FILENO, &err);
}

static int entries(void)
{
	DIR *d = opendir(dir);
	int n = -2;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

START_TEST(test_file)
{
	char path[64], link[64], text[32] = "";
	struct stat st;
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/x", dir);
	snprintf(link, sizeof link, "%s/link", dir);
	umask(022);
	ck_assert_int_eq(open_at(path), 0);
	out_printf(&out, "one");
	out_flush(&out);
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert_int_eq(out_close(&out), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0644);
	ck_assert_int_eq(symlink(path, link), 0);
	ck_assert_int_eq(open_at(link), 0);
	out_printf(&out, "two");
	ck_assert_int_eq(out_close(&out), 0);
	ck_assert_int_eq(lstat(link, &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
	ck_assert_int_eq(open_at(path), 0);
	out_printf(&out, "three");
	out_abort(&out);
	int fd = open(path, O_RDONLY);
	ck_assert_int_eq(read(fd, text, sizeof text), 3);
	close(fd);
	ck_assert_str_eq(text, "two");
	ck_assert_int_eq(entries(), 2);
	unlink(link);
	unlink(path);
	rmdir(dir);
}
END_TEST

START_TEST(test_device)
{
	struct stat st;
	ck_assert_int_eq(open_at("/dev/null"), 0);
	out_printf(&out, "gone");
	ck_assert_int_eq(out_close(&out), 0);
	ck_assert_int_eq(stat("/dev/null", &st), 0);
	ck_assert(S_ISCHR(st.st_mode));
}
END_TEST

START_TEST(test_errors)
{
	int fds[2];
	ck_assert_int_ne(open_at("/nonexistent/x"), 0);
	ck_assert_int_eq(err.code, CLI_FAIL);
	ck_assert_ptr_nonnull(strstr(err.what, "/nonexistent/x"));
	ck_assert_int_eq(open_at("/dev/full"), 0);
	out_printf(&out, "x");
	ck_assert_int_eq(out_close(&out), CLI_FAIL);
	ck_assert_int_eq(pipe(fds), 0);
	close(fds[0]);
	signal(SIGPIPE, SIG_IGN);
	struct opts o = {0};
	ck_assert_int_eq(out_open(&out, &o, fds[1], &err), 0);
	out_printf(&out, "x");
	ck_assert_int_eq(out_close(&out), CLI_FAIL);
	close(fds[1]);
}
END_TEST

START_TEST(test_text)
{
	char clean[] = "a\033[2Jb\x7f\tc\xc2\x9b\n\xc3\xbc", big[4000], back[4001];
	text_clean(clean, strlen(clean));
	ck_assert_str_eq(clean, "a?[2Jb?\tc??\n\xc3\xbc");
	int fds[2];
	ck_assert_int_eq(pipe(fds), 0);
	struct opts o = {.color = COLOR_NEVER};
	memset(big, 'x', sizeof big);
	ck_assert_int_eq(out_open(&out, &o, fds[1], &err), 0);
	out_style(&out, STYLE_ACCENT);
	out_printf(&out, "%.*s", (int)sizeof big, big);
	out_flush(&out);
	ck_assert_int_eq(read(fds[0], back, sizeof back), sizeof big);
	ck_assert_mem_eq(big, back, sizeof big);
	err_what(&err, CLI_GONE, "what %d", 1);
	err_why(&err, "why");
	for (int i = 0; i < 5; i++)
		err_try(&err, "try %d", i);
	err_see(&err, "see");
	ck_assert_uint_eq(err_format(&err, back, sizeof back), strlen(back));
	ck_assert_str_eq(back, "gort: what 1\n  why:  why\n  try:  try 0\n        try 1\n"
			       "        try 2\n  see:  see\n");
	ck_assert_uint_gt(err_format(&err, back, 10), 10);
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("out");
	add_case(s, "file", test_file);
	add_case(s, "device", test_device);
	add_case(s, "errors", test_errors);
	add_case(s, "text", test_text);
	return s;
}

#include "check_main.h"
