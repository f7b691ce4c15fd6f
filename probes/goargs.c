/* SPDX-License-Identifier: BSD-2-Clause */
#include "goargs.h"

#include <string.h>

enum { PCDATA_ARGLIVE = 3, FUNCDATA_ARGINFO = 5, FUNCDATA_ARGLIVE = 6 };

/* The description is a string of bytes: an offset and a size for each word, and these. */
enum { END = 0xff, OPEN = 0xfe, CLOSE = 0xfd, DOTS = 0xfc, TOO_FAR = 0xfb };

/* Which of the words in the spill area of register arguments hold what was passed. */
struct liveness {
	const uint8_t *bits; /* NULL: all of them do */
	size_t len;
	unsigned from; /* words below this offset are no spilled registers */
	unsigned slot; /* number of the next spilled word */
};

static struct liveness liveness_at(const struct gotarget *g, const struct gofunc *f, uint32_t off)
{
	size_t avail;
	const uint8_t *info = gofuncdata(g, f, FUNCDATA_ARGLIVE, &avail);
	uint32_t table = pclntab_pcdata(&g->tab, f, PCDATA_ARGLIVE);
	int32_t i = info ? pclntab_value(&g->tab, f, table, off) : 0;
	struct liveness l = {.from = info && avail ? info[0] : END};
	if (i > 0 && (size_t)i < avail) {
		l.bits = info + i;
		l.len = avail - (size_t)i;
	}
	return l;
}

static bool stale(struct liveness *l, unsigned off)
{
	if (off < l->from)
		return false;
	unsigned i = l->slot++;
	return l->bits && i / 8 < l->len && !(l->bits[i / 8] >> i % 8 & 1);
}

struct text {
	char *p, *end;
	bool first; /* of its list: no comma before it */
};

static void add(struct text *t, const char *s)
{
	size_t len = strlen(s);
	if ((size_t)(t->end - t->p) > len)
		t->p = stpcpy(t->p, s);
}

static void add_item(struct text *t, const char *s)
{
	if (!t->first)
		add(t, ", ");
	add(t, s);
	t->first = false;
}

static bool add_word(
	struct text *t, struct liveness *l, struct goargs *args, unsigned off, unsigned size)
{
	static const char word[] = {GSNAP_WORD, '\0'}, dead[] = {GSNAP_WORD, '?', '\0'};
	if (args->n == GO_MAX_ARGS || size == 0 || size > 8)
		return false;
	args->at[args->n++] = (struct goarg){(uint8_t)off, (uint8_t)size};
	add_item(t, stale(l, off) ? dead : word);
	return true;
}

bool goargs_read(const struct gotarget *g, const struct gofunc *f, uint32_t off,
	struct goargs *args, char text[GO_ARGS_TEXT])
{
	size_t avail;
	const uint8_t *p = gofuncdata(g, f, FUNCDATA_ARGINFO, &avail), *end = p ? p + avail : NULL;
	struct liveness l = liveness_at(g, f, off);
	struct text t = {text, text + GO_ARGS_TEXT, true};
	*args = (struct goargs){0};
	text[0] = '\0';
	while (p && p < end && *p != END) {
		unsigned op = *p++;
		if (op == OPEN) {
			add_item(&t, "{");
			t.first = true;
		} else if (op == CLOSE) {
			add(&t, "}");
			t.first = false;
		} else if (op == DOTS) {
			add_item(&t, "...");
		} else if (op == TOO_FAR) {
			add_item(&t, "_");
		} else if (p == end || !add_word(&t, &l, args, op, *p++)) {
			return false;
		}
		if (t.end - t.p < 8)
			return false;
	}
	return g->md.gofunc && (!p || p < end);
}

void goargs_words(const struct goargs *args, const uint8_t *mem, size_t len, uint64_t *out)
{
	for (uint32_t i = 0; i < args->n; i++) {
		const struct goarg *a = &args->at[i];
		out[i] = 0;
		if (a->off <= len && a->size <= len - a->off)
			memcpy(&out[i], mem + a->off, a->size);
	}
}
