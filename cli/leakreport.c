/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leakreport.c - what `gort leaks` and `gort-leak` say of leaked goroutines: one entry a site,
 * which is a state, a stack and a creator, as text or JSON. Each site is a finding (report.h), and
 * text leaves out those that are known or suppressed.
 */
#include "leakreport.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include "err.h"
#include "human.h"
#include "json.h"
#include "leakcheck/leakcheck.h"
#include "pprof/pprof.h"
#include "reportformat.h"
#include "stacktext.h"
#include "target.h"

#define IDS_SHOWN 5
#define MAX_CALLS 64

static const struct {
	const char *name, *meaning;
} classes[LEAK_CLASSES] = {
	[PROBE_LEAK_UNREACHABLE] = {"unreachable", "nothing alive reaches what they wait for"},
	[PROBE_LEAK_LIKELY] = {"unreachable-likely",
		"perhaps: it shares memory with other objects, or is on a stack"},
	[PROBE_LEAK_FOREVER] = {"blocked-forever", "a nil channel, or a select without cases"},
	[LEAK_GROWING] = {"growing", "in every look all were still there, and more had come"},
	[LEAK_EXTRA] = {"extra", "there when the program ended"},
};

/* ---- options ---- */

static bool add_class(const char *word, size_t len, unsigned *bits)
{
	for (unsigned c = 0; c < LEAK_CLASSES; c++) {
		if (strlen(classes[c].name) == len && !strncmp(classes[c].name, word, len)) {
			*bits |= 1u << c;
			return true;
		}
	}
	return false;
}

/* A list of classes as bits; NULL is the default. */
static int parse_fail_on(const struct opts *o, unsigned *bits, struct gsnap_err *err)
{
	const char *list = o->fail_on;
	*bits = list ? 0 : 1u << PROBE_LEAK_UNREACHABLE;
	while (list && *list) {
		size_t len = strcspn(list, ",");
		if (!add_class(list, len, bits)) {
			err_what(err, CLI_USAGE, "--fail-on: no class '%.*s'", (int)len, list);
			err_why(err, "the classes are %s, %s, %s, %s and %s", classes[0].name,
				classes[1].name, classes[2].name, classes[3].name, classes[4].name);
			return -EINVAL;
		}
		list += len + (list[len] == ',');
	}
	if (!(*bits & 1u << LEAK_GROWING) || o->watch)
		return 0;
	err_what(err, CLI_USAGE, "--fail-on growing needs gort leaks --watch");
	err_why(err, "nothing is seen to grow in one look: this could never fail");
	return -EINVAL;
}

/* ---- matching ---- */

#define NO_CLASS UINT8_MAX

static uint8_t class_of(const struct leakreport *v, const struct gsnap_g *gp)
{
	const struct probe_leak *leak = probe_leaks_find(&v->leaks, gp->id);
	if (gp->flags & GSNAP_G_SYSTEM)
		return NO_CLASS;
	if (leak)
		return leak->class;
	return leakwatch_grows(&v->watch, &v->s, gp) ? LEAK_GROWING : NO_CLASS;
}

/* goleak's rule names all that is left; only who asks for it wants to hear of those. */
static int add_extra(const struct leakreport *v, uint8_t *class)
{
	struct leak_filter filter = {.self = 1, .only_look = true};
	uint32_t *left = calloc(v->s.ngs + 1, sizeof *left);
	size_t n = left ? leakcheck_find(&v->s, &filter, left) : 0;
	for (size_t i = 0; i < n; i++)
		if (class[left[i]] == NO_CLASS)
			class[left[i]] = LEAK_EXTRA;
	free(left);
	return left ? 0 : -ENOMEM;
}

/* Groups the goroutines of a class by state, stack and creator: a site each. */
static int find_sites(struct leakreport *v, const uint8_t *class_of_g, unsigned class)
{
	uint32_t *sel = calloc(v->s.ngs + 1, sizeof *sel), n = 0;
	if (!sel)
		return -ENOMEM;
	for (uint32_t i = 0; i < v->s.ngs; i++)
		if (class_of_g[i] == class)
			sel[n++] = i;
	int rc = groups_build(&v->s, sel, n, BY_ALL, &v->sites[class]);
	free(sel);
	return rc;
}

/* ---- findings ---- */

/* "leak-chan-send" of "chan send", "leak-sync-mutex-lock" of "sync.Mutex.Lock". */
static void rule_of(const char *state, char *buf, size_t size)
{
	size_t n = (size_t)snprintf(buf, size, "leak");
	bool gap = true;
	for (; *state && n + 2 < size; state++) {
		if (!isalnum((unsigned char)*state)) {
			gap = true;
			continue;
		}
		if (gap)
			buf[n++] = '-';
		gap = false;
		buf[n++] = (char)tolower((unsigned char)*state);
	}
	buf[n] = '\0';
}

