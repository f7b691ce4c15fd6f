/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proflabel.c - labels of goroutines (Go's proflabel.go and runtime/pprof/label.go).
 *
 * A set of labels is one block that never changes: setting a label makes another. So a child shares
 * its parent's for the price of a pointer, and a dump reads a set without a lock. Blocks come from
 * mallocgc; g.labels is what keeps them alive.
 */
#include "sched/proflabel.h"

#include <string.h>

#include "mem/malloc.h"
#include "sched/proc.h"

/* One pair, key first, and what follows it. */
static const char *nextpair(const char *pair)
{
	const char *value = pair + strlen(pair) + 1;
	return value + strlen(value) + 1;
}

static char *addtext(char *to, const char *text, size_t len)
{
	memcpy(to, text, len);
	return to + len;
}

static char *addpair(struct labels *l, char *to, const char *key, const char *value)
{
	l->n++;
	to = addtext(to, key, strlen(key) + 1);
	return addtext(to, value, strlen(value) + 1);
}

/* from's labels, with key bound to value or, if that is NULL, without key. */
static const struct labels *with(const struct labels *from, const char *key, const char *value)
{
	uint32_t n = from ? from->n : 0;
	const char *pair = from ? from->text : NULL;
	size_t room = (from ? from->size : 0) + (value ? strlen(key) + strlen(value) + 2 : 0);
	struct labels *l = mallocgc(sizeof(*l) + room);
	char *to = l->text;
	l->n = 0;
	for (; n > 0 && strcmp(pair, key) < 0; n--, pair = nextpair(pair))
		to = addpair(l, to, pair, pair + strlen(pair) + 1);
	if (value)
		to = addpair(l, to, key, value);
	if (n > 0 && strcmp(pair, key) == 0) {
		n--;
		pair = nextpair(pair);
	}
	for (; n > 0; n--, pair = nextpair(pair))
		to = addpair(l, to, pair, pair + strlen(pair) + 1);
	l->size = (uint32_t)(to - l->text);
	return l->n ? l : NULL;
}

void gort_set_label(const char *key, const char *value)
{
	struct g *gp = getgchecked("gort_set_label");
	const struct labels *l = with(gp->labels, key, value);
	store_rel(&gp->labels, l); /* pairs with readers' acquire: they see the set's content */
}

const char *gort_label(const char *key)
{
	const struct labels *l = getgchecked("gort_label")->labels;
	const char *pair = l ? l->text : NULL;
	for (uint32_t i = 0; l && i < l->n; i++, pair = nextpair(pair))
		if (strcmp(pair, key) == 0)
			return pair + strlen(pair) + 1;
	return NULL;
}
