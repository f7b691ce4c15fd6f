/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stacks.c - `gort stacks`: every goroutine of a process, those alike together.
 *
 * A hundred thousand goroutines have a few dozen distinct stacks, so grouping is the default and a
 * stack is printed once. --go prints goroutine by goroutine what SIGQUIT makes a Go program print.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include "err.h"
#include "group.h"
#include "gselect.h"
#include "human.h"
#include "json.h"
#include "objtext.h"
#include "out.h"
#include "record.h"
#include "stacks.h"
#include "stacktext.h"
#include "target.h"
#include "waitfacts.h"

/* Ids listed in a group's header. */
#define IDS_SHOWN 5

static const struct gsnap_g *member(
	const struct gsnap *s, const struct groups *gs, const struct group *g, uint32_t i)
{
	return &s->gs[gs->order[g->first + i]];
}

/* The parent all members share, or 0. */
static uint64_t common_parent(const struct gsnap *s, const struct groups *gs, const struct group *g)
{
	uint64_t parent = member(s, gs, g, 0)->parent;
	for (uint32_t i = 1; i < g->n; i++)
		if (member(s, gs, g, i)->parent != parent)
			return 0;
	return parent;
}

/* Labels that all members share, as a Go program's goroutines do that one Do has started. */
static void print_common_labels(
	struct out *out, const struct gsnap *s, const struct groups *gs, const struct group *g)
{
	const struct gsnap_g *first = member(s, gs, g, 0);
	for (uint32_t i = 1; i < g->n; i++)
		if (member(s, gs, g, i)->labels != first->labels)
			return;
	const char *p = first->labels;
	for (uint32_t i = 0; i < first->nlabels; i++) {
		out_printf(out, i ? " %s=" : "labels %s=", p);
		p += strlen(p) + 1;
		out_text(out, p);
		p += strlen(p) + 1;
	}
	if (first->nlabels)
		out_text(out, "\n");
}

static void print_ids(
	struct out *out, const struct gsnap *s, const struct groups *gs, const struct group *g)
{
	out_printf(out, g->n == 1 ? "id" : "ids");
	for (uint32_t i = 0; i < g->n && i < IDS_SHOWN; i++)
		out_printf(out, " %" PRIu64, member(s, gs, g, i)->id);
	if (g->n > IDS_SHOWN)
		out_printf(out, " ...");
	if (g->n == 1 && member(s, gs, g, 0)->name)
		out_printf(out, " \"%s\"", member(s, gs, g, 0)->name);
}

/* "waiting on chan int 0xc000123000  cap 0  len 0", or the address alone. */
static void print_waiton(struct out *out, const char *lead, const struct gsnap_obj *o, uint64_t at)
{
	out_text(out, lead);
	if (o)
		print_object_kind(out, o);
	if (at)
		out_printf(out, "%s0x%" PRIx64, o ? " " : "", at);
	if (o)
		print_object_state(out, o);
}

/* What the members have in common when they are grouped by one thing only. */
static void print_by(struct out *out, const struct gsnap *s, const struct gsnap_g *gp,
	const struct waitfacts *facts, int by)
{
	const struct gsnap_obj *o = facts->of[gp - s->gs];
	struct gsnap_frame f = created_frame(s, gp->created);
	if (by == BY_CREATED && f.func[0])
		out_printf(out, " created by %s (%s:%" PRIu32 ")", f.func, f.file ? f.file : "?",
			f.line);
	else if (by == BY_CREATED)
		out_printf(out, " created by an unknown go statement");
	else if (by == BY_WAITING_ON && gp->waiton)
		print_waiton(out, " waiting on ", o, gp->waiton);
	else if (by == BY_WAITING_ON)
		out_printf(out, " waiting on no channel or lock");
}