static const struct gsnap_g *member(
	const struct leakreport *v, unsigned class, const struct group *g, uint32_t i)
{
	return &v->s.gs[v->sites[class].order[g->first + i]];
}

static const char *word_of(unsigned class)
{
	return class == LEAK_GROWING ? "piled up" : class == LEAK_EXTRA ? "left over" : "leaked";
}

static void add_finding(struct leakreport *v, unsigned class, const struct group *g)
{
	const struct gsnap_frame *frames[MAX_CALLS];
	const struct gsnap_g *gp = member(v, class, g, 0);
	char rule[64], message[256];
	rule_of(gsnap_state(gp), rule, sizeof rule);
	snprintf(message, sizeof message, "%" PRIu32 " goroutine%s %s in %s: %s", g->n,
		g->n == 1 ? "" : "s", word_of(class), gsnap_state(gp), classes[class].meaning);
	struct finding *f = report_add(&v->report, rule, message);
	if (!f)
		return;
	f->state = gsnap_state(gp);
	f->count = g->n;
	f->fails = v->fail_on & 1u << class;
	uint32_t n = shown_frames(&v->s, gp->stack, frames, MAX_CALLS);
	report_stack(&v->report, REPORT_AT, "waits");
	for (uint32_t i = 0; i < n; i++)
		report_frame(&v->report, frames[i]->func, frames[i]->file, frames[i]->line);
	struct gsnap_frame by = created_frame(&v->s, gp->created);
	if (!by.func[0])
		return;
	report_stack(&v->report, REPORT_CREATED, "created by");
	report_frame(&v->report, by.func, by.file, by.line);
}

static const struct finding *finding_of(const struct leakreport *v, unsigned class, uint32_t site)
{
	return &v->report.v[v->first[class] + site];
}

/* Goroutines and sites of some classes that are to be told of. */
static uint32_t total(const struct leakreport *v, unsigned first, unsigned last, uint32_t *sites)
{
	uint32_t n = 0;
	*sites = 0;
	for (unsigned c = first; c <= last; c++) {
		for (uint32_t i = 0; i < v->sites[c].n; i++) {
			if (finding_of(v, c, i)->status != FINDING_NEW)
				continue;
			n += v->sites[c].group[i].n;
			++*sites;
		}
	}
	return n;
}

static uint32_t leaked(const struct leakreport *v, uint32_t *sites)
{
	return total(v, 0, PROBE_LEAK_FOREVER, sites);
}

bool leakreport_any(const struct leakreport *v)
{
	uint32_t sites;
	return total(v, 0, LEAK_CLASSES - 1, &sites);
}

/* ---- text ---- */

static void print_header(
	struct out *out, const struct leakreport *v, unsigned class, const struct group *g)
{
	const struct gsnap_g *first = member(v, class, g, 0);
	out_style(out, class == PROBE_LEAK_UNREACHABLE ? STYLE_TROUBLE : STYLE_ACCENT);
	out_printf(out, "%s goroutine%s %s [%s, ", human_count(g->n).s, g->n == 1 ? "" : "s",
		word_of(class), gsnap_state(first));
	if (g->median != GSNAP_UNKNOWN)
		out_printf(out, g->n == 1 ? "%s, " : "%s median, ", human_time(g->median).s);
	out_printf(out, g->n == 1 ? "id" : "ids");
	for (uint32_t i = 0; i < g->n && i < IDS_SHOWN; i++)
		out_printf(out, " %" PRIu64, member(v, class, g, i)->id);
	out_printf(out, "%s], %s:", g->n > IDS_SHOWN ? " ..." : "", classes[class].name);
	out_style(out, STYLE_PLAIN);
	out_printf(out, "\n");
}

static void print_site(
	struct out *out, const struct leakreport *v, unsigned class, const struct group *g)
{
	const struct gsnap_g *gp = member(v, class, g, 0);
	const struct probe_leak *leak = probe_leaks_find(&v->leaks, gp->id);
	char test[256];
	out_printf(out, "\n");
	print_header(out, v, class, g);
	print_stack(out, &v->s, gp->stack, false);
	print_created(out, &v->s, gp->created, 0);
	if (leakcheck_test(&v->s, gp, test, sizeof test))
		out_printf(out, "test: %s\n", test);
	out_printf(out, "why: %s", classes[class].meaning);
	if (leak && leak->object)
		out_printf(out, g->n == 1 ? " (0x%" PRIx64 ")" : " (the first: 0x%" PRIx64 ")",
			leak->object);
	out_printf(out, "\n");
}

static void print_rest(
	struct out *out, const struct leakreport *v, enum finding_status status, const char *word)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < v->report.n; i++)
		n += v->report.v[i].status == status ? v->report.v[i].count : 0;
	if (n)
		out_printf(out, "; %s %s", human_count((int64_t)n).s, word);
}

