/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iface.c - interfaces at run time: which tables there are, comparison, failed assertions (Go's
 * iface.go, alg.go, error.go).
 *
 * Tables are made by the compiler and never go away. Those of one hash value are a list, to which
 * constructors, also of libraries that are loaded later, add at the front; readers take no lock.
 * The release of the head pairs with the reader's acquire.
 *
 * Rejected: a cache of failed look-ups, as Go's itabTable has. It would have to be emptied at each
 * dlopen, and a failure here costs the walk of one short list.
 */
#include "gort/iface.h"

#include <stdio.h>
#include <string.h>

#include "base/atomic.h"
#include "base/throw.h"
#include "gort/error.h"
#include "gort/map.h"
#include "mem/malloc.h"

/* ---- method tables ---- */

#define NBUCKET 256u

static _Atomic(struct gort_itabnode *) itabs[NBUCKET];

static _Atomic(struct gort_itabnode *) *bucket(
	const struct gort_itf *itf, const struct gort_itype *t)
{
	uintptr_t h = ((uintptr_t)itf >> 4) * 31 + ((uintptr_t)t >> 4);
	return &itabs[(h * UINT64_C(0x9e3779b97f4a7c15)) >> 56];
}

const struct gort_itab gort_itab_nil = {NULL, NULL};

void gort_itab_add(struct gort_itabnode *node)
{
	_Atomic(struct gort_itabnode *) *b = bucket(node->tab->itf, node->tab->type);
	node->next = load_rlx(b);
	while (!cas_acqrel(b, &node->next, node))
		;
}

const struct gort_itab *gort_itab_find(const struct gort_itf *itf, const struct gort_itype *t)
{
	for (const struct gort_itabnode *n = t ? load_acq(bucket(itf, t)) : NULL; n; n = n->next)
		if (n->tab->itf == itf && n->tab->type == t)
			return n->tab;
	return NULL;
}

/* The name that comes first in the alphabet, of "R (*name)(T *, ...); ...": where Go begins. */
static void firstmethod(const char *methods, char *name, size_t size)
{
	name[0] = '\0';
	for (const char *at = methods; (at = strstr(at, "(*"));) {
		at += 2;
		size_t n = strcspn(at, ")");
		int order = strncmp(at, name, n);
		if (n < size && (!name[0] || order < 0))
			snprintf(name, size, "%.*s", (int)n, at);
		at = strchr(at, ';');
		if (!at)
			return;
	}
}

const struct gort_itab *gort_itab_assert(const struct gort_itf *itf, const struct gort_itype *t)
{
	const struct gort_itab *tab = gort_itab_find(itf, t);
	char missing[64];
	if (tab)
		return tab;
	if (!t)
		gopanic_text("interface conversion: interface is nil, not %s", itf->name);
	firstmethod(itf->methods, missing, sizeof(missing));
	gopanic_text("interface conversion: %s is not %s: missing method %s", t->name, itf->name,
		missing);
}

void gort_panicassert(const char *itf, const struct gort_itype *have, const struct gort_itype *want)
{
	gopanic_text("interface conversion: %s is %s, not %s", itf ? itf : "interface",
		have ? have->name : "nil", want->name);
}

/* ---- values ---- */

gort_any gort_any_make(const struct gort_itype *t, const void *p)
{
	gort_any a = {t, (void *)(uintptr_t)p};
	if (t->size) {
		a.data = t->pointers ? mallocgc(t->size) : mallocgc_noscan(t->size);
		memcpy(a.data, p, t->size);
	}
	return a;
}

bool gort_any_equal(gort_any a, gort_any b)
{
	if (a.type != b.type)
		return false;
	if (!a.type || !a.type->size)
		return a.data == b.data;
	if (!a.type->equal)
		gopanic_text("runtime error: comparing uncomparable type %s", a.type->name);
	return a.type->equal(a.data, b.data);
}

uint64_t gort_any_hash(gort_any a, uint64_t seed)
{
	if (!a.type || !a.type->size)
		return gort_hash64((uintptr_t)a.data, seed);
	if (!a.type->hash)
		gopanic_text("runtime error: hash of unhashable type %s", a.type->name);
	return a.type->hash(a.data, seed);
}

void gort_vet_typednil(const char *file, int line, const struct gort_itype *type)
{
	fprintf(stderr,
		"gort-vet: %s:%d: this interface is not nil: it holds a nil %s. Make it nil where "
		"the pointer is\n",
		file, line, type->name);
}

/* ---- the basic types ---- */

#define WORD_TYPE(name, T, kind, text)                               \
	static bool equal_##name(const void *a, const void *b)       \
	{                                                            \
		return *(const T *)a == *(const T *)b;               \
	}                                                            \
	static uint64_t hash_##name(const void *a, uint64_t seed)    \
	{                                                            \
		return gort_hash64((uint64_t) * (const T *)a, seed); \
	}                                                            \
	const struct gort_itype gort_itype_##name = {                \
		text, sizeof(T), kind, false, equal_##name, hash_##name}

WORD_TYPE(bool, bool, GORT_ARG_BOOL, "bool");
WORD_TYPE(int, int, GORT_ARG_INT, "int");
WORD_TYPE(unsigned, unsigned, GORT_ARG_UINT, "unsigned");
WORD_TYPE(long, long, GORT_ARG_INT, "long");
WORD_TYPE(ulong, unsigned long, GORT_ARG_UINT, "unsigned long");

static bool equal_double(const void *a, const void *b)
{
	return *(const double *)a == *(const double *)b;
}

static uint64_t hash_double(const void *a, uint64_t seed)
{
	return gort_hashdouble(*(const double *)a, seed);
}

const struct gort_itype gort_itype_double = {
	"double", sizeof(double), GORT_ARG_DOUBLE, false, equal_double, hash_double};

static bool equal_string(const void *a, const void *b)
{
	return gort_samestring(*(const gort_string *)a, *(const gort_string *)b);
}

static uint64_t hash_string(const void *a, uint64_t seed)
{
	return gort_hashstring(*(const gort_string *)a, seed);
}

const struct gort_itype gort_itype_string = {
	"string", sizeof(gort_string), GORT_ARG_STRING, true, equal_string, hash_string};

static bool equal_pointer(const void *a, const void *b)
{
	return *(void *const *)a == *(void *const *)b;
}

static uint64_t hash_pointer(const void *a, uint64_t seed)
{
	return gort_hash64((uintptr_t) * (void *const *)a, seed);
}

const struct gort_itype gort_itype_cstring = {
	"char *", sizeof(char *), GORT_ARG_CSTRING, true, equal_pointer, hash_pointer};
const struct gort_itype gort_itype_error = {
	"error", sizeof(gort_error), GORT_ARG_ERROR, true, equal_pointer, hash_pointer};