static void print_header(struct out *out, const struct opts *o, const struct gsnap *s,
	const struct groups *gs, const struct group *g, const struct waitfacts *facts)
{
	const struct gsnap_g *first = member(s, gs, g, 0);
	out_style(out, STYLE_ACCENT);
	out_printf(out, "%s goroutine%s", human_count(g->n).s, g->n == 1 ? "" : "s");
	print_by(out, s, first, facts, o->by);
	out_printf(out, " [");
	if (o->by == BY_ALL || o->by == BY_STATE)
		out_printf(out, "%s, ", gsnap_state(first));
	if (g->n == 1 && g->median != GSNAP_UNKNOWN)
		out_printf(out, "%s, ", human_time(g->median).s);
	else if (g->median != GSNAP_UNKNOWN)
		out_printf(out, "%s median, oldest %s, ", human_time(g->median).s,
			human_time(g->oldest).s);
	print_ids(out, s, gs, g);
	out_printf(out, "]:");
	out_style(out, STYLE_PLAIN);
	out_printf(out, "\n");
}

static int compare_u32(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return *x == *y ? 0 : *x < *y ? -1 : 1;
}

/* A member that has the commonest stack of the group; *n says how many have it. */
static const struct gsnap_g *commonest(const struct gsnap *s, const struct groups *gs,
	const struct group *g, uint32_t *n, uint32_t *distinct)
{
	uint32_t *stacks = calloc(g->n, sizeof *stacks), best = member(s, gs, g, 0)->stack;
	*n = *distinct = 0;
	for (uint32_t i = 0; stacks && i < g->n; i++)
		stacks[i] = member(s, gs, g, i)->stack;
	if (stacks)
		qsort(stacks, g->n, sizeof *stacks, compare_u32);
	for (uint32_t i = 0, end; stacks && i < g->n; i = end) {
		for (end = i + 1; end < g->n && stacks[end] == stacks[i];)
			end++;
		++*distinct;
		if (end - i > *n) {
			*n = end - i;
			best = stacks[i];
		}
	}
	free(stacks);
	for (uint32_t i = 0; i < g->n; i++)
		if (member(s, gs, g, i)->stack == best)
			return member(s, gs, g, i);
	return member(s, gs, g, 0);
}

static const char *no_stack(const struct opts *o, const struct gsnap *s, const struct gsnap_g *gp)
{
	if (s->core)
		return "its stack is not in the core";
	if (gp->flags & GSNAP_G_MOVING)
		return "ran while it was read: no stack";
	if (gp->status == GSTATUS_RUNNING && s->kind == GSNAP_GO && !o->pause)
		return "runs on a CPU: --pause shows where";
	return "stack not available";
}

static void print_group(struct out *out, const struct opts *o, const struct gsnap *s,
	const struct groups *gs, const struct group *g, const struct waitfacts *facts)
{
	uint32_t n, distinct;
	const struct gsnap_g *gp = commonest(s, gs, g, &n, &distinct);
	uint64_t waiton = common_waiton(s, gs, g);
	out_printf(out, "\n");
	print_header(out, o, s, gs, g, facts);
	if (distinct > 1)
		out_printf(out, "%s distinct stacks; the commonest, of %s:\n",
			human_count(distinct).s, human_count(n).s);
	if (gp->stack == GSNAP_NONE)
		out_printf(out, "\t(%s)\n", no_stack(o, s, gp));
	print_stack(out, s, gp->stack, o->all);
	if (gp->flags & GSNAP_G_TRUNCATED)
		out_printf(out, "...additional frames elided...\n");
	if (o->by == BY_ALL)
		print_created(out, s, gp->created, common_parent(s, gs, g));
	if (waiton && o->by != BY_WAITING_ON) {
		print_waiton(out, "waiting on ", facts->of[gs->order[g->first]], waiton);
		out_text(out, "\n");
	}
	print_common_labels(out, s, gs, g);
}