static void print_text(struct out *out, const struct leakreport *v)
{
	uint32_t sites, n = leaked(v, &sites);
	print_title(out, "leaks", &v->s);
	out_printf(out, "\n%s goroutines, %s of them wait for others; ",
		human_count((int64_t)v->leaks.goroutines).s,
		human_count((int64_t)v->leaks.blocked).s);
	if (n)
		out_printf(out, "%s leaked at %s place%s", human_count(n).s, human_count(sites).s,
			sites == 1 ? "" : "s");
	else
		out_printf(out, v->report.n ? "none is newly leaked" : "none is leaked");
	for (unsigned c = LEAK_GROWING; c < LEAK_CLASSES; c++)
		if ((n = total(v, c, c, &sites)))
			out_printf(out, "; %s %s", human_count(n).s, word_of(c));
	print_rest(out, v, FINDING_KNOWN, "known");
	print_rest(out, v, FINDING_SUPPRESSED, "suppressed");
	out_printf(out, "\n");
	for (unsigned c = 0; c < LEAK_CLASSES; c++)
		for (uint32_t i = 0; i < v->sites[c].n; i++)
			if (finding_of(v, c, i)->status == FINDING_NEW)
				print_site(out, v, c, &v->sites[c].group[i]);
	leakheld_print(out, &v->held, &v->s);
}

/* ---- goleak's layout ---- */

/* Nothing at all when there is nothing, as goleak does. */
static int print_goleak(struct out *out, const struct leakreport *v)
{
	uint32_t *found = calloc(v->s.ngs + 1, sizeof *found), n = 0;
	for (unsigned c = 0; found && c < LEAK_CLASSES; c++)
		for (uint32_t i = 0; i < v->sites[c].n; i++)
			for (uint32_t k = 0; finding_of(v, c, i)->status == FINDING_NEW &&
					     k < v->sites[c].group[i].n;
				k++)
				found[n++] = v->sites[c].order[v->sites[c].group[i].first + k];
	size_t len = found ? leakcheck_format(&v->s, found, n, NULL, 0) : 0;
	char *text = found ? malloc(len + 1) : NULL;
	if (text && n) {
		leakcheck_format(&v->s, found, n, text, len + 1);
		out_text(out, text);
		out_text(out, "\n");
	}
	free(found);
	free(text);
	return text ? 0 : -ENOMEM;
}

/* ---- JSON ---- */

static void json_site(struct json *j, const struct leakreport *v, unsigned class, uint32_t site)
{
	static const char *const statuses[] = {"new", "known", "suppressed"};
	const struct group *g = &v->sites[class].group[site];
	const struct finding *f = finding_of(v, class, site);
	const struct gsnap_g *gp = member(v, class, g, 0);
	char key[24], test[256];
	snprintf(key, sizeof key, "%016" PRIx64, f->key);
	jw_object(j, NULL);
	jw_str(j, "class", classes[class].name);
	jw_str(j, "status", statuses[f->status]);
	jw_str(j, "fingerprint", key);
	jw_uint(j, "count", g->n);
	jw_str(j, "state", gsnap_state(gp));
	jw_int(j, "wait_median_ns", g->median);
	jw_int(j, "wait_max_ns", g->oldest);
	json_stack(j, "stack", &v->s, gp->stack);
	json_created(j, "created_by", &v->s, gp->created);
	if (leakcheck_test(&v->s, gp, test, sizeof test))
		jw_str(j, "test", test);
	jw_array(j, "goroutines");
	for (uint32_t i = 0; i < g->n; i++) {
		const struct gsnap_g *each = member(v, class, g, i);
		jw_object(j, NULL);
		jw_uint(j, "id", each->id);
		const struct probe_leak *leak = probe_leaks_find(&v->leaks, each->id);
		if (leak)
			jw_hex(j, "waits_for", leak->object);
		jw_close_object(j);
	}
	jw_close_array(j);
	jw_close_object(j);
}

static void print_json(struct out *out, const struct leakreport *v, int64_t looks)
{
	struct json j;
	uint32_t sites;
	jw_begin(&j, out, "gort.leaks/1");
	json_target(&j, &v->s);
	jw_str(&j, "exe", v->s.exe);
	jw_str(&j, "version", v->s.version);
	jw_int(&j, "when_ns", v->s.when);
	jw_int(&j, "looks", looks);
	jw_int(&j, "held_still_ns", v->leaks.held_ns);
	jw_uint(&j, "goroutines", v->leaks.goroutines);
	jw_uint(&j, "blocked", v->leaks.blocked);
	jw_uint(&j, "leaked", leaked(v, &sites));
	jw_lines(&j, "sites");
	for (unsigned c = 0; c < LEAK_CLASSES; c++)
		for (uint32_t i = 0; i < v->sites[c].n; i++)
			json_site(&j, v, c, i);
	jw_close_array(&j);
	if (v->want_held)
		leakheld_json(&j, &v->held, &v->s);
	jw_end(&j);
}

