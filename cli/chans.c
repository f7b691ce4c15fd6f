/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chans.c - `gort chans`: which goroutines wait for which channel, lock, wait group or condition.
 *
 * libgort notes who has locked a mutex, so a circle of goroutines that wait for each other's is a
 * deadlock. Go does not. There a goroutine that stands still, does not wait for the lock and has
 * its address on the stack "seems" to hold it, and a circle of such goroutines is a deadlock that
 * is possible.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include "err.h"
#include "group.h"
#include "human.h"
#include "json.h"
#include "objtext.h"
#include "out.h"
#include "stacktext.h"
#include "target.h"
#include "waitgraph.h"

#define IDS_SHOWN     5
#define CIRCLES_SHOWN 8

static const char *op_name(const struct gsnap_wait *w)
{
	static const char *const plain[] = {"receive", "send", "select", "lock", "rlock", "wait"};
	if (w->in_select && w->op != GSNAP_SELECT)
		return w->op == GSNAP_SEND ? "select send" : "select receive";
	return plain[w->op];
}

static void print_frame(struct out *out, const struct gsnap_frame *f)
{
	if (!f)
		out_printf(out, "-");
	else if (f->file)
		out_printf(out, "%s %s:%" PRIu32, base_name(f->func), base_name(f->file), f->line);
	else
		out_printf(out, "%s", base_name(f->func));
}

/* How it waits. */
static void print_where(struct out *out, const struct gsnap *s, uint32_t g)
{
	print_frame(out, top_frame(s, s->gs[g].stack));
}

/* Who it is. */
static void print_who(struct out *out, const struct gsnap *s, uint32_t g)
{
	print_frame(out, own_frame(s, s->gs[g].stack));
}

static void print_holders(struct out *out, const struct gsnap *s, uint32_t obj)
{
	const char *sep = "";
	uint32_t n;
	if (s->objs[obj].stranger)
		out_printf(out,
			"   locked by goroutine %" PRIu32 ", which has ended, or just begun",
			s->objs[obj].stranger);
	for (const struct gsnap_hold *h = holds_of(s, obj, &n); n; n--, h++) {
		out_printf(out, "%s goroutine %" PRIu64 " (",
			*sep      ? sep
			: h->sure ? "   held by"
				  : "   seems held by",
			s->gs[h->g].id);
		print_who(out, s, h->g);
		out_printf(out, ")");
		sep = " or";
	}
}

static void print_row(struct out *out, const struct gsnap *s, const struct waitgraph *wg,
	const struct waitgroup *group, const struct waitrow *row)
{
	int64_t oldest = GSNAP_UNKNOWN;
	const struct gsnap_wait *first = &s->waits[wg->order[row->first]];
	for (uint32_t i = 0; i < row->n; i++) {
		int64_t w = g_wait(s, &s->gs[s->waits[wg->order[row->first + i]].g]);
		oldest = w > oldest ? w : oldest;
	}
	out_printf(out, "%8s  %-14s ", human_count((int64_t)row->n * group->n).s, op_name(first));
	print_where(out, s, first->g);
	if (group->n == 1 && oldest != GSNAP_UNKNOWN)
		out_printf(out, "  [oldest %s]", human_time(oldest).s);
	out_printf(out, "  %s", group->n > 1 ? "e.g." : row->n > 1 ? "ids" : "id");
	for (uint32_t i = 0; i < row->n && i < IDS_SHOWN; i++)
		out_printf(out, " %" PRIu64, s->gs[s->waits[wg->order[row->first + i]].g].id);
	out_printf(out, "%s\n", row->n > IDS_SHOWN || group->n > 1 ? " ..." : "");
}

static void print_group(struct out *out, const struct gsnap *s, const struct waitgraph *wg,
	const struct waitgroup *group)
{
	const struct gsnap_obj *o = &s->objs[group->obj];
	out_printf(out, "\n");
	out_style(out, STYLE_ACCENT);
	if (group->n > 1)
		out_printf(out, "%s x ", human_count(group->n).s);
	print_object_kind(out, o);
	if (group->n == 1 && o->addr)
		out_printf(out, " 0x%" PRIx64, o->addr);
	out_style(out, STYLE_PLAIN);
	print_object_state(out, o);
	print_holders(out, s, group->obj);
	out_printf(out, "\n");
	for (uint32_t i = 0; i < group->nrows; i++)
		print_row(out, s, wg, group, &wg->rows[group->row + i]);
}

