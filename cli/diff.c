/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff.c - `gort diff A B`: what changed between two snapshots (JSON of gort stacks) or between two
 * profiles (.pb.gz). What each file is, its content says.
 *
 * Both come down to rows: a text that names a group of goroutines or a function, and a value before
 * and after.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "err.h"
#include "human.h"
#include "json.h"
#include "jsonread.h"
#include "profread.h"
#include "stacktext.h"
#include "target.h"

#define ROWS 20

/* Parts of a row's text, each ended by this: state, place, creator, and the whole stack. */
#define SEPARATOR '\037'

struct row {
	char *text;
	int64_t v[2];
};

struct diff {
	struct row *rows;
	size_t n, cap;
	int side; /* which of the two is being read */
	bool oom, profile;
	char exe[2][256], type[64], unit[32];
	int64_t pid[2], when[2], total[2];
};

static void add(struct diff *d, const char *text, int64_t value)
{
	if (d->n == d->cap) {
		size_t cap = d->cap ? d->cap * 2 : 256;
		struct row *bigger = realloc(d->rows, cap * sizeof *bigger);
		if (bigger)
			d->rows = bigger;
		d->cap = bigger ? cap : d->cap;
	}
	char *copy = d->n < d->cap ? strdup(text) : NULL;
	if (!copy) {
		d->oom = true;
		return;
	}
	d->rows[d->n] = (struct row){.text = copy};
	d->rows[d->n++].v[d->side] = value;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->text, ((const struct row *)b)->text);
}

static int by_change(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int64_t p = x->v[1] - x->v[0], q = y->v[1] - y->v[0];
	int64_t ap = p < 0 ? -p : p, aq = q < 0 ? -q : q;
	if (ap != aq)
		return ap > aq ? -1 : 1;
	return strcmp(x->text, y->text);
}

/* Rows of the same text become one; those that did not change go. */
static void merge(struct diff *d)
{
	size_t kept = 0;
	if (d->n)
		qsort(d->rows, d->n, sizeof *d->rows, by_text);
	for (size_t i = 0, end; i < d->n; i = end) {
		struct row sum = {.text = d->rows[i].text};
		for (end = i; end < d->n && !strcmp(d->rows[end].text, sum.text); end++) {
			sum.v[0] += d->rows[end].v[0];
			sum.v[1] += d->rows[end].v[1];
			if (end > i)
				free(d->rows[end].text);
		}
		if (sum.v[0] != sum.v[1])
			d->rows[kept++] = sum;
		else
			free(sum.text);
	}
	d->n = kept;
	if (d->n)
		qsort(d->rows, d->n, sizeof *d->rows, by_change);
}

/* One frame object; kept in the snapshot as a location of its own. */
static uint32_t read_frame(struct jr *j, struct gsnap *s)
{
	char key[16], func[512] = "", file[512] = "";
	int64_t line = 0;
	if (!jr_open(j, '{'))
		return GSNAP_NONE;
	while (jr_key(j, key, sizeof key)) {
		if (!strcmp(key, "func"))
			jr_str(j, func, sizeof func);
		else if (!strcmp(key, "file"))
			jr_str(j, file, sizeof file);
		else if (!strcmp(key, "line"))
			line = jr_int(j, 0);
		else
			jr_skip(j);
	}
	uint32_t loc = gsnap_add_loc(s, s->nlocs + 1, 0, false);
	if (loc != GSNAP_NONE)
		gsnap_add_frame(s, gsnap_str(s, func, strlen(func)),
			file[0] ? gsnap_str(s, file, strlen(file)) : NULL, (uint32_t)line, false);
	return loc;
}

static uint32_t read_frames(struct jr *j, struct gsnap *s)
{
	uint32_t locs[512], n = 0;
	if (!jr_open(j, '['))
		return GSNAP_NONE;
	while (jr_element(j)) {
		uint32_t loc = read_frame(j, s);
		if (n < 512 && loc != GSNAP_NONE)
			locs[n++] = loc;
	}
	return n ? gsnap_add_stack(s, locs, n) : GSNAP_NONE;
}

