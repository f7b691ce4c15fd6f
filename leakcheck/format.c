/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * format.c - goleak's message, so that eyes and tools used to it read ours.
 *
 * One difference: goroutines that differ only in their id (same stack, state and creator) are
 * reported once, under the lowest id, with their count. goleak's message for 10,000 equal stacks is
 * 4.75 MB long.
 */
#include <stdarg.h>
#include <stdio.h>

#include "leakcheck.h"
#include "stack.h"

/* Output as snprintf counts it: len grows past size, bytes do not. */
struct text {
	char *buf;
	size_t size, len;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
	size_t used = t->len < t->size ? t->len : t->size;
	va_list args;
	va_start(args, format);
	int n = vsnprintf(t->size ? t->buf + used : NULL, t->size - used, format, args);
	va_end(args);
	if (n > 0)
		t->len += (size_t)n;
}

static void put_call(struct text *t, const struct gsnap_loc *loc, const struct gsnap_frame *f)
{
	put(t, "%s(...)\n\t%s:%u", f->func, f->file ? f->file : "?", f->line);
	if (!f->inlined && loc->entry && loc->pc > loc->entry)
		put(t, " +0x%llx", (unsigned long long)(loc->pc - loc->entry));
	put(t, "\n");
}

/* Go names the function that owns the go statement's frame and the line of the innermost call. */
static void put_creator(struct text *t, const struct gsnap *s, const struct gsnap_g *gp)
{
	const struct gsnap_loc *loc = leak_creator(s, gp);
	if (!loc)
		return;
	const struct gsnap_frame *inner = &s->frames[loc->frame];
	put(t, "created by %s", inner[loc->nframes - 1].func);
	if (gp->parent)
		put(t, " in goroutine %llu", (unsigned long long)gp->parent);
	put(t, "\n\t%s:%u", inner->file ? inner->file : "?", inner->line);
	if (loc->entry && loc->pc > loc->entry)
		put(t, " +0x%llx", (unsigned long long)(loc->pc - loc->entry));
	put(t, "\n");
}

static void put_group(struct text *t, const struct gsnap *s, const struct gsnap_g *gp, size_t count)
{
	const char *top = leak_top(s, gp);
	put(t, "Goroutine %llu", (unsigned long long)gp->id);
	if (count > 1)
		put(t, " and %zu more", count - 1);
	if (gp->name)
		put(t, " named %s", gp->name);
	put(t, " in state %s%s, with %s on top of the stack:\n", gsnap_state(gp), leak_proof(gp),
		top ? top : "no known function");
	struct calls c = calls_of(s, gp);
	for (const struct gsnap_frame *f; (f = calls_next_shown(&c));)
		put_call(t, c.loc, f);
	put_creator(t, s, gp);
}

static int compare_u32(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_names(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

struct item {
	const struct gsnap_g *gp;
	uint32_t site; /* of its go statement, gsnap_sites */
};

/* 0 when the two are told apart by their ids alone. */
static int compare_groups(const struct item *a, const struct item *b)
{
	int order = compare_u32(a->gp->stack, b->gp->stack);
	if (!order)
		order = compare_u32(a->site, b->site);
	if (!order)
		order = strcmp(gsnap_state(a->gp), gsnap_state(b->gp));
	if (!order)
		order = compare_u32(a->gp->leak, b->gp->leak);
	return order ? order : compare_names(a->gp->name, b->gp->name);
}

static int compare(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;
	int order = compare_groups(a, b);
	return order ? order : a->gp->id < b->gp->id ? -1 : a->gp->id > b->gp->id;
}

static void put_groups(struct text *t, const struct gsnap *s, struct item *items, size_t n)
{
	qsort(items, n, sizeof *items, compare);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && !compare_groups(&items[i], &items[end]);)
			end++;
		put(t, "%s", i ? " " : "[");
		put_group(t, s, items[i].gp, end - i);
	}
	put(t, "]");
}

size_t leakcheck_format(
	const struct gsnap *s, const uint32_t *leaked, size_t n, char *buf, size_t size)
{
	struct text t = {buf, size, 0};
	struct item *items = calloc(n + 1, sizeof *items);
	uint32_t *sites = gsnap_sites(s);
	put(&t, "found unexpected goroutines:\n");
	for (size_t i = 0; items && sites && i < n; i++)
		items[i] = (struct item){&s->gs[leaked[i]], sites[leaked[i]]};
	if (items && sites)
		put_groups(&t, s, items, n);
	else
		put(&t, "[%zu goroutines, and no memory left to list them]", n);
	free(sites);
	free(items);
	return t.len;
}