static void print_circle(struct out *out, const struct gsnap *s, const struct circle *c)
{
	out_printf(out, "\n");
	out_style(out, STYLE_TROUBLE);
	out_printf(out, "! %sdeadlock of %" PRIu32 " goroutine%s", c->sure ? "" : "possible ", c->n,
		c->n == 1 ? "" : "s");
	out_style(out, STYLE_PLAIN);
	out_printf(out, "\n");
	for (uint32_t i = 0; i < c->n; i++) {
		const struct gsnap_obj *o = &s->objs[c->obj[i]];
		out_printf(out, "  goroutine %" PRIu64 " at ", s->gs[c->g[i]].id);
		print_who(out, s, c->g[i]);
		out_printf(out,
			"\n    waits for %s 0x%" PRIx64 ", which goroutine %" PRIu64 " %s\n",
			object_kind(o), o->addr, s->gs[c->g[(i + 1) % c->n]].id,
			c->sure ? "holds" : "seems to hold");
	}
}

/* Goroutines that wait for an object; in a select they do so several times. */
static uint32_t waiting(const struct gsnap *s)
{
	uint8_t *seen = calloc(s->ngs + (size_t)1, 1);
	uint32_t n = 0;
	for (uint32_t i = 0; seen && i < s->nwaits; i++) {
		n += !seen[s->waits[i].g];
		seen[s->waits[i].g] = 1;
	}
	free(seen);
	return n;
}

static void print_text(struct out *out, const struct opts *o, const struct gsnap *s,
	const struct waitgraph *wg, const struct circle *circles, uint32_t ncircles)
{
	uint32_t shown = o->count >= 0 && (uint64_t)o->count < wg->ngroups ? (uint32_t)o->count
									   : wg->ngroups;
	print_title(out, "chans", s);
	out_printf(out, "\n%s of %s goroutines wait for %s object%s\n", human_count(waiting(s)).s,
		human_count(s->ngs).s, human_count(s->nobjs).s, s->nobjs == 1 ? "" : "s");
	for (uint32_t i = 0; i < ncircles; i++)
		print_circle(out, s, &circles[i]);
	for (uint32_t i = 0; i < shown; i++)
		print_group(out, s, wg, &wg->groups[i]);
	if (shown < wg->ngroups)
		out_printf(out, "\n%s more kinds of waits\n", human_count(wg->ngroups - shown).s);
}

static void json_waits(struct json *j, const struct gsnap *s, const struct waitgraph *wg,
	const struct waitrow *row)
{
	for (uint32_t i = 0; i < row->n; i++) {
		const struct gsnap_wait *w = &s->waits[wg->order[row->first + i]];
		const struct gsnap_frame *f = top_frame(s, s->gs[w->g].stack);
		jw_object(j, NULL);
		jw_uint(j, "goroutine", s->gs[w->g].id);
		jw_str(j, "to", op_name(w));
		jw_int(j, "wait_ns", g_wait(s, &s->gs[w->g]));
		jw_str(j, "at", f ? f->func : NULL);
		jw_close_object(j);
	}
}

static void json_facts(struct json *j, const struct gsnap *s, uint32_t obj)
{
	const struct gsnap_obj *o = &s->objs[obj];
	jw_str(j, "kind", object_kind(o));
	jw_hex(j, "address", o->addr);
	if (o->kind == GSNAP_CHAN) {
		jw_str(j, "element", o->elem);
		jw_int(j, "cap", o->cap);
		jw_int(j, "len", o->len);
		jw_bool(j, "closed", o->set);
	} else {
		jw_bool(j, "locked", o->set);
		jw_int(j, "counter", o->counter);
	}
	uint32_t n;
	const struct gsnap_hold *h = holds_of(s, obj, &n);
	int64_t sure = n && h->sure ? (int64_t)s->gs[h->g].id : GSNAP_UNKNOWN;
	jw_int(j, "held_by", sure);
	jw_int(j, "locked_by_stranger", o->stranger ? o->stranger : GSNAP_UNKNOWN);
	jw_array(j, "seem_to_hold");
	for (; n; n--, h++)
		jw_uint(j, NULL, s->gs[h->g].id);
	jw_close_array(j);
}

static uint32_t object_of(const struct gsnap *s, const struct waitgraph *wg, uint32_t row)
{
	return s->waits[wg->order[wg->rows[row].first]].obj;
}

