/* SPDX-License-Identifier: BSD-2-Clause */
/* io_test.c - readers, writers, files and their errors; tests/lang compares Buffer with Go's. */
#include <errno.h>
#include <fcntl.h>
#include <gort/bytes.h>

#include "child.h"
#include "suite.h"

static bool same(string a, const char *b)
{
	return str_equal(a, str_view(b));
}

/* Gives one byte at a time, then nothing at all without an error. */
typedef struct slow {
	const char *left;
} slow;

static error slow_read(slow *s, void *p, isize n, isize *got)
{
	*got = *s->left && n > 0;
	if (*got)
		*(char *)p = *s->left++;
	return nil;
}

/* Takes half of what it is given. */
typedef struct half {
	isize taken;
} half;

static error half_write(half *h, const void *p, isize n, isize *done)
{
	(void)p;
	*done = n / 2;
	h->taken += *done;
	return nil;
}

GORT_DYNTYPE(slow);
GORT_DYNTYPE(half);
GORT_IMPL(gort_reader, slow, slow_read);
GORT_IMPL(gort_writer, half, half_write);

static int streams(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_buffer b = {0}, copy = {0};
	char p[8];
	isize got;
	int64_t n;
	slow s = {"abc"};
	half h = {0};
	gort_bytes all;
	gort_writer w = gort_buffer_writer(&b);
	REQUIRE(!gort_write_string(w, S("hello ")) && !gort_write_string(w, S("world")));
	gort_reader r = gort_tee_reader(gort_buffer_reader(&b), gort_buffer_writer(&copy));
	REQUIRE(!gort_read_full(r, p, 5, &got) && got == 5 && memcmp(p, "hello", 5) == 0);
	REQUIRE(!gort_read_all(r, &all) && same(bytes_str(all), " world"));
	REQUIRE(gort_read_full(r, p, 1, &got) == gort_err_eof && got == 0);
	REQUIRE(same(gort_buffer_text(&copy), "hello world"));
	REQUIRE(gort_read_full(gort_string_reader(S("ab")), p, 3, &got) == gort_err_unexpected_eof);
	REQUIRE(gort_copy_n(w, gort_limit_reader(gort_string_reader(S("abcdef")), 4), 9, &n) ==
		gort_err_eof);
	REQUIRE(n == 4 && same(gort_buffer_text(&b), "abcd"));
	REQUIRE(!gort_copy(gort_discard(), gort_buffer_reader(&b), &n) && n == 4);
	r = as_iface(gort_reader, slow, &s);
	REQUIRE(gort_read_all(r, &all) == gort_err_no_progress && same(bytes_str(all), "abc"));
	w = as_iface(gort_writer, half, &h);
	REQUIRE(gort_write_string(w, S("four")) == gort_err_short_write && h.taken == 2);
	return 0;
}

static int files(int argc, char **argv)
{
	(void)argc, (void)argv;
	char path[] = "/tmp/gort-io-XXXXXX";
	gort_bytes all;
	gort_conn c;
	int fd = mkstemp(path);
	REQUIRE(fd >= 0 && close(fd) == 0);
	REQUIRE(!gort_file_write(path, "text", 4, 0600));
	REQUIRE(!gort_file_read(path, &all) && same(bytes_str(all), "text"));
	REQUIRE(!gort_file_open(path, O_RDONLY, 0, &c));
	error err = gort_write_string(gort_conn_writer(c), S("x"));
	REQUIRE(error_is(err, gort_err_closed) && gort_error_errno(err) == EBADF);
	REQUIRE(gort_conn_close(c) == 0 && unlink(path) == 0);
	err = error_wrap(gort_file_open("/nowhere/x", O_RDONLY, 0, &c), "reading");
	const struct gort_patherror *pe = error_as(err, struct gort_patherror, patherror);
	REQUIRE(error_is(err, gort_err_not_exist) && !error_is(err, gort_err_exist));
	REQUIRE(pe && strcmp(pe->path, "/nowhere/x") == 0 && gort_error_errno(err) == ENOENT);
	return strcmp(error_text(err), "reading: open /nowhere/x: no such file or directory");
}

/* A connection as a stream: what one goroutine copies in, another reads. */
static void feed(gort_conn c)
{
	gort_copy(gort_conn_writer(c), gort_limit_reader(gort_string_reader(S("0123456789")), 7),
		nil);
	gort_conn_close(c);
}

static int connections(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_conn r, w;
	gort_bytes all;
	REQUIRE(gort_pipe(&r, &w) == 0);
	go(feed, w);
	REQUIRE(!gort_read_all(gort_conn_reader(r), &all) && same(bytes_str(all), "0123456"));
	REQUIRE(!gort_errno_error(0) && gort_errno_error(-EPIPE) == gort_errno_error(EPIPE));
	REQUIRE(strcmp(error_text(gort_errno_error(EIO)), "input/output error") == 0);
	REQUIRE(gort_conn_close(r) == 0);
	return 0;
}

START_TEST(io)
{
	expect_code(streams, 0);
	expect_code(files, 0);
	expect_code(connections, 0);
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"io", .seconds = 120,
		.units = {
			{"io", io},
		}});
}

#include "check_main.h"
