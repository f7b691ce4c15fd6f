/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * http.h - /debug/pprof over HTTP/1.1 without a socket: request bytes in, response bytes out.
 *
 * Paths, parameters, headers and errors are those of net/http/pprof, so every tool that scrapes a
 * Go program scrapes this. Whoever owns the connection feeds what arrives, waits as long as it is
 * told to (a delta needs two looks), and sends the answer, after which the connection is closed:
 *
 *	pprof_http_init(&h);
 *	while (pprof_http_feed(&h, bytes, n) == PPROF_HTTP_MORE)
 *		read more
 *	wait(pprof_http_begin(&h, source));    0 for most requests
 *	pprof_http_end(&h, source);            h.out, h.outlen; also with an error as the answer
 *	pprof_http_free(&h);
 *
 * Requests come from strangers: heads are bounded, bodies are not read, and what cannot be parsed
 * is answered with 400.
 */
#ifndef GORT_PPROF_HTTP_H
#define GORT_PPROF_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PPROF_HTTP_HEAD_MAX 8192
#define PPROF_HTTP_NAME_MAX 64

/* What is asked for, once the head is parsed. */
struct pprof_request {
	char name[PPROF_HTTP_NAME_MAX]; /* "goroutine", "heap", "cmdline"; "" is the index */
	const char *query;              /* raw, "" when there is none */
	int debug;
	int64_t seconds_ns; /* of profile, trace and deltas; 0: none asked for */
	bool delta;         /* the difference of two looks, seconds_ns apart */
};

/* A body being written; out of memory is sticky. */
struct pprof_text {
	char *data;
	size_t len, cap;
	bool oom;
};
void pprof_text_add(struct pprof_text *t, const void *bytes, size_t n);
void pprof_text_printf(struct pprof_text *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

struct pprof_profile {
	const char *name, *description; /* of the index */
	bool delta;                     /* ?seconds= gives a difference */
};

/* Where answers come from. */
struct pprof_source {
	void *ctx;
	const struct pprof_profile *profiles; /* ended by a NULL name */
	/* How many records a profile has now, -1 when that is not known. */
	int (*count)(void *ctx, const char *name);
	/* The first look of a profile over time; 0, or -errno with the reason in why. */
	int (*begin)(void *ctx, const struct pprof_request *r, char *why, size_t size);
	/* Writes the answer, also of cmdline, symbol, profile and trace; as begin. */
	int (*end)(void *ctx, const struct pprof_request *r, struct pprof_text *body, char *why,
		size_t size);
	/* The page of /metrics, NULL for none. */
	int (*metrics)(void *ctx, struct pprof_text *body);
};

enum pprof_http_state { PPROF_HTTP_MORE, PPROF_HTTP_READY };

struct pprof_http {
	char head[PPROF_HTTP_HEAD_MAX + 1];
	size_t headlen;
	const char *token; /* when set, requests must carry it: Authorization: Bearer TOKEN */
	bool local;        /* answer only requests whose Host names this machine */
	int status;        /* of the answer, once it is decided */
	bool is_head, metrics;
	char *path;
	struct pprof_request request;
	char why[256];
	char *out; /* the answer */
	size_t outlen;
};

void pprof_http_init(struct pprof_http *h, const char *token, bool local);
/* READY: the head is complete, or too long to ever be. */
enum pprof_http_state pprof_http_feed(struct pprof_http *h, const void *bytes, size_t n);
/* Starts answering; returns the nanoseconds to wait before pprof_http_end. */
int64_t pprof_http_begin(struct pprof_http *h, const struct pprof_source *source);
/* 0, or -ENOMEM without an answer. */
int pprof_http_end(struct pprof_http *h, const struct pprof_source *source);
void pprof_http_free(struct pprof_http *h);

#endif