static size_t put_place(char *buf, size_t size, const struct gsnap_frame *f)
{
	if (!f || !f->func[0])
		return (size_t)snprintf(buf, size, "-");
	if (!f->file)
		return (size_t)snprintf(buf, size, "%.300s", base_name(f->func));
	return (size_t)snprintf(buf, size, "%.300s %.200s:%" PRIu32, base_name(f->func),
		base_name(f->file), f->line);
}

/* The row of a group: its parts for the eye, then the whole stack to tell it from others. */
static void add_group(struct diff *d, const struct gsnap *s, const char *state, uint32_t stack,
	uint32_t created, int64_t count)
{
	char text[16384];
	size_t at = (size_t)snprintf(text, sizeof text, "%.60s%c", state, SEPARATOR);
	struct gsnap_frame by = created_frame(s, created);
	at += put_place(text + at, sizeof text - at, top_frame(s, stack));
	text[at++] = SEPARATOR;
	at += put_place(text + at, sizeof text - at, &by);
	text[at++] = SEPARATOR;
	text[at] = '\0';
	for (uint32_t i = 0; stack < s->nstacks && i < s->stacks[stack].nlocs; i++) {
		const struct gsnap_loc *l = &s->locs[s->stack_locs[s->stacks[stack].loc + i]];
		const struct gsnap_frame *f = &s->frames[l->frame];
		if (at + strlen(f->func) + 32 > sizeof text)
			break;
		at += (size_t)snprintf(
			text + at, sizeof text - at, "%s:%" PRIu32 ";", f->func, f->line);
	}
	add(d, text, count);
}

static void read_group(struct diff *d, struct jr *j, enum gsnap_kind kind)
{
	char key[32], state[64] = "-";
	uint32_t stack = GSNAP_NONE, created = GSNAP_NONE;
	int64_t count = 0;
	struct gsnap s;
	if (!jr_open(j, '{'))
		return;
	gsnap_init(&s, kind);
	while (jr_key(j, key, sizeof key)) {
		if (!strcmp(key, "count"))
			count = jr_int(j, 0);
		else if (!strcmp(key, "state"))
			jr_str(j, state, sizeof state);
		else if (!strcmp(key, "stack"))
			stack = read_frames(j, &s);
		else if (!strcmp(key, "created_by"))
			created = read_frame(j, &s);
		else
			jr_skip(j);
	}
	d->oom |= s.oom;
	if (!s.oom)
		add_group(d, &s, state, stack, created, count);
	d->total[d->side] += count;
	gsnap_free(&s);
}

static int read_stacks(struct diff *d, const char *text, size_t len)
{
	struct jr j;
	char key[32], schema[32] = "", kind[8] = "go";
	jr_init(&j, text, len);
	if (!jr_open(&j, '{'))
		return -EPROTO;
	while (jr_key(&j, key, sizeof key)) {
		if (!strcmp(key, "schema"))
			jr_str(&j, schema, sizeof schema);
		else if (!strcmp(key, "kind"))
			jr_str(&j, kind, sizeof kind);
		else if (!strcmp(key, "exe"))
			jr_str(&j, d->exe[d->side], sizeof d->exe[0]);
		else if (!strcmp(key, "pid"))
			d->pid[d->side] = jr_int(&j, 0);
		else if (!strcmp(key, "when_ns"))
			d->when[d->side] = jr_int(&j, 0);
		else if (strcmp(key, "groups") || !jr_open(&j, '['))
			jr_skip(&j);
		else
			while (jr_element(&j))
				read_group(d, &j, strcmp(kind, "gort") ? GSNAP_GO : GSNAP_GORT);
	}
	if (!jr_end(&j) || strcmp(schema, "gort.stacks/1"))
		return -EPROTO;
	return d->oom ? -ENOMEM : 0;
}

static void add_sample(void *ctx, const char *func, int64_t value)
{
	add(ctx, func[0] ? func : "[unknown]", value);
}