/* Every object: a script can group them by what it wants. */
static void json_objects(struct json *j, const struct gsnap *s, const struct waitgraph *wg)
{
	jw_lines(j, "objects");
	for (uint32_t row = 0; row < wg->nrows;) {
		uint32_t obj = object_of(s, wg, row);
		jw_object(j, NULL);
		json_facts(j, s, obj);
		jw_array(j, "waits");
		for (; row < wg->nrows && object_of(s, wg, row) == obj; row++)
			json_waits(j, s, wg, &wg->rows[row]);
		jw_close_array(j);
		jw_close_object(j);
	}
	jw_close_array(j);
}

/* sure: only those that are certain. */
static void json_circles(struct json *j, const char *name, const struct gsnap *s,
	const struct circle *circles, uint32_t n, bool sure)
{
	jw_lines(j, name);
	for (uint32_t i = 0; i < n; i++) {
		if (sure && !circles[i].sure)
			continue;
		jw_array(j, NULL);
		for (uint32_t k = 0; k < circles[i].n; k++) {
			jw_object(j, NULL);
			jw_uint(j, "goroutine", s->gs[circles[i].g[k]].id);
			jw_hex(j, "waits_for", s->objs[circles[i].obj[k]].addr);
			jw_close_object(j);
		}
		jw_close_array(j);
	}
	jw_close_array(j);
}

static void print_json(struct out *out, const struct gsnap *s, const struct waitgraph *wg,
	const struct circle *circles, uint32_t ncircles)
{
	struct json j;
	jw_begin(&j, out, "gort.chans/1");
	json_target(&j, s);
	jw_str(&j, "exe", s->exe);
	jw_str(&j, "version", s->version);
	json_pause(&j, &s->pause);
	jw_uint(&j, "goroutines", s->ngs);
	jw_uint(&j, "waiting", waiting(s));
	json_circles(&j, "deadlocks", s, circles, ncircles, true);
	json_circles(&j, "possible_deadlocks", s, circles, ncircles, false);
	json_objects(&j, s, wg);
	jw_end(&j);
}

static int nothing(const struct gsnap *s)
{
	struct gsnap_err err;
	err_what(&err, CLI_FAIL, "no goroutine of %s waits for a channel or a lock",
		target_name(s).s);
	err_why(&err, "none of its %s does", human_count(s->ngs).s);
	err_try(&err, "gort stacks --all %s", target_word(s).s);
	return err_print(&err);
}

static int show(const struct opts *o, const struct gsnap *s)
{
	static struct out out;
	struct circle circles[CIRCLES_SHOWN];
	struct gsnap_err err;
	struct waitgraph wg;
	if (s->nwaits == 0)
		return nothing(s);
	int code = CLI_OK;
	if (waitgraph_build(s, &wg)) {
		err_what(
			&err, CLI_FAIL, "not enough memory for %s waits", human_count(s->nwaits).s);
		code = err_print(&err);
	} else if (out_open(&out, o, STDOUT_FILENO, &err)) {
		code = err_print(&err);
	} else {
		uint32_t n = waitgraph_circles(s, circles, CIRCLES_SHOWN);
		if (o->format == FORMAT_TEXT)
			print_text(&out, o, s, &wg, circles, n);
		else
			print_json(&out, s, &wg, circles, n);
		code = out_close(&out);
	}
	waitgraph_free(&wg);
	return code;
}

static int run_chans(const struct opts *o)
{
	struct gsnap_err err = {0};
	struct gsnap s;
	if (target_read(o, PROBE_STACKS | PROBE_WAITS, &s, &err))
		return err_print(&err);
	int code = show(o, &s);
	gsnap_free(&s);
	return code;
}

static const struct opt own[] = {
	{"count", 'n', OPT_NUMBER, 1, offsetof(struct opts, count), "N",
		"only the N most waited for"},
	{0},
};

const struct command cmd_chans = {
	.name = "chans",
	.synopsis = "[options] <target>",
	.summary = "who waits for which channel, lock, wait group, condition",
	.examples = "gort chans 4121                    # most waited for first\n"
		    "gort chans -n 5 checkout           # the five worst\n"
		    "gort chans --json 4121             # every wait, for a script\n",
	.notes = "libgort notes who locked a mutex (\"held by\"). Go does not: \"seems held by\" "
		 "names\n"
		 "goroutines that stand still with its address on their stack; a circle of them is "
		 "a\n"
		 "possible deadlock. gort leaks proves which goroutines wait for ever.",
	.own = own,
	.common = TAKES_OUTPUT | TAKES_FORMAT | TAKES_COLOR | TAKES_PAGER | TAKES_PROC |
		  TAKES_CORE | TAKES_PAUSE | TAKES_START,
	.min_args = 1,
	.max_args = 1,
	.run = run_chans,
};