/* ---- the report ---- */

int leakreport_open(
	struct leakreport *v, const struct opts *o, const char *tool, struct gsnap_err *err)
{
	*v = (struct leakreport){0};
	gsnap_init(&v->s, GSNAP_GO);
	v->want_held = o->held;
	int rc = parse_fail_on(o, &v->fail_on, err);
	return rc ? rc : report_open(&v->report, o, tool, err);
}

static int find_all(struct leakreport *v)
{
	uint8_t *class = malloc(v->s.ngs + 1);
	int rc = class ? 0 : -ENOMEM;
	for (uint32_t i = 0; class && i < v->s.ngs; i++)
		class[i] = class_of(v, &v->s.gs[i]);
	if (!rc && v->fail_on & 1u << LEAK_EXTRA)
		rc = add_extra(v, class);
	for (unsigned c = 0; c < LEAK_CLASSES && !rc; c++) {
		rc = find_sites(v, class, c);
		v->first[c] = v->report.n;
		for (uint32_t i = 0; i < v->sites[c].n; i++)
			add_finding(v, c, &v->sites[c].group[i]);
	}
	free(class);
	return rc;
}

int leakreport_fill(struct leakreport *v, struct gsnap_err *err)
{
	int rc = find_all(v);
	report_judge(&v->report);
	if (!rc && !v->report.oom)
		return 0;
	err_what(err, CLI_FAIL, "out of memory");
	return -ENOMEM;
}

void leakreport_close(struct leakreport *v)
{
	for (unsigned c = 0; c < LEAK_CLASSES; c++)
		groups_free(&v->sites[c]);
	report_close(&v->report);
	leakheld_free(&v->held);
	leakwatch_free(&v->watch);
	probe_leaks_free(&v->leaks);
	gsnap_free(&v->s);
}

int leakreport_print(const struct opts *o, int fd, const struct leakreport *v, int64_t looks)
{
	static struct out out;
	struct gsnap_err err;
	struct opts named = *o;
	char name[PATH_MAX];
	named.output = report_file_name(o->output, name, sizeof name);
	if (out_open(&out, &named, fd, &err))
		return err_print(&err);
	if (o->format != FORMAT_TEXT) {
		print_json(&out, v, looks);
	} else if (!o->goleak) {
		print_text(&out, v);
	} else if (print_goleak(&out, v)) {
		err_what(&err, CLI_FAIL, "out of memory");
		out_abort(&out);
		return err_print(&err);
	}
	return out_close(&out);
}

/* ---- pprof ---- */

/* Told, too, by which class: go tool pprof -tagfocus class=unreachable. */
static struct pprof *profile_of(const struct leakreport *v)
{
	struct pprof *p = pprof_new(PPROF_GOROUTINELEAK, 1);
	if (!p)
		return NULL;
	pprof_set_time(p, pprof_taken_at(&v->s), 0);
	for (uint32_t i = 0; i < v->s.nmaps; i++)
		pprof_add_mapping(p, &v->s.maps[i]);
	for (unsigned c = 0; c < LEAK_CLASSES; c++) {
		for (uint32_t i = 0; i < v->sites[c].n; i++) {
			const struct group *g = &v->sites[c].group[i];
			if (finding_of(v, c, i)->status == FINDING_NEW)
				pprof_snap_count(p, &v->s, member(v, c, g, 0)->stack, g->n, "class",
					classes[c].name);
		}
	}
	return p;
}

static int write_profile(const struct leakreport *v, const char *path, struct gsnap_err *err)
{
	static struct out out;
	unsigned char *data = NULL;
	size_t len = 0;
	struct pprof *p = profile_of(v);
	int rc = p ? pprof_encode(p, &data, &len) : -ENOMEM;
	if (p)
		pprof_free(p);
	if (rc) {
		err_what(err, CLI_FAIL, "not enough memory for the profile");
		return rc;
	}
	rc = report_open_file(&out, path, err);
	if (!rc) {
		out_write(&out, data, len);
		rc = out_finish(&out, err);
	}
	free(data);
	return rc;
}

unsigned leakreport_needs(const struct opts *o)
{
	return PROBE_STACKS | (o->pprof ? PROBE_MAPS | PROBE_SYMBOLS : 0);
}

int leakreport_write(struct leakreport *v, const struct opts *o, bool unused)
{
	struct gsnap_err err = {0};
	int code = report_write(&v->report, o, unused);
	if (o->pprof && write_profile(v, o->pprof, &err)) {
		int failed = err_print(&err);
		code = code ? code : failed;
	}
	return code;
}
