/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * http.c - answers of /debug/pprof, as Go's net/http/pprof and its mux word them.
 *
 *  1. GET and HEAD are answered, other methods get 405: Go registers these paths for GET.
 *  2. Errors of a handler carry X-Go-Pprof: 1 and plain text; go tool pprof prints them.
 *  3. Parameters are read as Go reads them: a debug that is no number is 0; seconds that are none
 *     take the default for profile and trace, and are an error for a delta.
 *  4. Connections are closed after each answer: scrapers ask once in a while.
 */
#include "pprof/http.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define PREFIX      "/debug/pprof/"
#define SECOND      INT64_C(1000000000)
#define MAX_SECONDS 3600

void pprof_text_add(struct pprof_text *t, const void *bytes, size_t n)
{
	if (t->oom)
		return;
	if (t->cap - t->len < n + 1) {
		size_t cap = t->cap * 2 + n + 1024;
		char *bigger = realloc(t->data, cap);
		if (!bigger) {
			t->oom = true;
			return;
		}
		t->data = bigger;
		t->cap = cap;
	}
	if (n)
		memcpy(t->data + t->len, bytes, n);
	t->len += n;
	t->data[t->len] = '\0';
}

void pprof_text_printf(struct pprof_text *t, const char *fmt, ...)
{
	char line[1024], *text = line;
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(line, sizeof line, fmt, ap);
	if (n >= (int)sizeof line && vasprintf(&text, fmt, again) < 0) {
		text = line;
		n = -1;
		t->oom = true;
	}
	va_end(again);
	va_end(ap);
	if (n > 0)
		pprof_text_add(t, text, (size_t)n);
	if (text != line)
		free(text);
}

void pprof_http_init(struct pprof_http *h, const char *token, bool local)
{
	memset(h, 0, sizeof *h);
	h->token = token;
	h->local = local;
	h->request.query = "";
}

void pprof_http_free(struct pprof_http *h)
{
	free(h->out);
	h->out = NULL;
}

static bool head_complete(const struct pprof_http *h)
{
	return memmem(h->head, h->headlen, "\r\n\r\n", 4) || memmem(h->head, h->headlen, "\n\n", 2);
}

enum pprof_http_state pprof_http_feed(struct pprof_http *h, const void *bytes, size_t n)
{
	size_t room = PPROF_HTTP_HEAD_MAX - h->headlen;
	memcpy(h->head + h->headlen, bytes, n < room ? n : room);
	h->headlen += n < room ? n : room;
	h->head[h->headlen] = '\0';
	if (head_complete(h))
		return PPROF_HTTP_READY;
	if (h->headlen < PPROF_HTTP_HEAD_MAX)
		return PPROF_HTTP_MORE;
	h->status = 431;
	return PPROF_HTTP_READY;
}

/* Decodes %XX and +; false when that is malformed or hides a NUL. */
static bool unescape(char *text)
{
	char *to = text;
	for (const char *p = text; *p; p++) {
		char c = *p;
		if (c == '%') {
			char hex[3] = {p[1], p[1] ? p[2] : '\0', 0}, *end;
			c = (char)strtoul(hex, &end, 16);
			if (end != hex + 2 || !c || hex[0] == '-' || hex[0] == '+')
				return false;
			p += 2;
		} else if (c == '+') {
			c = ' ';
		}
		*to++ = c;
	}
	*to = '\0';
	return true;
}

/* The first value of a parameter, as url.ParseQuery finds it; false when it is not given. */
static bool parameter(const char *query, const char *name, char *value, size_t size)
{
	for (const char *p = query; *p;) {
		size_t len = strcspn(p, "&");
		char pair[128];
		snprintf(pair, sizeof pair, "%.*s", (int)len, p);
		char *equals = strchr(pair, '=');
		if (equals)
			*equals++ = '\0';
		else
			equals = pair + strlen(pair);
		if (unescape(pair) && !strcmp(pair, name) && unescape(equals)) {
			snprintf(value, size, "%s", equals);
			return true;
		}
		p += len + (p[len] == '&');
	}
	return false;
}

