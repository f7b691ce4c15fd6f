/* SPDX-License-Identifier: BSD-2-Clause */
#include "leakheld.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "err.h"
#include "human.h"
#include "stacktext.h"

/* Waits that only another goroutine can end. */
static bool waits_for_others(const struct gsnap_g *gp)
{
	static const char *const reasons[] = {"chan receive", "chan send", "select",
		"sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock", "sync.Cond.Wait",
		"sync.WaitGroup.Wait", "semacquire"};
	if (gp->status != GSTATUS_WAITING || gp->flags & GSNAP_G_SYSTEM)
		return false;
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (!strcmp(gp->reason, reasons[i]))
			return true;
	return false;
}

static int find_sites(struct leakheld *h, const struct gsnap *s, const struct probe_leaks *leaks,
	int64_t min_wait_ns)
{
	uint32_t *sel = calloc(s->ngs + 1, sizeof *sel), n = 0;
	if (!sel)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->ngs; i++) {
		const struct gsnap_g *gp = &s->gs[i];
		int64_t wait = g_wait(s, gp);
		bool long_enough =
			min_wait_ns < 0 || (wait != GSNAP_UNKNOWN && wait >= min_wait_ns);
		if (waits_for_others(gp) && long_enough && !probe_leaks_find(leaks, gp->id))
			sel[n++] = i;
	}
	int rc = groups_build(s, sel, n, BY_ALL, &h->sites);
	free(sel);
	return rc;
}

int leakheld_read(struct leakheld *h, struct probe *p, const struct gsnap *s,
	const struct probe_leaks *leaks, int64_t min_wait_ns, struct gsnap_err *err)
{
	*h = (struct leakheld){0};
	int rc = find_sites(h, s, leaks, min_wait_ns);
	h->n = h->sites.n < HELD_SITES ? h->sites.n : HELD_SITES;
	h->left_out = h->sites.n - h->n;
	h->of = calloc(h->n + 1u, sizeof *h->of);
	if (rc || !h->of) {
		err_what(err, CLI_FAIL, "out of memory");
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < h->n; i++)
		h->of[i].goid = s->gs[h->sites.order[h->sites.group[i].first]].id;
	return h->n ? probe_held_by(p, h->of, h->n, err) : 0;
}

void leakheld_free(struct leakheld *h)
{
	if (h->of)
		probe_held_free(h->of, h->n);
	groups_free(&h->sites);
	*h = (struct leakheld){0};
}

static const char *const words[] = {[PROBE_HELD_OBJECT] = "object",
	[PROBE_HELD_STACK] = "goroutine",
	[PROBE_HELD_VARIABLE] = "variable",
	[PROBE_HELD_SPECIAL] = "finalizer",
	[PROBE_HELD_RUNTIME] = "timer or the runtime",
	[PROBE_HELD_REGISTER] = "register"};

/* "object of 96 bytes, main.hub, 0xc000123000+16"; "variable main.registry+8"; "goroutine 7". */
static void print_step(struct out *out, const struct probe_hold *h)
{
	out_printf(out, "%s", words[h->by]);
	if (h->by == PROBE_HELD_STACK)
		out_printf(out, " %" PRIu64, h->addr);
	if (h->by == PROBE_HELD_OBJECT)
		out_printf(out, " of %s bytes,", human_count((int64_t)h->size).s);
	if (h->name[0])
		out_printf(out, " %s", h->name);
	if (h->by == PROBE_HELD_OBJECT || (h->by == PROBE_HELD_VARIABLE && !h->name[0]))
		out_printf(out, " 0x%" PRIx64, h->addr);
	if (h->offset)
		out_printf(out, "+%" PRIu64, h->offset);
	out_printf(out, "\n");
}

void leakheld_print(struct out *out, const struct leakheld *h, const struct gsnap *s)
{
	for (uint32_t i = 0; i < h->n; i++) {
		const struct group *g = &h->sites.group[i];
		const struct gsnap_g *gp = &s->gs[h->sites.order[g->first]];
		if (!h->of[i].n)
			continue;
		out_printf(out, "\n");
		out_style(out, STYLE_ACCENT);
		out_printf(out,
			"%s goroutine%s kept [%s, first: %" PRIu64 "]:", human_count(g->n).s,
			g->n == 1 ? "" : "s", gsnap_state(gp), gp->id);
		out_style(out, STYLE_PLAIN);
		out_printf(out, "\n");
		print_stack(out, s, gp->stack, false);
		print_created(out, s, gp->created, 0);
		for (size_t k = 0; k < h->of[i].n; k++) {
			out_printf(out, k ? "         " : "held by: ");
			print_step(out, &h->of[i].v[k]);
		}
	}
	if (h->left_out)
		out_printf(out, "\n%s more places\n", human_count(h->left_out).s);
}

static void json_step(struct json *j, const struct probe_hold *h)
{
	static const char *const kinds[] = {
		"object", "goroutine", "variable", "finalizer", "runtime", "register"};
	jw_object(j, NULL);
	jw_str(j, "by", kinds[h->by]);
	if (h->by == PROBE_HELD_STACK)
		jw_uint(j, "goroutine", h->addr);
	else
		jw_hex(j, "addr", h->addr);
	jw_uint(j, "offset", h->offset);
	jw_int(j, "size", h->size ? (int64_t)h->size : GSNAP_UNKNOWN);
	jw_str(j, "name", h->name[0] ? h->name : NULL);
	jw_close_object(j);
}

void leakheld_json(struct json *j, const struct leakheld *h, const struct gsnap *s)
{
	jw_lines(j, "held");
	for (uint32_t i = 0; i < h->n; i++) {
		const struct group *g = &h->sites.group[i];
		const struct gsnap_g *gp = &s->gs[h->sites.order[g->first]];
		if (!h->of[i].n)
			continue;
		jw_object(j, NULL);
		jw_uint(j, "count", g->n);
		jw_str(j, "state", gsnap_state(gp));
		jw_uint(j, "goroutine", gp->id);
		json_stack(j, "stack", s, gp->stack);
		json_created(j, "created_by", s, gp->created);
		jw_array(j, "held_by");
		for (size_t k = 0; k < h->of[i].n; k++)
			json_step(j, &h->of[i].v[k]);
		jw_close_array(j);
		jw_close_object(j);
	}
	jw_close_array(j);
}
