/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.c - findings: collected, compared with a baseline, matched against suppressions.
 *
 * A fingerprint is of the rule, the names of the three innermost calls at each place and of the
 * creator: it survives an edit that moves lines, and is the same for both orders of a race.
 *
 * A suppression is one line: KIND:PATTERN, and why. LeakSanitizer's and ThreadSanitizer's files are
 * understood: their kinds are among these and their patterns are the same.
 */
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "err.h"
#include "jsonread.h"
#include "reportformat.h"

#define KEY_CALLS 3
#define MAX_FILE  (16u << 20)

static const char *keep(struct report *r, const char *text, size_t len)
{
	const char *copy = gsnap_str(&r->strings, text, len);
	r->oom |= r->strings.oom;
	return copy;
}

static void *grow(struct report *r, void *array, uint32_t n, uint32_t *cap, size_t size)
{
	void *bigger = gsnap_grow(&r->strings, array, n, cap, size);
	r->oom |= !bigger;
	return bigger;
}

/* Appends a zeroed element; NULL after setting oom. */
#define PUSH(r, field, count, capacity)                                                        \
	__extension__({                                                                        \
		void *grown_ =                                                                 \
			grow((r), (r)->field, (r)->count, &(r)->capacity, sizeof *(r)->field); \
		if (grown_) {                                                                  \
			(r)->field = grown_;                                                   \
			memset(&(r)->field[(r)->count++], 0, sizeof *(r)->field);              \
		}                                                                              \
		grown_ ? &(r)->field[(r)->count - 1] : NULL;                                   \
	})

/* ---- collecting ---- */

struct finding *report_add(struct report *r, const char *rule, const char *message)
{
	struct finding *f = PUSH(r, v, n, cap);
	if (!f)
		return NULL;
	f->rule = keep(r, rule, strlen(rule));
	f->message = keep(r, message, strlen(message));
	f->state = "";
	f->count = 1;
	f->first = r->nstacks;
	return f;
}

void report_stack(struct report *r, enum report_role role, const char *title)
{
	struct report_stack *s = r->n ? PUSH(r, stacks, nstacks, cap_stacks) : NULL;
	if (!s)
		return;
	*s = (struct report_stack){role, keep(r, title, strlen(title)), r->nframes, 0};
	r->v[r->n - 1].n++;
}

void report_frame(struct report *r, const char *func, const char *file, uint32_t line)
{
	struct report_frame *f = r->nstacks ? PUSH(r, frames, nframes, cap_frames) : NULL;
	if (!f)
		return;
	f->func = func ? keep(r, func, strlen(func)) : "";
	f->file = file ? keep(r, file, strlen(file)) : "";
	f->line = line;
	r->stacks[r->nstacks - 1].n++;
}

/* ---- patterns ---- */

/* Matches all of pattern at the start of text; at its end too when the pattern says so. */
static bool match_here(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;
	for (;;) {
		if (*pattern == '*') {
			star = ++pattern;
			retry = text;
		} else if (!*pattern || (*pattern == '$' && !pattern[1] && !*text)) {
			return true;
		} else if (*text && *pattern == *text) {
			pattern++;
			text++;
		} else if (star && *retry) {
			pattern = star;
			text = ++retry;
		} else {
			return false;
		}
	}
}

bool report_match(const char *pattern, const char *text)
{
	if (*pattern == '^')
		return match_here(pattern + 1, text);
	do
		if (match_here(pattern, text))
			return true;
	while (*text++);
	return false;
}

/* ---- suppressions ---- */

static const struct {
	const char *word;
	enum suppression_kind kind;
	const char *only;
} kinds[] = {
	{"any:", SUPPRESS_ANY, NULL},
	{"top:", SUPPRESS_TOP, NULL},
	{"created:", SUPPRESS_CREATED, NULL},
	{"reason:", SUPPRESS_REASON, NULL},
	{"leak:", SUPPRESS_ANY, "leak"},
	{"race:", SUPPRESS_ANY, "race"},
	{"race_top:", SUPPRESS_TOP, "race"},
	{"called_from_lib:", SUPPRESS_ANY, "race"}, /* a call without a file is in a library */
	{"deadlock:", SUPPRESS_ANY, "deadlock"},
	{"mutex:", SUPPRESS_ANY, "mutex"},
	{"thread:", SUPPRESS_ANY, "thread"},
	{"signal:", SUPPRESS_ANY, "signal"},
};

