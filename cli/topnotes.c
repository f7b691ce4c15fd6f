/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * topnotes.c - looks for leaks and for owners of locks, as rarely as their cost demands.
 *
 * Both want more memory of the target than a refresh reads: a proof of leaks its heap and its
 * stacks, owners all stacks. So each is done anew only after SHARE times what it cost the last
 * time, the first time after SHARE times what it may cost; top as a whole stays as cheap as it was.
 * On a big target that would be an hour: what is not known at all yet comes after LATEST_NS. Who
 * asks for it (--leaks, the key l) gets it at once. A leak is what two looks agree on, as for
 * `gort leaks`.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include "group.h"
#include "human.h"
#include "interrupt.h"
#include "stacktext.h"
#include "topdata.h"
#include "waitgraph.h"

#define SHARE          500
#define LATEST_NS      INT64_C(120000000000)
#define NS_A_GOROUTINE INT64_C(4000) /* guesses of the first cost, high ones */
#define NS_A_LEAK_LOOK INT64_C(2000000)

/* Goroutines of the view by id. */
struct ids {
	struct id {
		uint64_t goid;
		uint32_t entry;
	} * v;
	size_t n;
};

static int by_goid(const void *a, const void *b)
{
	const struct id *x = a, *y = b;
	return (x->goid > y->goid) - (x->goid < y->goid);
}

static struct ids ids_of(const struct gsnap *s)
{
	struct ids ids = {.v = malloc((s->ngs + 1) * sizeof *ids.v)};
	for (uint32_t i = 0; ids.v && i < s->ngs; i++)
		if (s->gs[i].status != GSTATUS_DEAD)
			ids.v[ids.n++] = (struct id){s->gs[i].id, i};
	if (ids.n)
		qsort(ids.v, ids.n, sizeof *ids.v, by_goid);
	return ids;
}

static uint32_t entry_of(const struct ids *ids, uint64_t goid)
{
	const struct id key = {.goid = goid};
	const struct id *it = ids->n ? bsearch(&key, ids->v, ids->n, sizeof key, by_goid) : NULL;
	return it ? it->entry : GSNAP_NONE;
}

/* Where in the view the goroutines of the notes are. */
static void place_notes(struct topnotes *notes, const struct gsnap *s, enum topchore which)
{
	struct ids ids = ids_of(s);
	for (size_t i = 0; i < notes->n[which]; i++) {
		struct topnote *note = &notes->v[which][i];
		note->entry = entry_of(&ids, note->goid);
		note->holder_entry = note->holder ? entry_of(&ids, note->holder) : GSNAP_NONE;
	}
	free(ids.v);
}

static void note_locks(struct topnotes *notes, const struct gsnap *s)
{
	struct topnote *v = malloc((s->nwaits + 1) * sizeof *v);
	size_t n = 0;
	for (uint32_t i = 0; v && i < s->nwaits; i++) {
		uint32_t holders;
		const struct gsnap_hold *h = holds_of(s, s->waits[i].obj, &holders);
		if (holders)
			v[n++] = (struct topnote){.goid = s->gs[s->waits[i].g].id,
				.holder = s->gs[h->g].id,
				.sure = h->sure};
	}
	free(notes->v[CHORE_LOCKS]);
	notes->v[CHORE_LOCKS] = v;
	notes->n[CHORE_LOCKS] = n;
}

static bool look_for_locks(struct topnotes *notes, const struct topdata *d)
{
	struct gsnap s;
	struct gsnap_err err = {0};
	int rc = probe_snapshot(d->t->probe, PROBE_WAITS, &s, &err);
	if (!rc)
		note_locks(notes, &s);
	gsnap_free(&s);
	return !rc;
}