static void print_grouped(struct out *out, const struct opts *o, const struct gsnap *s,
	const struct gselection *sel, const struct groups *gs, const struct waitfacts *facts)
{
	print_title(out, "stacks", s);
	out_printf(out, "\n%s goroutine%s in %s group%s", human_count(sel->n).s,
		sel->n == 1 ? "" : "s", human_count(gs->n).s, gs->n == 1 ? "" : "s");
	gselect_print_hidden(out, sel);
	out_printf(out, "\n");
	if (!s->has_lines)
		out_printf(out, "-: no file and line: the program carries no line table\n");
	for (uint32_t i = 0; i < gs->n; i++)
		print_group(out, o, s, gs, &gs->group[i], facts);
}

static void print_go(struct out *out, const struct gsnap *s, const struct gselection *sel)
{
	for (uint32_t i = 0; i < sel->n; i++) {
		if (i > 0)
			out_printf(out, "\n");
		print_goroutine(out, s, &s->gs[sel->g[i]], true);
	}
}

static void json_labels(struct json *j, const struct gsnap_g *gp)
{
	const char *p = gp->labels;
	jw_array(j, "labels");
	for (uint32_t i = 0; i < gp->nlabels; i++) {
		jw_object(j, NULL);
		jw_str(j, "key", p);
		p += strlen(p) + 1;
		jw_str(j, "value", p);
		p += strlen(p) + 1;
		jw_close_object(j);
	}
	jw_close_array(j);
}

static void json_local(struct json *j, const struct gsnap *s, const struct gsnap_g *gp,
	const struct probe_local *v)
{
	const struct gsnap_stack *k = &s->stacks[gp->stack];
	const struct gsnap_loc *loc = &s->locs[s->stack_locs[k->loc + v->loc]];
	jw_object(j, NULL);
	jw_str(j, "func", s->frames[loc->frame + v->frame].func);
	jw_uint(j, "location", v->loc);
	jw_uint(j, "call", v->frame);
	jw_bool(j, "parameter", v->param);
	jw_str(j, "name", v->name);
	jw_str(j, "type", v->type);
	jw_str(j, "value", v->value);
	if (v->why)
		jw_str(j, "why", v->why);
	jw_close_object(j);
}

static void json_locals(
	struct json *j, const struct gsnap *s, const struct gsnap_g *gp, struct probe *probe)
{
	struct probe_locals locals;
	struct gsnap_err err;
	if (probe_locals(probe, s, gp, &locals, &err)) {
		jw_str(j, "locals", NULL);
		return;
	}
	jw_bool(j, "locals_moved", locals.moved);
	jw_array(j, "locals");
	for (size_t i = 0; i < locals.n; i++)
		json_local(j, s, gp, &locals.v[i]);
	jw_close_array(j);
	probe_locals_free(&locals);
}

/* probe: its variables are wanted, too; else NULL. */
static void json_goroutine(
	struct json *j, const struct gsnap *s, const struct gsnap_g *gp, struct probe *probe)
{
	jw_object(j, NULL);
	jw_uint(j, "id", gp->id);
	jw_str(j, "state", gsnap_state(gp));
	jw_int(j, "wait_ns", g_wait(s, gp));
	jw_int(j, "parent", gp->parent ? (int64_t)gp->parent : GSNAP_UNKNOWN);
	jw_int(j, "tid", gp->tid ? gp->tid : GSNAP_UNKNOWN);
	if (gp->waiton)
		jw_hex(j, "waiting_on", gp->waiton);
	if (gp->name)
		jw_str(j, "name", gp->name);
	jw_bool(j, "system", gp->flags & GSNAP_G_SYSTEM);
	jw_bool(j, "moving", gp->flags & GSNAP_G_MOVING);
	jw_bool(j, "locked_to_thread", gp->flags & GSNAP_G_LOCKED);
	if (gp->bubble)
		jw_uint(j, "synctest_bubble", gp->bubble);
	jw_bool(j, "truncated", gp->flags & GSNAP_G_TRUNCATED);
	if (gp->nlabels)
		json_labels(j, gp);
	if (probe)
		json_locals(j, s, gp, probe);
	jw_close_object(j);
}