/* strconv.ParseInt(text, 10, 64): the whole text is a number. */
static bool whole_number(const char *text, int64_t *v)
{
	char *end;
	errno = 0;
	*v = strtoll(text, &end, 10);
	return *text && *text != ' ' && !*end && !errno;
}

static int64_t bounded(double seconds)
{
	return (int64_t)((seconds < MAX_SECONDS ? seconds : MAX_SECONDS) * SECOND);
}

static void refuse(struct pprof_http *h, int status, const char *why)
{
	h->status = status;
	snprintf(h->why, sizeof h->why, "%s", why);
}

static const struct pprof_profile *find(const struct pprof_source *s, const char *name)
{
	for (const struct pprof_profile *p = s->profiles; p->name; p++)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

/* Seconds of profile and trace: what is no positive number takes the default. */
static int64_t duration(const char *query, int64_t fallback, bool fractions)
{
	char text[64], *end = text;
	int64_t whole;
	if (!parameter(query, "seconds", text, sizeof text))
		return fallback * SECOND;
	if (!fractions)
		return whole_number(text, &whole) && whole > 0 ? bounded((double)whole)
							       : fallback * SECOND;
	double v = strtod(text, &end);
	return *text && !*end && v > 0 ? bounded(v) : fallback * SECOND;
}

static void plan_delta(struct pprof_http *h, const struct pprof_profile *p, const char *seconds)
{
	int64_t n;
	if (!whole_number(seconds, &n) || n <= 0)
		refuse(h, 400, "invalid value for \"seconds\" - must be a positive integer");
	else if (!p->delta)
		refuse(h, 400, "\"seconds\" parameter is not supported for this profile type");
	else if (h->request.debug)
		refuse(h, 400, "seconds and debug params are incompatible");
	h->request.delta = !h->status;
	h->request.seconds_ns = h->status ? 0 : bounded((double)n);
}

static void plan_profile(struct pprof_http *h, const struct pprof_source *s)
{
	struct pprof_request *r = &h->request;
	const struct pprof_profile *p = find(s, r->name);
	char text[64];
	int64_t n;
	if (!strcmp(r->name, "profile"))
		r->seconds_ns = duration(r->query, 30, false);
	else if (!strcmp(r->name, "trace"))
		r->seconds_ns = duration(r->query, 1, true);
	else if (!strcmp(r->name, "cmdline") || !strcmp(r->name, "symbol") || !r->name[0])
		return;
	else if (!p)
		refuse(h, 404, "Unknown profile");
	if (!p)
		return;
	if (parameter(r->query, "debug", text, sizeof text) && whole_number(text, &n))
		r->debug = n < 0 ? -1 : n > 2 ? 2 : (int)n;
	if (parameter(r->query, "seconds", text, sizeof text) && text[0])
		plan_delta(h, p, text);
}

/* The value of a header field, cut out of a copy of the head. */
static bool header(const char *head, const char *name, char *value, size_t size)
{
	size_t n = strlen(name);
	for (const char *p = strchr(head, '\n'); p; p = strchr(p, '\n')) {
		p++;
		if (strncasecmp(p, name, n) || p[n] != ':')
			continue;
		p += n + 1;
		p += strspn(p, " \t");
		size_t len = strcspn(p, "\r\n");
		while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
			len--;
		snprintf(value, size, "%.*s", (int)len, p);
		return len < size;
	}
	return false;
}

/* Takes as long for every wrong token, so that it cannot be found out byte by byte. */
static bool same_secret(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	unsigned differ = na != nb;
	for (size_t i = 0; i < nb; i++)
		differ |= (unsigned char)(i < na ? a[i] : 0) ^ (unsigned char)b[i];
	return !differ;
}

/* A page of another site cannot read this server through the visitor's browser (DNS rebinding). */
static bool local_host(const char *host)
{
	size_t n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	static const char *const names[] = {"localhost", "[::1]"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (n == strlen(names[i]) && !strncasecmp(host, names[i], n))
			return true;
	return !strncmp(host, "127.", 4) && strspn(host, "0123456789.") == n;
}

static void authorize(struct pprof_http *h)
{
	char value[1024];
	bool given = header(h->head, "Authorization", value, sizeof value);
	if (h->token &&
		(!given || strncasecmp(value, "Bearer ", 7) || !same_secret(value + 7, h->token)))
		refuse(h, 401, "this server wants the header Authorization: Bearer TOKEN");
	else if (h->local && (!header(h->head, "Host", value, sizeof value) || !local_host(value)))
		refuse(h, 403, "this server answers requests for localhost only");
}

/* "METHOD TARGET HTTP/1.x"; cuts the target out of the head. */
static void parse_line(struct pprof_http *h)
{
	size_t method = strcspn(h->head, " \r\n");
	char *target = h->head + method + 1;
	size_t len = strcspn(h->head + method, "\r\n") ? strcspn(target, " \r\n") : 0;
	if (!method || !len || *target != '/' || strncmp(target + len, " HTTP/1.", 8) ||
		memchr(h->head, '\0', h->headlen)) {
		refuse(h, 400, "400 Bad Request");
		return;
	}
	authorize(h);
	h->is_head = method == 4 && !strncmp(h->head, "HEAD", 4);
	if (!h->status && !h->is_head && (method != 3 || strncmp(h->head, "GET", 3)))
		refuse(h, 405, "Method Not Allowed");
	target[len] = '\0';
	h->path = target;
	char *question = strchr(target, '?');
	if (question) {
		*question = '\0';
		h->request.query = question + 1;
	}
	if (!h->status && !unescape(target))
		refuse(h, 400, "400 Bad Request");
}

static void route(struct pprof_http *h, const struct pprof_source *s)
{
	const char *name = h->path + strlen(PREFIX);
	if (!strcmp(h->path, "/metrics") && s->metrics)
		h->metrics = true;
	else if (!strcmp(h->path, "/debug/pprof"))
		h->status = 307; /* 301 before Go 1.26 */
	else if (strncmp(h->path, PREFIX, strlen(PREFIX)))
		refuse(h, 404, "404 page not found");
	else if (strlen(name) >= sizeof h->request.name)
		refuse(h, 404, "Unknown profile");
	else
		strcpy(h->request.name, name);
}

static const char *failure(const struct pprof_request *r)
{
	if (!strcmp(r->name, "profile"))
		return "Could not enable CPU profiling: ";
	return strcmp(r->name, "trace") ? "failed to collect profile: "
					: "Could not enable tracing: ";
}

static void failed(struct pprof_http *h, const char *why)
{
	h->status = 500;
	snprintf(h->why, sizeof h->why, "%s%.180s", failure(&h->request), why);
}

int64_t pprof_http_begin(struct pprof_http *h, const struct pprof_source *s)
{
	char why[256] = "";
	if (!h->status)
		parse_line(h);
	if (!h->status)
		route(h, s);
	if (!h->status && !h->metrics)
		plan_profile(h, s);
	if (h->status || h->metrics || !h->request.seconds_ns || h->is_head)
		return 0;
	if (s->begin(s->ctx, &h->request, why, sizeof why)) {
		failed(h, why);
		return 0;
	}
	return h->request.seconds_ns;
}

static void index_row(
	struct pprof_text *body, const struct pprof_source *s, const char *name, const char *debug)
{
	int n = s->count(s->ctx, name);
	if (n >= 0)
		pprof_text_printf(body, "<tr><td>%d</td>", n);
	else
		pprof_text_printf(body, "<tr><td></td>");
	pprof_text_printf(body, "<td><a href='%s%s'>%s</a></td></tr>\n", name, debug, name);
}

static void index_page(struct pprof_text *body, const struct pprof_source *s)
{
	static const char *const others[] = {"cmdline", "profile", "symbol", "trace"};
	pprof_text_printf(body,
		"<html>\n<head>\n<title>/debug/pprof/</title>\n</head>\n<body>\n"
		"/debug/pprof/\n<br>\n<p>Profiles, read by gort from outside the process</p>\n"
		"<table>\n<thead><td>Count</td><td>Profile</td></thead>\n");
	for (const struct pprof_profile *p = s->profiles; p->name; p++)
		index_row(body, s, p->name, "?debug=1");
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		index_row(body, s, others[i], "");
	pprof_text_printf(body, "</table>\n<a href=\"goroutine?debug=2\">full goroutine stack "
				"dump</a>\n<br>\n<ul>\n");
	for (const struct pprof_profile *p = s->profiles; p->name; p++)
		pprof_text_printf(body, "<li><b>%s:</b> %s</li>\n", p->name, p->description);
	pprof_text_printf(body, "</ul>\n</body>\n</html>\n");
}

static const char *status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} texts[] = {{200, "OK"}, {307, "Temporary Redirect"}, {400, "Bad Request"},
		{401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
		{405, "Method Not Allowed"}, {431, "Request Header Fields Too Large"}};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "Internal Server Error";
}

/* Whether the answer is an error of a profile's handler, not of the server around it. */
static bool handler_error(const struct pprof_http *h)
{
	return h->status >= 400 && h->path && !strncmp(h->path, PREFIX, strlen(PREFIX)) &&
	       h->status != 401 && h->status != 403 && h->status != 405;
}

static void content_type(struct pprof_text *out, const struct pprof_http *h)
{
	const struct pprof_request *r = &h->request;
	bool plain = h->status != 200 || r->debug || !strcmp(r->name, "cmdline") ||
		     !strcmp(r->name, "symbol");
	const char *type = h->metrics    ? "text/plain; version=0.0.4; charset=utf-8"
			   : plain       ? "text/plain; charset=utf-8"
			   : !r->name[0] ? "text/html; charset=utf-8"
					 : "application/octet-stream";
	pprof_text_printf(out, "Content-Type: %s\r\n", type);
	if (!strcmp(type, "application/octet-stream"))
		pprof_text_printf(out, "Content-Disposition: attachment; filename=\"%s%s\"\r\n",
			r->name, r->delta ? "-delta" : "");
}

static void response(struct pprof_text *out, const struct pprof_http *h, size_t len)
{
	char date[64];
	time_t now = time(NULL);
	struct tm tm;
	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	pprof_text_printf(out, "HTTP/1.1 %d %s\r\n", h->status, status_text(h->status));
	if (h->status == 307)
		pprof_text_printf(out, "Location: " PREFIX "\r\n");
	if (h->status == 401)
		pprof_text_printf(out, "WWW-Authenticate: Bearer\r\n");
	if (h->status == 405)
		pprof_text_printf(out, "Allow: GET, HEAD\r\n");
	content_type(out, h);
	pprof_text_printf(out, "X-Content-Type-Options: nosniff\r\n");
	if (handler_error(h))
		pprof_text_printf(out, "X-Go-Pprof: 1\r\n");
	if (!h->is_head)
		pprof_text_printf(out, "Content-Length: %zu\r\n", len);
	pprof_text_printf(out, "Date: %s\r\nConnection: close\r\n\r\n", date);
}

static void make_body(struct pprof_http *h, const struct pprof_source *s, struct pprof_text *body)
{
	char why[256] = "";
	int err = 0;
	if (h->metrics)
		err = s->metrics(s->ctx, body);
	else if (!h->request.name[0])
		index_page(body, s);
	else if (!h->is_head)
		err = s->end(s->ctx, &h->request, body, why, sizeof why);
	if (err) {
		body->len = 0;
		failed(h, why[0] ? why : strerror(-err));
	} else {
		h->status = 200;
	}
}

int pprof_http_end(struct pprof_http *h, const struct pprof_source *s)
{
	struct pprof_text body = {0}, out = {0};
	if (!h->status)
		make_body(h, s, &body);
	if (h->status != 200)
		pprof_text_printf(&body, "%s\n", h->why[0] ? h->why : status_text(h->status));
	response(&out, h, body.len);
	if (!h->is_head)
		pprof_text_add(&out, body.data, body.len);
	bool oom = body.oom || out.oom;
	free(body.data);
	if (oom) {
		free(out.data);
		return -ENOMEM;
	}
	h->out = out.data;
	h->outlen = out.len;
	return 0;
}
