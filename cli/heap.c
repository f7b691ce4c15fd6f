/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap.c - `gort heap`: what fills the heap of a Go process, by type where the runtime notes one
 * and by size class where it does not, and how much of it a collection would keep.
 */
#include <stdio.h>
#include <unistd.h>
#include "err.h"
#include "human.h"
#include "json.h"
#include "out.h"
#include "target.h"

#define SHOWN 30

static double share(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static struct human size_text(const struct probe_heap_row *r)
{
	return r->size ? human_count((int64_t)r->size) : (struct human){"various"};
}

/* A number that is only known of a marked heap. */
static struct human marked_count(const struct probe_heap *h, uint64_t n)
{
	return human_count(h->marked ? (int64_t)n : GSNAP_UNKNOWN);
}

static const char *what(const struct probe_heap_row *r)
{
	if (r->type)
		return r->type;
	if (r->large)
		return r->pointers ? "(over 32K, type not noted)" : "(over 32K, no pointers)";
	return r->pointers ? "(with pointers)" : "(no pointers)";
}

static void print_totals(struct out *out, const struct probe_heap *h)
{
	out_printf(out, "HEAP    %s objects in %s   spans %s, %.1f%% of them free\n",
		human_count((int64_t)h->objects).s, human_bytes((int64_t)h->bytes).s,
		human_bytes((int64_t)h->span_bytes).s,
		share(h->span_bytes - h->bytes, h->span_bytes));
	if (!h->marked) {
		out_printf(out, "LIVE    -: %s\n", h->why);
		return;
	}
	out_printf(out, "LIVE    %s  garbage %s", human_bytes((int64_t)h->live_bytes).s,
		human_bytes((int64_t)(h->bytes - h->live_bytes - h->leaked_bytes)).s);
	out_printf(out, "  kept only by leaked goroutines %s\n",
		human_bytes((int64_t)h->leaked_bytes).s);
}

static void print_row(struct out *out, const struct probe_heap *h, const struct probe_heap_row *r)
{
	out_printf(out, "%8s %5.1f%% %11s %11s", human_bytes((int64_t)r->bytes).s,
		share(r->bytes, h->bytes), human_count((int64_t)r->objects).s,
		marked_count(h, r->live).s);
	if (h->leaked_bytes)
		out_printf(out, " %9s", marked_count(h, r->leaked).s);
	out_printf(out, " %9s  %s%s\n", size_text(r).s, r->array ? "[]" : "", what(r));
}

static void print_text(
	struct out *out, const struct opts *o, const struct gsnap *s, const struct probe_heap *h)
{
	size_t n = o->count >= 0 ? (size_t)o->count : SHOWN;
	if (o->all || n > h->n)
		n = h->n;
	print_title(out, "heap", s);
	out_printf(out, "\n");
	print_totals(out, h);
	out_printf(out, "\n%8s %6s %11s %11s", "BYTES", "", "OBJECTS", "LIVE");
	if (h->leaked_bytes)
		out_printf(out, " %9s", "LEAKED");
	out_printf(out, " %9s  %s\n", "SIZE", "TYPE");
	for (size_t i = 0; i < n; i++)
		print_row(out, h, &h->v[i]);
	if (n < h->n)
		out_printf(out, "%zu more kinds: --all\n", h->n - n);
}

static void json_figure(struct json *j, const struct probe_heap *h, const char *key, uint64_t v)
{
	jw_int(j, key, h->marked ? (int64_t)v : GSNAP_UNKNOWN);
}

static void json_row(struct json *j, const struct probe_heap *h, const struct probe_heap_row *r)
{
	jw_object(j, NULL);
	jw_str(j, "type", r->type);
	jw_bool(j, "array", r->array);
	jw_bool(j, "pointers", r->pointers);
	jw_bool(j, "large", r->large);
	jw_int(j, "size", r->size ? (int64_t)r->size : GSNAP_UNKNOWN);
	jw_int(j, "objects", (int64_t)r->objects);
	jw_int(j, "bytes", (int64_t)r->bytes);
	json_figure(j, h, "live_objects", r->live);
	json_figure(j, h, "leaked_objects", r->leaked);
	jw_close_object(j);
}

static void print_json(struct out *out, const struct gsnap *s, const struct probe_heap *h)
{
	struct json j;
	jw_begin(&j, out, "gort.heap/1");
	json_target(&j, s);
	jw_str(&j, "exe", s->exe);
	jw_str(&j, "version", s->version);
	jw_int(&j, "objects", (int64_t)h->objects);
	jw_int(&j, "bytes", (int64_t)h->bytes);
	jw_int(&j, "span_bytes", (int64_t)h->span_bytes);
	json_figure(&j, h, "live_bytes", h->live_bytes);
	json_figure(&j, h, "leaked_bytes", h->leaked_bytes);
	jw_str(&j, "not_marked", h->marked ? NULL : h->why);
	jw_array(&j, "kinds");
	for (size_t i = 0; i < h->n; i++)
		json_row(&j, h, &h->v[i]);
	jw_close_array(&j);
	jw_end(&j);
}

static int look(const struct opts *o, struct gsnap *s, struct probe_heap *h, struct gsnap_err *err)
{
	struct target t;
	int rc = target_open(o, &t, err);
	if (rc)
		return rc;
	rc = target_snapshot(o, &t, PROBE_NO_GS, s, err);
	if (!rc && (rc = probe_heap(t.probe, h, err)))
		gsnap_free(s);
	target_close(&t);
	return rc;
}

static int run_heap(const struct opts *o)
{
	static struct out out;
	struct gsnap_err err = {0};
	struct gsnap s;
	struct probe_heap h = {0};
	int code;
	if (look(o, &s, &h, &err))
		return err_print(&err);
	if (out_open(&out, o, STDOUT_FILENO, &err)) {
		code = err_print(&err);
	} else {
		if (o->format == FORMAT_TEXT)
			print_text(&out, o, &s, &h);
		else
			print_json(&out, &s, &h);
		code = out_close(&out);
	}
	probe_heap_free(&h);
	gsnap_free(&s);
	return code;
}

#define AT(field) offsetof(struct opts, field)

static const struct opt own[] = {
	{"count", 'n', OPT_NUMBER, 1, AT(count), "N", "how many kinds (30)"},
	{"all", 0, OPT_FLAG, 1, AT(all), NULL, "all kinds"},
	{0},
};

const struct command cmd_heap = {
	.name = "heap",
	.synopsis = "[options] <target>",
	.summary = "what fills the heap, by type or size; what is alive",
	.examples =
		"gort heap 4121                          # the largest 30 kinds of objects\n"
		"gort heap --json checkout > heap.json   # all of them, for a script\n"
		"gort record -e heap -o h.pb.gz 4121     # who allocated it, if Go recorded it\n",
	.notes = "Go notes the type of objects of more than 512 bytes that hold pointers; the\n"
		 "others are counted by size class. OBJECTS are slots in use, as Go counts them;\n"
		 "LIVE are those that something reaches, what a collection now would keep: the\n"
		 "rest is garbage that waits for the next one. LEAKED are kept only by goroutines\n"
		 "that can never go on (gort leaks). The target is not stopped, so what moves\n"
		 "meanwhile may be counted wrong. gort needs as much memory as the part of the\n"
		 "heap that holds pointers. Of a program on libgort: large objects by their type,\n"
		 "the others by size class.",
	.own = own,
	.common = TAKES_OUTPUT | TAKES_FORMAT | TAKES_COLOR | TAKES_PAGER | TAKES_PROC |
		  TAKES_CORE | TAKES_START,
	.min_args = 1,
	.max_args = 1,
	.run = run_heap,
};
