/* SPDX-License-Identifier: BSD-2-Clause */
/* http_test.c - requests in, responses out, over a source of known answers. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "pprof/http.h"

Suite *test_suite(void);

#define SECOND INT64_C(1000000000)

static const struct pprof_profile profiles[] = {
	{"goroutine", "all", true}, {"custom", "some", false}, {0}};
static int begun;
static struct pprof_request last;

static int count(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "goroutine") ? -1 : 7;
}

static int begin(void *ctx, const struct pprof_request *r, char *why, size_t size)
{
	(void)ctx;
	begun++;
	if (strcmp(r->name, "profile"))
		return 0;
	snprintf(why, size, "cpu profiling already in use");
	return -1;
}

static int end(
	void *ctx, const struct pprof_request *r, struct pprof_text *body, char *why, size_t size)
{
	(void)ctx;
	last = *r;
	if (!strcmp(r->name, "custom")) {
		snprintf(why, size, "no such luck");
		return -1;
	}
	pprof_text_add(body, "bo\0dy", 5);
	return 0;
}

static int metrics(void *ctx, struct pprof_text *body)
{
	(void)ctx;
	pprof_text_printf(body, "gort_up 1\n");
	return 0;
}

static const struct pprof_source source = {
	.profiles = profiles, .count = count, .begin = begin, .end = end, .metrics = metrics};

static struct pprof_http h;

/* Feeds the request in pieces of `step` bytes; returns how long it wants to wait. */
static int64_t ask_with(const char *request, size_t step, const char *token, bool local)
{
	size_t len = strlen(request), at = 0;
	pprof_http_free(&h);
	pprof_http_init(&h, token, local);
	for (; at < len; at += step) {
		size_t n = len - at < step ? len - at : step;
		if (pprof_http_feed(&h, request + at, n) == PPROF_HTTP_READY)
			break;
	}
	ck_assert_uint_lt(at, len); /* the head was complete */
	int64_t wait = pprof_http_begin(&h, &source);
	ck_assert_int_eq(pprof_http_end(&h, &source), 0);
	return wait;
}

static int64_t ask(const char *target)
{
	char request[512];
	snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
	return ask_with(request, 1000, NULL, false);
}

static void has(const char *text)
{
	ck_assert_msg(memmem(h.out, h.outlen, text, strlen(text)), "not in the answer: %s\n%s",
		text, h.out);
}

static void has_not(const char *text)
{
	ck_assert_msg(!memmem(h.out, h.outlen, text, strlen(text)), "in the answer: %s", text);
}

static void starts(const char *text)
{
	ck_assert_msg(!strncmp(h.out, text, strlen(text)), "%s\n%s", text, h.out);
}

