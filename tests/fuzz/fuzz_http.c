/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_http.c - the input is what a client of /debug/pprof sends; its first byte says in pieces of
 * what size, and whether a token or a local name is demanded. Every request gets a whole answer.
 */
#include <string.h>
#include "pprof/http.h"

static const struct pprof_profile profiles[] = {
	{"goroutine", "all", true}, {"heap", "h", false}, {0}};

static int count(void *ctx, const char *name)
{
	(void)ctx;
	return (int)strlen(name);
}

static int begin(void *ctx, const struct pprof_request *r, char *why, size_t size)
{
	(void)ctx;
	(void)why;
	(void)size;
	return r->seconds_ns < 0 ? -1 : 0;
}

static int end(
	void *ctx, const struct pprof_request *r, struct pprof_text *body, char *why, size_t size)
{
	(void)ctx;
	(void)why;
	(void)size;
	pprof_text_printf(body, "%s %s %d\n", r->name, r->query, r->debug);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pprof_source source = {
		.profiles = profiles, .count = count, .begin = begin, .end = end};
	static struct pprof_http h;
	if (size == 0)
		return 0;
	size_t step = 1 + data[0] % 61;
	pprof_http_init(&h, data[0] & 64 ? "secret" : NULL, data[0] & 128);
	for (size_t at = 1; at < size; at += step) {
		size_t n = size - at < step ? size - at : step;
		if (pprof_http_feed(&h, data + at, n) == PPROF_HTTP_MORE)
			continue;
		if (pprof_http_begin(&h, &source) < 0 || pprof_http_end(&h, &source) ||
			strncmp(h.out, "HTTP/1.1 ", 9))
			__builtin_trap();
		break;
	}
	pprof_http_free(&h);
	return 0;
}