/* What this look and the one before agree on. */
static void note_leaks(struct topnotes *notes, const struct probe_leaks *now)
{
	struct topnote *v = malloc((now->n + 1) * sizeof *v);
	size_t n = 0;
	for (size_t i = 0; v && i < now->n; i++) {
		const struct probe_leak *leak = &now->v[i];
		const struct probe_leak *before = probe_leaks_find(&notes->look, leak->goid);
		if (before && before->depth == leak->depth && before->object == leak->object)
			v[n++] = (struct topnote){.goid = leak->goid, .class = leak->class};
	}
	free(notes->v[CHORE_LEAKS]);
	notes->v[CHORE_LEAKS] = v;
	notes->n[CHORE_LEAKS] = n;
	notes->proved = v != NULL;
}

static bool look_for_leaks(struct topnotes *notes, const struct topdata *d)
{
	const struct probe_leaks_how how = {.looks = 1};
	struct probe_leaks now = {0};
	struct gsnap_err err = {0};
	bool asked = notes->chore[CHORE_LEAKS].now;
	if (probe_leaks(d->t->probe, &how, &now, &err)) {
		snprintf(notes->why, sizeof notes->why, "%.120s", err.what);
		return false;
	}
	if (notes->looked)
		note_leaks(notes, &now);
	notes->chore[CHORE_LEAKS].now = asked && !notes->proved;
	probe_leaks_free(&notes->look);
	notes->look = now;
	notes->looked = true;
	return true;
}

static int64_t own_cpu_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

int64_t topnotes_interval(int64_t cost, bool known)
{
	return known || cost < LATEST_NS / SHARE ? cost * SHARE : LATEST_NS;
}

static bool known(const struct topnotes *notes, enum topchore which)
{
	return which == CHORE_LEAKS ? notes->proved : notes->chore[which].cost != 0;
}

static bool due(const struct topnotes *notes, struct chore *c, const struct topdata *d,
	enum topchore which, int64_t now)
{
	if (!c->last)
		c->last = now;
	if (c->off || c->now)
		return !c->off;
	int64_t cost = c->cost, heap = d->now.stats.heap_inuse;
	if (!cost)
		cost = d->view.s.ngs * NS_A_GOROUTINE;
	if (!c->cost && which == CHORE_LEAKS)
		cost += NS_A_LEAK_LOOK + (heap > 0 ? heap : 0);
	return now - c->last >= topnotes_interval(cost, known(notes, which));
}

/* Done when it is due; what cannot be had is not tried again. */
static bool do_chore(struct topnotes *notes, const struct topdata *d, enum topchore which)
{
	struct chore *c = &notes->chore[which];
	if (!due(notes, c, d, which, monotonic_now()))
		return false;
	int64_t before = own_cpu_ns();
	if (which == CHORE_LOCKS) {
		c->now = false;
		c->off = !look_for_locks(notes, d);
	} else {
		c->off = !look_for_leaks(notes, d);
	}
	c->cost = own_cpu_ns() - before + 1;
	c->last = monotonic_now();
	return !c->off;
}

static void add_up(struct groupnote *g, const struct topnote *note, enum topchore which)
{
	if (which == CHORE_LEAKS) {
		g->class = g->leaked && g->class != PROBE_LEAK_FOREVER ? g->class : note->class;
		if (note->class == PROBE_LEAK_LIKELY)
			g->class = PROBE_LEAK_LIKELY;
		g->leaked++;
		return;
	}
	g->others |= g->waiting && g->lock->holder != note->holder;
	g->lock = note;
	g->waiting++;
}

/* Whether a note still holds: the goroutine is there, and if for a lock, it waits for one. */
static bool holds(const struct topdata *d, const struct topnote *note, enum topchore which)
{
	const struct livegroups *lg = &d->groups;
	uint32_t e = note->entry;
	if (e >= lg->nof || d->view.s.gs[e].id != note->goid || lg->of[e] >= lg->n)
		return false;
	return which == CHORE_LOCKS ? d->category[e] == CAT_SEMA
				    : d->view.s.gs[e].status != GSTATUS_DEAD;
}