static void json_group(struct json *j, const struct opts *o, const struct gsnap *s,
	const struct groups *gs, const struct group *g, struct probe *probe)
{
	uint32_t n, distinct;
	const struct gsnap_g *gp = commonest(s, gs, g, &n, &distinct);
	jw_uint(j, "count", g->n);
	if (o->by == BY_ALL || o->by == BY_STATE)
		jw_str(j, "state", gsnap_state(gp));
	jw_int(j, "wait_median_ns", g->median);
	jw_int(j, "wait_max_ns", g->oldest);
	jw_uint(j, "distinct_stacks", distinct);
	json_stack(j, "stack", s, gp->stack);
	if (o->by == BY_ALL || o->by == BY_CREATED)
		json_created(j, "created_by", s, gp->created);
	jw_array(j, "goroutines");
	for (uint32_t i = 0; i < g->n; i++)
		json_goroutine(j, s, member(s, gs, g, i), probe);
	jw_close_array(j);
}

static void print_json(struct out *out, const struct opts *o, const struct gsnap *s,
	const struct gselection *sel, const struct groups *gs, struct probe *probe)
{
	struct json j;
	jw_begin(&j, out, "gort.stacks/1");
	json_target(&j, s);
	jw_str(&j, "exe", s->exe);
	jw_str(&j, "kind", s->kind == GSNAP_GORT ? "gort" : "go");
	jw_str(&j, "version", s->version);
	jw_bool(&j, "stripped", s->stripped);
	jw_int(&j, "when_ns", s->when);
	jw_uint(&j, "goroutines", s->ngs);
	jw_uint(&j, "shown", sel->n);
	jw_uint(&j, "hidden_system", sel->removed[GFILTER_SYSTEM]);
	json_pause(&j, &s->pause);
	jw_lines(&j, "groups");
	for (uint32_t i = 0; i < gs->n; i++) {
		jw_object(&j, NULL);
		json_group(&j, o, s, gs, &gs->group[i], probe);
		jw_close_object(&j);
	}
	jw_close_array(&j);
	jw_end(&j);
}

static void print_ndjson(struct out *out, const struct opts *o, const struct gsnap *s,
	const struct groups *gs, struct probe *probe)
{
	for (uint32_t i = 0; i < gs->n; i++) {
		struct json j;
		jw_begin(&j, out, "gort.stacks/1");
		json_target(&j, s);
		json_group(&j, o, s, gs, &gs->group[i], probe);
		jw_end(&j);
	}
}

static void print_locals(struct out *out, const struct opts *o, const struct gsnap *s,
	const struct gselection *sel, struct probe *probe)
{
	struct gsnap_err err;
	for (uint32_t i = 0; i < sel->n; i++) {
		const struct gsnap_g *gp = &s->gs[sel->g[i]];
		struct probe_locals locals;
		if (probe_locals(probe, s, gp, &locals, &err))
			locals = (struct probe_locals){0};
		out_text(out, i ? "\n" : "");
		print_with_locals(out, s, gp, &locals, o->all);
		probe_locals_free(&locals);
	}
}

/* What is printed of a process. */
struct view {
	const struct opts *o;
	struct gsnap s;
	struct gselection sel;
	struct probe *probe;
	struct waitfacts facts; /* of all when they are grouped by it, else of groups */
};

static void print_as(struct out *out, struct view *v, const struct groups *gs)
{
	const struct opts *o = v->o;
	struct probe *locals = o->locals ? v->probe : NULL;
	if (o->format == FORMAT_JSON)
		print_json(out, o, &v->s, &v->sel, gs, locals);
	else if (o->format == FORMAT_NDJSON)
		print_ndjson(out, o, &v->s, gs, locals);
	else if (o->go)
		print_go(out, &v->s, &v->sel);
	else if (locals)
		print_locals(out, o, &v->s, &v->sel, locals);
	else if (v->facts.of || !waitfacts_groups(&v->facts, v->probe, &v->s, gs))
		print_grouped(out, o, &v->s, &v->sel, gs, &v->facts);
	else
		out->error = ENOMEM;
}