static int read_profile(struct diff *d, const uint8_t *data, size_t len)
{
	uint8_t *raw;
	size_t rawlen;
	struct profread r = {.ctx = d, .sample = add_sample};
	int rc = profread_gunzip(data, len, &raw, &rawlen);
	if (rc)
		return rc;
	rc = profread(&r, raw, rawlen);
	free(raw);
	if (rc)
		return rc;
	if (d->side && strcmp(d->type, r.type))
		return -EXDEV;
	snprintf(d->type, sizeof d->type, "%s", r.type);
	snprintf(d->unit, sizeof d->unit, "%s", r.unit);
	d->when[d->side] = r.time_ns;
	d->total[d->side] = r.total;
	return d->oom ? -ENOMEM : 0;
}

static int read_content(struct diff *d, const uint8_t *data, size_t len)
{
	bool gzip = len > 2 && data[0] == 0x1f && data[1] == 0x8b;
	if (d->side && gzip != d->profile)
		return -EXDEV;
	d->profile = gzip;
	return gzip ? read_profile(d, data, len) : read_stacks(d, (const char *)data, len);
}

static int explain(const char *path, int rc, struct gsnap_err *err)
{
	if (rc == -EXDEV) {
		err_what(
			err, CLI_USAGE, "diff: %s is not of the same kind as the first file", path);
		err_why(err, "two snapshots can be compared, or two profiles of the same type");
	} else if (rc == -EPROTO) {
		err_what(err, CLI_FAIL, "diff: %s is neither a snapshot nor a profile", path);
		err_why(err, "it takes JSON of gort stacks, or profiles of pprof (.pb.gz)");
		err_try(err, "gort stacks --json -o before.json <target>");
		err_try(err, "gort record -e goroutine -o before.pb.gz <target>");
	} else {
		err_what(err, CLI_FAIL, "diff: cannot read %s: %s", path, strerror(-rc));
	}
	return rc;
}

static int read_file(struct diff *d, const char *path, struct gsnap_err *err)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	if (fd < 0 || fstat(fd, &st))
		rc = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_size == 0)
		rc = S_ISDIR(st.st_mode) ? -EISDIR : -EPROTO;
	void *data =
		rc ? MAP_FAILED : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (!rc && data == MAP_FAILED)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	if (!rc) {
		rc = read_content(d, data, (size_t)st.st_size);
		munmap(data, (size_t)st.st_size);
	}
	return rc ? explain(path, rc, err) : 0;
}

static struct human amount(const struct diff *d, int64_t v)
{
	if (!strcmp(d->unit, "nanoseconds"))
		return human_time(v);
	return strcmp(d->unit, "bytes") ? human_count(v) : human_bytes(v);
}

static struct human change(const struct diff *d, int64_t before, int64_t after)
{
	int64_t by = after - before;
	struct human h, n = amount(d, by < 0 ? -by : by);
	snprintf(h.s, sizeof h.s, "%c%.30s", by < 0 ? '-' : '+', n.s);
	return h;
}

/* Part number i of a row's text; buf is returned. */
static const char *part(const struct row *r, int i, char *buf, size_t size)
{
	const char *p = r->text;
	for (; i > 0 && strchr(p, SEPARATOR); i--)
		p = strchr(p, SEPARATOR) + 1;
	snprintf(buf, size, "%.*s", (int)strcspn(p, "\037"), p);
	return buf;
}

static void print_row(struct out *out, const struct diff *d, const struct row *r)
{
	char state[64], at[512], by[512];
	out_printf(out, "%9s %9s %9s  ", amount(d, r->v[0]).s, amount(d, r->v[1]).s,
		change(d, r->v[0], r->v[1]).s);
	if (d->profile)
		out_printf(out, "%s\n", r->text);
	else
		out_printf(out, "%-15.15s  %-34.34s %s\n", part(r, 0, state, sizeof state),
			part(r, 2, by, sizeof by), part(r, 1, at, sizeof at));
}