/* Groups change with each refresh, notes do not: they are added up anew. */
void topnotes_group(struct topnotes *notes, const struct topdata *d)
{
	const struct livegroups *lg = &d->groups;
	notes->ngroups = 0;
	free(notes->group);
	notes->group = calloc(lg->n + 1, sizeof *notes->group);
	if (!notes->group)
		return;
	notes->ngroups = lg->n;
	for (int which = 0; which < NCHORES; which++)
		for (size_t i = 0; i < notes->n[which]; i++) {
			const struct topnote *note = &notes->v[which][i];
			if (holds(d, note, which))
				add_up(&notes->group[lg->of[note->entry]], note, which);
		}
}

void topnotes_want(struct topnotes *notes, const struct opts *o)
{
	notes->wanted = true;
	notes->chore[CHORE_LEAKS].now = o->leaks;
	notes->chore[CHORE_LOCKS].now = o->once || o->batch;
}

void topnotes_refresh(struct topnotes *notes, const struct topdata *d)
{
	if (!notes->wanted)
		return;
	for (int which = 0; which < NCHORES; which++)
		if (do_chore(notes, d, which) || d->view.renewed)
			place_notes(notes, &d->view.s, which);
	topnotes_group(notes, d);
}

void topnotes_ask(struct topnotes *notes)
{
	notes->chore[CHORE_LEAKS].now = true;
	notes->chore[CHORE_LEAKS].off = false;
	notes->looked = notes->proved = false;
}

void topnotes_free(struct topnotes *notes)
{
	for (int which = 0; which < NCHORES; which++)
		free(notes->v[which]);
	free(notes->group);
	probe_leaks_free(&notes->look);
	*notes = (struct topnotes){0};
}

const struct groupnote *topnotes_of(
	const struct topnotes *notes, const struct topdata *d, const struct livegroup *g)
{
	size_t i = (size_t)(g - d->groups.group);
	const struct groupnote *note = i < notes->ngroups ? &notes->group[i] : NULL;
	return note && (note->leaked || note->waiting) ? note : NULL;
}

/* Why it never goes on, by what it waits for. */
static const char *leak_reason(const char *state, uint8_t class)
{
	static const struct {
		const char *prefix, *why;
	} reasons[] = {{"chan send", "no receiver reachable"},
		{"chan receive", "no sender reachable"}, {"select", "no other end reachable"},
		{"sync.", "no one left to wake it"}, {"sema", "no one left to wake it"}};
	if (class == PROBE_LEAK_FOREVER)
		return "nothing can ever wake it";
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (!strncmp(state, reasons[i].prefix, strlen(reasons[i].prefix)))
			return reasons[i].why;
	return "what it waits for is unreachable";
}

static void lock_text(const struct groupnote *note, const struct gsnap *s, char *buf, size_t size)
{
	const struct topnote *lock = note->lock;
	const struct gsnap_frame *f = NULL;
	if (lock->holder_entry < s->ngs && s->gs[lock->holder_entry].id == lock->holder)
		f = own_frame(s, s->gs[lock->holder_entry].stack);
	snprintf(buf, size, "%s by goroutine %" PRIu64 "%s%s%s%s",
		lock->sure     ? (note->others ? "held, e.g." : "held")
		: note->others ? "seem held, e.g."
			       : "seems held",
		lock->holder, f ? " (" : "", f ? base_name(f->func) : "", f ? ")" : "",
		note->others ? " ..." : "");
}

void topnotes_text(const struct groupnote *note, const struct topdata *d, const struct livegroup *g,
	char *buf, size_t size)
{
	char part[40] = "";
	buf[0] = '\0';
	if (!note)
		return;
	if (!note->leaked) {
		lock_text(note, &d->view.s, buf, size);
		return;
	}
	if (note->leaked < g->n)
		snprintf(part, sizeof part, "%s ", human_count(note->leaked).s);
	snprintf(buf, size, "%sleak%s %s", part, note->class == PROBE_LEAK_LIKELY ? "?" : ":",
		leak_reason(gsnap_state(&d->view.s.gs[g->sample]), note->class));
}