START_TEST(answers)
{
	ask("/debug/pprof/goroutine");
	starts("HTTP/1.1 200 OK\r\n");
	has("Content-Type: application/octet-stream\r\n");
	has("Content-Disposition: attachment; filename=\"goroutine\"\r\n");
	has("X-Content-Type-Options: nosniff\r\n");
	has("Content-Length: 5\r\n");
	ck_assert_int_eq(memcmp(h.out + h.outlen - 5, "bo\0dy", 5), 0);
	ask("/debug/pprof/goroutine?debug=2");
	has("Content-Type: text/plain; charset=utf-8\r\n");
	has_not("Disposition");
	ck_assert_int_eq(last.debug, 2);
	ask("/debug/pprof/");
	has("Content-Type: text/html; charset=utf-8\r\n");
	has("<td>7</td><td><a href='goroutine?debug=1'>goroutine</a></td>");
	ask("/debug/pprof/symbol?0x1+0x2");
	ck_assert_str_eq(last.query, "0x1+0x2");
	ask("/metrics");
	has("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
	has("\r\n\r\ngort_up 1\n");
}
END_TEST

START_TEST(pieces)
{
	static const char request[] =
		"GET /debug/pprof/%67oroutine?x=1&de%62ug=1 HTTP/1.1\r\nHost: a\r\n\r\n";
	for (size_t step = 1; step < sizeof request; step++) {
		ask_with(request, step, NULL, false);
		starts("HTTP/1.1 200 OK\r\n");
	}
	ask_with("GET /debug/pprof/goroutine HTTP/1.0\n\n", 1, NULL, false);
	starts("HTTP/1.1 200 OK\r\n");
	ask_with("HEAD /debug/pprof/goroutine HTTP/1.1\r\nHost: a\r\n\r\n", 9, NULL, false);
	starts("HTTP/1.1 200 OK\r\n");
	has("filename=\"goroutine\"");
	ck_assert_str_eq(h.out + h.outlen - 4, "\r\n\r\n");
}
END_TEST

START_TEST(waiting)
{
	begun = 0;
	ck_assert_int_eq(ask("/debug/pprof/goroutine?seconds=3"), 3 * SECOND);
	ck_assert_int_eq(begun, 1);
	has("filename=\"goroutine-delta\"");
	ck_assert(last.delta);
	ck_assert_int_eq(ask("/debug/pprof/trace"), SECOND);
	ck_assert_int_eq(ask("/debug/pprof/trace?seconds=0.25"), SECOND / 4);
	ck_assert_int_eq(ask("/debug/pprof/trace?seconds=-1"), SECOND);
	has("filename=\"trace\"");
	ck_assert_int_eq(ask("/debug/pprof/goroutine?seconds="), 0);
	ck_assert_int_eq(ask("/debug/pprof/trace?seconds=1e30"), 3600 * SECOND);
	ck_assert_int_eq(ask("/debug/pprof/profile?seconds=1"), 0); /* it failed */
	starts("HTTP/1.1 500 ");
	has("X-Go-Pprof: 1\r\n");
	has("\r\n\r\nCould not enable CPU profiling: cpu profiling already in use\n");
}
END_TEST

START_TEST(errors)
{
	ask("/debug/pprof/nope");
	starts("HTTP/1.1 404 ");
	has("X-Go-Pprof: 1\r\n");
	has("\r\n\r\nUnknown profile\n");
	ask("/debug/pprof/goroutine?seconds=x");
	starts("HTTP/1.1 400 ");
	has("invalid value for \"seconds\" - must be a positive integer\n");
	ask("/debug/pprof/goroutine?seconds=0");
	has("must be a positive integer");
	ask("/debug/pprof/custom?seconds=1");
	has("\"seconds\" parameter is not supported for this profile type\n");
	ask("/debug/pprof/goroutine?seconds=1&debug=1");
	has("seconds and debug params are incompatible\n");
	ask("/debug/pprof/custom");
	starts("HTTP/1.1 500 ");
	has("failed to collect profile: no such luck\n");
	has_not("Disposition");
	ask("/elsewhere");
	starts("HTTP/1.1 404 ");
	has_not("X-Go-Pprof");
	ask("/debug/pprof");
	starts("HTTP/1.1 307 ");
	has("Location: /debug/pprof/\r\n");
	ask_with("POST /debug/pprof/ HTTP/1.1\r\nHost: a\r\n\r\n", 99, NULL, false);
	starts("HTTP/1.1 405 ");
	has("Allow: GET, HEAD\r\n");
}
END_TEST

START_TEST(malformed)
{
	static const char *const bad[] = {"\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n",
		"GET / HTTP/2.0\r\n\r\n", "GET x HTTP/1.1\r\n\r\n", "GET /%zz HTTP/1.1\r\n\r\n",
		"GET /%00 HTTP/1.1\r\n\r\n", "GET /% HTTP/1.1\r\n\r\n", " / HTTP/1.1\r\n\r\n",
		"GET /%-1 HTTP/1.1\r\n\r\n"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ask_with(bad[i], 99, NULL, false);
		starts("HTTP/1.1 400 Bad Request\r\n");
	}
	char *big = calloc(1, 20000);
	memset(big, 'a', 19999);
	ask_with(big, 700, NULL, false);
	starts("HTTP/1.1 431 ");
	memcpy(big, "GET /debug/pprof/", 17);
	memcpy(big + 7000, " HTTP/1.1\r\n\r\n", 14);
	ask_with(big, 7000, NULL, false);
	starts("HTTP/1.1 404 ");
	free(big);
}
END_TEST

#define TOKEN_HEAD "GET /metrics HTTP/1.1\r\nHost: x\r\nauthorization:  Bearer "

START_TEST(access)
{
	static const struct {
		const char *host;
		bool local;
	} hosts[] = {{"localhost", true}, {"localhost:80", true}, {"LOCALHOST:1", true},
		{"127.0.0.1:8080", true}, {"127.1.2.3", true}, {"[::1]:80", true},
		{"evil.example", false}, {"127.0.0.1.evil.example", false},
		{"localhost.evil.example:80", false}, {"10.0.0.1", false}, {"[::2]:80", false}};
	char request[200];
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		snprintf(request, sizeof request, "GET /metrics HTTP/1.1\r\nHost: %s\r\n\r\n",
			hosts[i].host);
		ask_with(request, 99, NULL, true);
		starts(hosts[i].local ? "HTTP/1.1 200 " : "HTTP/1.1 403 ");
	}
	ask_with("GET /metrics HTTP/1.1\r\n\r\n", 99, NULL, true);
	starts("HTTP/1.1 403 ");
	ask_with(TOKEN_HEAD "secret\r\n\r\n", 99, "secret", false);
	starts("HTTP/1.1 200 ");
	ask_with(TOKEN_HEAD "secre\r\n\r\n", 99, "secret", false);
	starts("HTTP/1.1 401 ");
	has("WWW-Authenticate: Bearer\r\n");
	ask_with(TOKEN_HEAD "secrets\r\n\r\n", 99, "secret", false);
	starts("HTTP/1.1 401 ");
	ask_with(TOKEN_HEAD "\r\n\r\n", 99, "secret", false);
	starts("HTTP/1.1 401 ");
	ask_with("GET /metrics HTTP/1.1\r\nX: Authorization: Bearer secret\r\n\r\n", 99, "secret",
		false);
	starts("HTTP/1.1 401 ");
}
END_TEST

static void add_case(Suite *s, const char *name, const TTest *test)
{
	TCase *tc = tcase_create(name);
	tcase_add_test(tc, test);
	suite_add_tcase(s, tc);
}

Suite *test_suite(void)
{
	Suite *s = suite_create("http");
	add_case(s, "answers", answers);
	add_case(s, "pieces", pieces);
	add_case(s, "waiting", waiting);
	add_case(s, "errors", errors);
	add_case(s, "malformed", malformed);
	add_case(s, "access", access);
	return s;
}

#include "check_main.h"