static void print_text(struct out *out, const struct opts *o, const struct diff *d)
{
	int64_t apart = d->when[1] - d->when[0];
	out_style(out, STYLE_ACCENT);
	out_printf(out, "gort diff  %s -> %s", o->args[0], o->args[1]);
	out_style(out, STYLE_PLAIN);
	if (d->when[0] && d->when[1] && apart >= 0)
		out_printf(out, "  %s apart", human_time(apart).s);
	out_printf(out, "\n%s: %s -> %s (%s)\n\n", d->profile ? d->type : "goroutines",
		amount(d, d->total[0]).s, amount(d, d->total[1]).s,
		change(d, d->total[0], d->total[1]).s);
	out_printf(out, "%9s %9s %9s  ", "BEFORE", "AFTER", "CHANGE");
	if (d->profile)
		out_printf(out, "FUNCTION\n");
	else
		out_printf(out, "%-15s  %-34s %s\n", "STATE", "CREATED BY", "BLOCKED AT");
	for (size_t i = 0; i < d->n && i < ROWS; i++)
		print_row(out, d, &d->rows[i]);
	if (d->n > ROWS)
		out_printf(out, "%31s%s more (--json has all)\n", "",
			human_count((int64_t)d->n - ROWS).s);
}

static void print_json(struct out *out, const struct diff *d)
{
	char buf[1024];
	struct json j;
	jw_begin(&j, out, "gort.diff/1");
	jw_str(&j, "of", d->profile ? "profiles" : "stacks");
	jw_str(&j, "type", d->profile ? d->type : "goroutine");
	jw_str(&j, "unit", d->profile ? d->unit : "count");
	jw_int(&j, "before", d->total[0]);
	jw_int(&j, "after", d->total[1]);
	jw_lines(&j, "rows");
	for (size_t i = 0; i < d->n; i++) {
		jw_object(&j, NULL);
		jw_int(&j, "before", d->rows[i].v[0]);
		jw_int(&j, "after", d->rows[i].v[1]);
		if (d->profile) {
			jw_str(&j, "func", d->rows[i].text);
		} else {
			jw_str(&j, "state", part(&d->rows[i], 0, buf, sizeof buf));
			jw_str(&j, "blocked_at", part(&d->rows[i], 1, buf, sizeof buf));
			jw_str(&j, "created_by", part(&d->rows[i], 2, buf, sizeof buf));
		}
		jw_close_object(&j);
	}
	jw_close_array(&j);
	jw_end(&j);
}

static int print(const struct opts *o, const struct diff *d)
{
	static struct out out;
	struct gsnap_err err = {0};
	if (d->n == 0) {
		err_what(&err, CLI_FAIL, "nothing changed between %s and %s", o->args[0],
			o->args[1]);
		return err_print(&err);
	}
	if (out_open(&out, o, STDOUT_FILENO, &err))
		return err_print(&err);
	if (o->format == FORMAT_TEXT)
		print_text(&out, o, d);
	else
		print_json(&out, d);
	return out_close(&out);
}

static int run_diff(const struct opts *o)
{
	struct diff d = {0};
	struct gsnap_err err = {0};
	int code = CLI_OK;
	for (d.side = 0; d.side < 2 && !code; d.side++)
		if (read_file(&d, o->args[d.side], &err))
			code = err_print(&err);
	if (!code) {
		merge(&d);
		code = print(o, &d);
	}
	for (size_t i = 0; i < d.n; i++)
		free(d.rows[i].text);
	free(d.rows);
	return code;
}

const struct command cmd_diff = {
	.name = "diff",
	.synopsis = "[options] A B",
	.summary = "what changed between two snapshots or two profiles",
	.examples = "gort stacks --json -o before.json 4121   # and again as after.json\n"
		    "gort diff before.json after.json         # which groups grew\n"
		    "gort diff old.pb.gz new.pb.gz            # by function\n",
	.notes = "Snapshots are JSON of gort stacks (or w in gort top), profiles are those of "
		 "pprof.\n"
		 "Exits with 1 when nothing changed.",
	.common = TAKES_OUTPUT | TAKES_FORMAT | TAKES_COLOR,
	.args = ARGS_FILES,
	.min_args = 2,
	.max_args = 2,
	.run = run_diff,
};