/* -o FILE.pb.gz: the profile of those selected; the others have ended, as far as it knows. */
static int write_profile(struct view *v)
{
	uint32_t next = 0;
	if (v->sel.n == 0)
		return gselect_nothing(v->o, &v->s, &v->sel);
	for (uint32_t i = 0; i < v->s.ngs; i++) {
		bool selected = next < v->sel.n && v->sel.g[next] == i;
		if (selected)
			next++;
		else
			v->s.gs[i].status = GSTATUS_DEAD;
	}
	return record_write(v->o, &v->s, profile_by_event("goroutine"));
}

static int print_selected(struct view *v)
{
	static struct out out;
	struct gsnap_err err;
	struct groups gs;
	if (v->sel.n == 0)
		return gselect_nothing(v->o, &v->s, &v->sel);
	if (groups_build(&v->s, v->sel.g, v->sel.n, v->o->by, &gs)) {
		err_what(&err, CLI_FAIL, "not enough memory to group %" PRIu32 " goroutines",
			v->sel.n);
		return err_print(&err);
	}
	int code = CLI_OK;
	if (out_open(&out, v->o, STDOUT_FILENO, &err)) {
		code = err_print(&err);
	} else {
		print_as(&out, v, &gs);
		code = out_close(&out);
	}
	groups_free(&gs);
	return code;
}

int stacks_save(const struct gsnap *s, const char *path, struct gsnap_err *err)
{
	static struct out out;
	struct opts o = {.min_wait_ns = -1, .output = path, .format = FORMAT_JSON};
	struct gselection sel;
	struct groups gs;
	int rc = gselect(&o, s, &sel);
	if (!rc)
		rc = groups_build(s, sel.g, sel.n, BY_ALL, &gs);
	if (rc) {
		err_what(err, CLI_FAIL, "not enough memory for the goroutines of %s",
			target_name(s).s);
	} else {
		rc = out_open(&out, &o, -1, err);
		if (!rc) {
			print_json(&out, &o, s, &sel, &gs, NULL);
			rc = out_finish(&out, err);
		}
		groups_free(&gs);
	}
	gselect_free(&sel);
	return rc;
}

/* The layouts of which only one can be wanted. 0, or the exit code of the message. */
static int check_layout(const struct opts *o)
{
	struct gsnap_err err = {0};
	const char *format = o->format == FORMAT_NDJSON ? "ndjson" : "json";
	if (o->go && (o->format != FORMAT_TEXT || o->by != BY_ALL)) {
		err_what(&err, CLI_USAGE, "stacks: --go is a text layout, one goroutine a time");
		err_why(&err, "it goes with neither -f %s nor --by", format);
	} else if (record_names_profile(o->output) &&
		   (o->go || o->locals || o->format != FORMAT_TEXT || o->by != BY_ALL)) {
		err_what(&err, CLI_USAGE, "stacks: %s is to be a profile", o->output);
		err_why(&err, "it goes with neither --by, --go, --locals nor -f");
	} else if (o->locals && (o->go || (o->format == FORMAT_TEXT && o->by != BY_ALL))) {
		err_what(&err, CLI_USAGE, "stacks: --locals shows one goroutine at a time");
		err_why(&err, "it does not go with %s", o->go ? "--go" : "--by");
	} else {
		return 0;
	}
	err_see(&err, "gort stacks --help");
	return err_print(&err);
}

/* Without debug information nothing is printed but the reason. */
static int print_opened(struct view *v)
{
	struct gsnap_err err;
	struct probe_locals locals;
	if (record_names_profile(v->o->output))
		return write_profile(v);
	if (!v->o->locals || !v->sel.n)
		return print_selected(v);
	if (probe_locals(v->probe, &v->s, &v->s.gs[v->sel.g[0]], &locals, &err))
		return err_print(&err);
	probe_locals_free(&locals);
	return print_selected(v);
}