/* NULL for a text without a known kind. */
static struct suppression *add_suppression(struct report *r, const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t word = strlen(kinds[i].word);
		if (len <= word || strncmp(text, kinds[i].word, word))
			continue;
		struct suppression *s = PUSH(r, suppressions, nsuppressions, cap_suppressions);
		if (!s)
			return NULL;
		s->kind = kinds[i].kind;
		s->only = kinds[i].only;
		s->text = keep(r, text, len);
		s->pattern = s->text + word;
		return s;
	}
	return NULL;
}

/* The line without blanks around it; *why is what follows a '#'. */
static size_t split_line(const char **line, size_t len, const char **why, size_t *nwhy)
{
	const char *p = *line, *end = p + len, *hash = p;
	while (hash < end && !(*hash == '#' && (hash == p || hash[-1] == ' ' || hash[-1] == '\t')))
		hash++;
	*why = hash < end ? hash + 1 : end;
	while (*why < end && (**why == ' ' || **why == '#'))
		++*why;
	while (end > *why && (unsigned char)end[-1] <= ' ')
		end--;
	*nwhy = (size_t)(end - *why);
	while (p < hash && (unsigned char)*p <= ' ')
		p++;
	while (hash > p && (unsigned char)hash[-1] <= ' ')
		hash--;
	*line = p;
	return (size_t)(hash - p);
}

/*
 * Why a line is there is said behind it, or by the comment above: a file of suppressions without
 * reasons is one that nobody dares to shorten.
 */
int report_suppressions(
	struct report *r, const char *text, size_t len, unsigned *number, const char **wrong)
{
	const char *end = text + len, *above = NULL, *why;
	size_t nabove = 0, nwhy;
	for (*number = 1; text < end; ++*number) {
		const char *line = text, *eol = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((eol ? eol : end) - text);
		text = eol ? eol + 1 : end;
		n = split_line(&line, n, &why, &nwhy);
		if (n == 0) {
			above = nwhy ? why : NULL;
			nabove = nwhy;
			continue;
		}
		struct suppression *s = memchr(line, '\0', n) ? NULL : add_suppression(r, line, n);
		*wrong = s ? "it does not say why: KIND:PATTERN  # why"
			   : "a line is KIND:PATTERN, of kind any, top, created, reason, leak, "
			     "race, "
			     "race_top, called_from_lib, deadlock, mutex, thread, signal";
		if (!s || (!nwhy && !above && !r->bare))
			return r->oom ? -ENOMEM : -EINVAL;
		s->why = nwhy ? keep(r, why, nwhy) : above ? keep(r, above, nabove) : NULL;
	}
	return 0;
}

static bool matches_stack(
	const struct report *r, const struct report_stack *s, const char *pattern, uint32_t calls)
{
	for (uint32_t i = 0; i < s->n && i < calls; i++) {
		const struct report_frame *f = &r->frames[s->first + i];
		if (report_match(pattern, f->func) ||
			(f->file[0] && report_match(pattern, f->file)))
			return true;
	}
	return false;
}

static bool hides(const struct report *r, const struct suppression *s, const struct finding *f)
{
	if (s->only && strncmp(f->rule, s->only, strlen(s->only)))
		return false;
	if (s->kind == SUPPRESS_REASON)
		return f->state[0] && report_match(s->pattern, f->state);
	for (uint32_t i = 0; i < f->n; i++) {
		const struct report_stack *at = &r->stacks[f->first + i];
		bool creator = at->role == REPORT_CREATED;
		if (s->kind == SUPPRESS_CREATED ? !creator : creator || at->role == REPORT_MORE)
			continue;
		if (matches_stack(r, at, s->pattern, s->kind == SUPPRESS_TOP ? 1 : UINT32_MAX))
			return true;
	}
	return false;
}

/* ---- judging ---- */

static uint64_t fingerprint(const struct report *r, const struct finding *f)
{
	uint64_t key = hash_text(1, f->rule);
	for (uint32_t i = 0; i < f->n; i++) {
		const struct report_stack *s = &r->stacks[f->first + i];
		uint64_t h = s->role + 2u;
		if (s->role == REPORT_MORE)
			continue;
		for (uint32_t k = 0; k < s->n && k < KEY_CALLS; k++)
			h = hash_text(h, r->frames[s->first + k].func);
		key += h;
	}
	return key;
}

static struct report_known *known_place(const struct report *r, uint64_t key)
{
	for (uint32_t i = 0; i < r->nbase; i++)
		if (r->base[i].key == key)
			return &r->base[i];
	return NULL;
}

