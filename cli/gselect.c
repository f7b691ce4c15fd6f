/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "err.h"
#include "group.h"
#include "gselect.h"
#include "human.h"
#include "stacktext.h"
#include "target.h"

/* What is asked of each goroutine. calls: by stack, 1 when a function of it matches, 2 if none. */
struct filter {
	const struct opts *o;
	const struct gsnap *s;
	uint8_t *calls;
};

static const char *const names[GFILTERS] = {[GFILTER_ID] = "--id",
	[GFILTER_STATE] = "--state",
	[GFILTER_FUNC] = "--func",
	[GFILTER_CREATED] = "--created-by",
	[GFILTER_LABEL] = "--label",
	[GFILTER_WAIT] = "--min-wait"};

static bool wanted_id(const struct opts *o, uint64_t id)
{
	for (size_t i = 0; i < o->nids; i++)
		if (o->ids[i] == id)
			return true;
	return o->nids == 0;
}

static bool search_stack(const struct gsnap *s, uint32_t stack, const char *text)
{
	const struct gsnap_stack *k = &s->stacks[stack];
	for (uint32_t i = 0; i < k->nlocs; i++) {
		const struct gsnap_loc *loc = &s->locs[s->stack_locs[k->loc + i]];
		for (uint32_t f = 0; f < loc->nframes; f++)
			if (strstr(s->frames[loc->frame + f].func, text))
				return true;
	}
	return false;
}

static bool calls(const struct filter *f, uint32_t stack)
{
	if (stack >= f->s->nstacks)
		return false;
	if (!f->calls[stack])
		f->calls[stack] = search_stack(f->s, stack, f->o->func) ? 1 : 2;
	return f->calls[stack] == 1;
}

/* KEY: has it with any value; KEY=VALUE: has it with that one. */
static bool labelled(const struct gsnap_g *gp, const char *want)
{
	const char *p = gp->labels;
	size_t len = strcspn(want, "=");
	for (uint32_t i = 0; i < gp->nlabels; i++) {
		const char *key = p, *value = key + strlen(key) + 1;
		p = value + strlen(value) + 1;
		if (strlen(key) == len && !strncmp(key, want, len) &&
			(!want[len] || !strcmp(value, want + len + 1)))
			return true;
	}
	return false;
}

/* The filter that a goroutine does not pass, GFILTERS when it passes all. */
static enum gfilter failed(const struct filter *f, const struct gsnap_g *gp)
{
	const struct opts *o = f->o;
	int64_t wait = g_wait(f->s, gp);
	if (!wanted_id(o, gp->id))
		return GFILTER_ID;
	if (o->state && !strstr(gsnap_state(gp), o->state))
		return GFILTER_STATE;
	if (o->func && !calls(f, gp->stack))
		return GFILTER_FUNC;
	if (o->created_by && !strstr(created_frame(f->s, gp->created).func, o->created_by))
		return GFILTER_CREATED;
	if (o->label && !labelled(gp, o->label))
		return GFILTER_LABEL;
	if (o->min_wait_ns >= 0 && (wait == GSNAP_UNKNOWN || wait < o->min_wait_ns))
		return GFILTER_WAIT;
	if (gp->flags & GSNAP_G_SYSTEM && !o->all && !o->go && o->nids == 0)
		return GFILTER_SYSTEM;
	return GFILTERS;
}

int gselect(const struct opts *o, const struct gsnap *s, struct gselection *sel)
{
	struct filter f = {o, s, calloc(s->nstacks + 1, 1)};
	*sel = (struct gselection){.g = calloc(s->ngs + 1, sizeof *sel->g)};
	if (!sel->g || !f.calls) {
		free(f.calls);
		gselect_free(sel);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < s->ngs; i++) {
		if (s->gs[i].status == GSTATUS_DEAD)
			continue;
		enum gfilter by = failed(&f, &s->gs[i]);
		if (by < GFILTERS)
			sel->removed[by]++;
		else
			sel->g[sel->n++] = i;
	}
	free(f.calls);
	return 0;
}

void gselect_free(struct gselection *sel)
{
	free(sel->g);
	sel->g = NULL;
}

void gselect_print_hidden(struct out *out, const struct gselection *sel)
{
	uint32_t system = sel->removed[GFILTER_SYSTEM];
	if (system)
		out_printf(out, "; %s of the runtime's own hidden (--all)", human_count(system).s);
	for (int i = 0; i < GFILTERS; i++)
		if (names[i] && i != GFILTER_ID && sel->removed[i])
			out_printf(
				out, "; %s hidden by %s", human_count(sel->removed[i]).s, names[i]);
}

int gselect_nothing(const struct opts *o, const struct gsnap *s, const struct gselection *sel)
{
	struct gsnap_err err;
	char why[sizeof err.why] = "";
	size_t len = 0;
	err_what(&err, CLI_FAIL, "no goroutine of %s to show, of %s", target_name(s).s,
		human_count(s->ngs).s);
	for (int i = 0; i < GFILTERS && len < sizeof why; i++)
		if (names[i] && sel->removed[i])
			len += (size_t)snprintf(why + len, sizeof why - len, "%s%s removed %s",
				len ? ", " : "", names[i], human_count(sel->removed[i]).s);
	uint32_t system = sel->removed[GFILTER_SYSTEM];
	if (system && len < sizeof why)
		snprintf(why + len, sizeof why - len, "%s%s %s the runtime's own", len ? ", " : "",
			human_count(system).s, system == 1 ? "is" : "are");
	err_why(&err, "%s", why);
	if (o->state || o->func || o->created_by)
		err_try(&err,
			"gort stacks %s     (the words are parts of names, as they are shown)",
			target_word(s).s);
	if (system)
		err_try(&err, "gort stacks --all %s", target_word(s).s);
	return err_print(&err);
}