static int run_stacks(const struct opts *o)
{
	struct gsnap_err err = {0};
	struct view v = {.o = o};
	struct target t;
	int code = check_layout(o);
	if (code)
		return code;
	if (target_open(o, &t, &err))
		return err_print(&err);
	v.probe = t.probe;
	bool by_waits = o->by == BY_WAITING_ON;
	bool profile = record_names_profile(o->output);
	unsigned what = PROBE_STACKS | PROBE_LABELS | (o->go ? PROBE_ARGS : 0) |
			(by_waits ? PROBE_WAITS : 0) | (profile ? PROBE_MAPS | PROBE_SYMBOLS : 0);
	if (target_snapshot(o, &t, what, &v.s, &err)) {
		target_close(&t);
		return err_print(&err);
	}
	code = CLI_FAIL;
	if (gselect(o, &v.s, &v.sel) == 0 && !(by_waits && waitfacts_all(&v.facts, &v.s)))
		code = print_opened(&v);
	waitfacts_free(&v.facts);
	gselect_free(&v.sel);
	gsnap_free(&v.s);
	target_close(&t);
	return code;
}

#define AT(field) offsetof(struct opts, field)

static const struct opt own[] = {
	{"by", 0, OPT_CHOICE, BY_STATE, AT(by), "state|stack|created|waiting-on",
		"group by one thing instead of state, stack and creator"},
	{"min-wait", 0, OPT_DURATION, 0, AT(min_wait_ns), "TIME", "only those that wait as long"},
	{"state", 0, OPT_TEXT, 0, AT(state), "TEXT", "only those whose state has TEXT in it"},
	{"func", 0, OPT_TEXT, 0, AT(func), "TEXT", "only those with TEXT in a function's name"},
	{"created-by", 0, OPT_TEXT, 0, AT(created_by), "TEXT",
		"only those that such a one started"},
	{"label", 0, OPT_TEXT, 0, AT(label), "KEY[=VALUE]", "only those with that pprof label"},
	{"id", 0, OPT_IDS, 0, 0, "N,...", "only the goroutines with these ids"},
	{"all", 0, OPT_FLAG, 1, AT(all), NULL, "the runtime's own goroutines and frames too"},
	{"locals", 0, OPT_FLAG, 1, AT(locals), NULL,
		"one by one, with the variables of each call (needs DWARF)"},
	{"go", 0, OPT_FLAG, 1, AT(go), NULL, "what SIGQUIT would print, to the letter"},
	{0},
};

const struct command cmd_stacks = {
	.name = "stacks",
	.synopsis = "[options] <target>",
	.summary = "goroutines with their stacks, grouped",
	.examples = "gort stacks 4121                      # grouped, most first\n"
		    "gort stacks checkout --min-wait 1m    # what has been stuck\n"
		    "gort stacks 4121 --by created         # who starts them\n"
		    "gort stacks 4121 --state IO --func Accept\n"
		    "gort stacks 4121 --id 18 --locals     # with variables\n"
		    "gort stacks 4121 --state chan -o g.pb.gz   # for go tool pprof\n"
		    "gort stacks --go 4121 > dump.txt      # for tools that read Go tracebacks\n",
	.notes = "The target is not stopped. A Go program notes the start of a wait when its\n"
		 "collector next runs, so a wait without a time is younger than one cycle.\n"
		 "--locals: values are read where the program's debug information has them at\n"
		 "that call; what the compiler did not keep says so.",
	.own = own,
	.common = TAKES_OUTPUT | TAKES_FORMAT | TAKES_COLOR | TAKES_PAGER | TAKES_PROC |
		  TAKES_CORE | TAKES_PAUSE | TAKES_START,
	.min_args = 1,
	.max_args = 1,
	.run = run_stacks,
};