void report_judge(struct report *r)
{
	for (; r->judged < r->n; r->judged++) {
		struct finding *f = &r->v[r->judged];
		f->key = fingerprint(r, f);
		const struct report_known *k = known_place(r, f->key);
		if (k && f->count <= k->count)
			f->status = FINDING_KNOWN;
		for (uint32_t i = 0; i < r->nsuppressions; i++) {
			struct suppression *s = &r->suppressions[i];
			if (!hides(r, s, f))
				continue;
			f->status = FINDING_SUPPRESSED;
			f->by = s;
			s->findings++;
			s->count += f->count;
			break;
		}
	}
}

bool report_failed(const struct report *r)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (r->v[i].fails && r->v[i].status == FINDING_NEW)
			return true;
	return false;
}

/* ---- baseline ---- */

static bool read_known(struct report *r, struct jr *j)
{
	char key[32], text[64] = "", rule[64] = "", at[512] = "";
	int64_t count = 1;
	if (!jr_open(j, '{'))
		return false;
	while (jr_key(j, key, sizeof key)) {
		if (!strcmp(key, "fingerprint"))
			jr_str(j, text, sizeof text);
		else if (!strcmp(key, "rule"))
			jr_str(j, rule, sizeof rule);
		else if (!strcmp(key, "at"))
			jr_str(j, at, sizeof at);
		else if (!strcmp(key, "count"))
			count = jr_int(j, 1);
		else
			jr_skip(j);
	}
	char *end;
	uint64_t value = strtoull(text, &end, 16);
	if (j->bad || strlen(text) != 16 || *end || count < 0)
		return false;
	struct report_known *k = PUSH(r, base, nbase, cap_base);
	if (k)
		*k = (struct report_known){value, (uint64_t)count, keep(r, rule, strlen(rule)),
			keep(r, at, strlen(at))};
	return k;
}

bool report_baseline(struct report *r, const char *text, size_t len)
{
	struct jr j;
	char key[32], schema[64] = "";
	bool all = true;
	jr_init(&j, text, len);
	if (!jr_open(&j, '{'))
		return false;
	while (all && jr_key(&j, key, sizeof key)) {
		if (!strcmp(key, "schema"))
			jr_str(&j, schema, sizeof schema);
		else if (strcmp(key, "findings"))
			jr_skip(&j);
		else if (jr_open(&j, '['))
			while (all && jr_element(&j))
				all = read_known(r, &j);
	}
	return all && !j.bad && !strcmp(schema, "gort.baseline/1");
}

/* Adds what is new to what was known: runs of several programs may share one file. */
static void learn(struct report *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		const struct finding *f = &r->v[i];
		struct report_known *k = known_place(r, f->key);
		if (f->status == FINDING_SUPPRESSED)
			continue;
		if (!k && (k = PUSH(r, base, nbase, cap_base)))
			*k = (struct report_known){f->key, 0, f->rule, report_place(r, f)->func};
		if (k && f->count > k->count)
			k->count = f->count;
	}
}

/* ---- files and options ---- */

/* A file as text, to be freed; NULL with errno. */
static char *read_file(const char *path, size_t *len)
{
	struct stat st;
	char *text = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	*len = 0;
	if (fd < 0 || fstat(fd, &st))
		goto out;
	errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
	if (!S_ISREG(st.st_mode) || st.st_size > MAX_FILE)
		goto out;
	text = malloc((size_t)st.st_size + 1);
	for (ssize_t n = 1; text && n > 0 && *len < (size_t)st.st_size; *len += (size_t)n)
		if ((n = read(fd, text + *len, (size_t)st.st_size - *len)) < 0)
			n = 0;
out:
	if (fd >= 0)
		close(fd);
	return text;
}

static int read_suppressions(struct report *r, const char *path, struct gsnap_err *err)
{
	size_t len;
	unsigned line = 0;
	const char *wrong = "";
	char *text = read_file(path, &len);
	if (!text) {
		err_what(err, CLI_USAGE, "cannot read %s: %s", path, strerror(errno));
		return -EINVAL;
	}
	int rc = report_suppressions(r, text, len, &line, &wrong);
	free(text);
	if (rc) {
		err_what(err, CLI_USAGE, "%s:%u: no suppression", path, line);
		err_why(err, "%s", wrong);
		err_see(err, "gort help suppressions");
	}
	return rc;
}

int report_foreign(struct report *r, const char *path, struct gsnap_err *err)
{
	r->bare = true;
	int rc = read_suppressions(r, path, err);
	r->bare = false;
	return rc;
}

unsigned report_brought(struct report *r, const char *text, size_t len, const char **wrong)
{
	unsigned line;
	r->bare = true;
	int rc = report_suppressions(r, text, len, &line, wrong);
	r->bare = false;
	return rc ? line : 0;
}

/* A baseline that is yet to be written need not be there. */
static int read_baseline(struct report *r, const struct opts *o, struct gsnap_err *err)
{
	size_t len;
	char *text = read_file(o->baseline, &len);
	if (!text && o->update_baseline && errno == ENOENT)
		return 0;
	bool good = text && report_baseline(r, text, len);
	if (!text)
		err_what(err, CLI_USAGE, "cannot read %s: %s", o->baseline, strerror(errno));
	else if (!good)
		err_what(err, CLI_USAGE, "%s is no baseline of gort", o->baseline);
	if (!good)
		err_try(err, "--baseline FILE --update-baseline      (writes one)");
	free(text);
	return good ? 0 : -EINVAL;
}

/* A pattern of the command line without a kind is of any call. */
static bool add_ignored(struct report *r, const char *text)
{
	char with[1024];
	if (add_suppression(r, text, strlen(text)))
		return true;
	int n = snprintf(with, sizeof with, "any:%s", text);
	return (size_t)n < sizeof with && add_suppression(r, with, (size_t)n);
}

int report_open(struct report *r, const struct opts *o, const char *tool, struct gsnap_err *err)
{
	*r = (struct report){.tool = tool};
	int rc = 0;
	if (o->update_baseline && !o->baseline) {
		err_what(err, CLI_USAGE, "--update-baseline needs --baseline FILE");
		rc = -EINVAL;
	}
	for (size_t i = 0; !rc && i < o->nignores; i++) {
		if (add_ignored(r, o->ignores[i]))
			continue;
		err_what(err, CLI_USAGE, "--ignore: the pattern is too long");
		rc = -EINVAL;
	}
	if (!rc && o->suppressions)
		rc = read_suppressions(r, o->suppressions, err);
	if (!rc && o->baseline)
		rc = read_baseline(r, o, err);
	if (rc)
		report_close(r);
	return rc;
}

void report_close(struct report *r)
{
	free(r->v);
	free(r->stacks);
	free(r->frames);
	free(r->suppressions);
	free(r->base);
	gsnap_free(&r->strings);
	*r = (struct report){0};
}

/*
 * The tests of several packages may end at the same time: the folder is locked while the file is
 * read again and replaced.
 */
static int update_baseline(struct report *r, const struct opts *o, struct gsnap_err *err)
{
	const char *slash = strrchr(o->baseline, '/');
	char *dir = slash ? strndup(o->baseline, (size_t)(slash - o->baseline) + 1) : strdup(".");
	int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	free(dir);
	if (fd >= 0)
		flock(fd, LOCK_EX);
	r->nbase = 0;
	int rc = read_baseline(r, o, err);
	if (!rc) {
		learn(r);
		rc = report_write_baseline(r, o->baseline, err);
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

static void tell_suppressed(const struct report *r, const struct opts *o, bool unused)
{
	for (uint32_t i = 0; i < r->nsuppressions; i++) {
		const struct suppression *s = &r->suppressions[i];
		if (s->findings)
			note(o, "suppressed by %s: %" PRIu64 " at %" PRIu64 " place%s%s%s", s->text,
				s->count, s->findings, s->findings == 1 ? "" : "s",
				s->why ? ": " : "", s->why ? s->why : "");
		else if (unused)
			note(o, "nothing was suppressed by %s", s->text);
	}
}

int report_write(struct report *r, const struct opts *o, bool unused)
{
	struct gsnap_err err = {0};
	int rc = 0;
	tell_suppressed(r, o, unused);
	if (r->oom) {
		err_what(&err, CLI_FAIL, "not enough memory for the report");
		return err_print(&err);
	}
	if (o->sarif)
		rc = report_write_sarif(r, o->sarif, &err);
	if (!rc && o->junit)
		rc = report_write_junit(r, o->junit, &err);
	if (!rc && o->github)
		rc = report_write_github(r, &err);
	if (!rc && o->update_baseline)
		rc = update_baseline(r, o, &err);
	return rc ? err_print(&err) : 0;
}
