/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error.c - errors as values (Go's errors and fmt/errors.go).
 *
 * Invariant: an error is never changed once it is returned, but for the text of those that wrap:
 * it is made when first asked for, and whoever is first stores it, so that all see one address.
 *
 * Rejected: making that text at once, as Go's Errorf does. Most errors that are wrapped on the way
 * up are compared or dropped, and never shown.
 */
#include "lang/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gort/gc.h"
#include "mem/malloc.h"

/* ---- a text ---- */

static const char *texttext(gort_error err)
{
	return ((const struct gort_texterror *)err)->text;
}

const struct gort_errortype gort_errortype_text = {.name = "*errors.errorString", .text = texttext};
const struct gort_errortype gort_errortype_runtime_error = {
	.name = "runtime.Error", .text = texttext};

static gort_error settype(struct gort_texterror *err, const struct gort_errortype *type)
{
	err->base.type = type;
	err->text = (const char *)(err + 1);
	return &err->base;
}

gort_error errortext(const struct gort_errortype *type, const char *text)
{
	size_t n = strlen(text) + 1;
	struct gort_texterror *err = mallocgc(sizeof(*err) + n);
	memcpy(err + 1, text, n);
	return settype(err, type);
}

gort_error gort_error_new(const char *text)
{
	return errortext(&gort_errortype_text, text);
}

/* An object of head bytes with the formatted text behind it. */
static __attribute__((format(printf, 2, 0))) void *formatbehind(
	size_t head, const char *fmt, va_list ap)
{
	char buf[256];
	va_list again;
	va_copy(again, ap);
	int len = vsnprintf(buf, sizeof(buf), fmt, ap);
	size_t n = len < 0 ? 1 : (size_t)len + 1;
	char *object = mallocgc(head + n);
	if (n <= sizeof(buf))
		memcpy(object + head, len < 0 ? "" : buf, n);
	else
		vsnprintf(object + head, n, fmt, again);
	va_end(again);
	return object;
}

gort_error errorformat(const struct gort_errortype *type, const char *fmt, va_list ap)
{
	return settype(formatbehind(sizeof(struct gort_texterror), fmt, ap), type);
}

gort_error gort_errorf(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	gort_error err = errorformat(&gort_errortype_text, fmt, ap);
	va_end(ap);
	return err;
}

const char *gort_error_text(gort_error err)
{
	return err ? err->type->text(err) : "<nil>";
}

/* ---- wrapping ---- */

struct wraperror {
	struct gort_errorobj base;
	const char *msg;
	gort_error inner;
	void *volatile text; /* NULL until asked for */
};

/* The one text that all see from now on: made, or what another thread has made meanwhile. */
static const char *settext(void *volatile *slot, char *made)
{
	return gort_cas_racy(slot, NULL, made) ? made : __atomic_load_n(slot, __ATOMIC_ACQUIRE);
}

static const char *wraptext(gort_error err)
{
	struct wraperror *w = (struct wraperror *)(uintptr_t)err;
	const char *text = __atomic_load_n(&w->text, __ATOMIC_ACQUIRE);
	if (text)
		return text;
	const char *inner = gort_error_text(w->inner);
	size_t n = strlen(w->msg), k = strlen(inner);
	char *made = mallocgc_noscan(n + k + 3);
	memcpy(made, w->msg, n);
	memcpy(made + n, ": ", 2);
	memcpy(made + n + 2, inner, k + 1);
	return settext(&w->text, made);
}

static gort_error wrapunwrap(gort_error err)
{
	return ((const struct wraperror *)err)->inner;
}

static const struct gort_errortype wraptype = {
	.name = "*fmt.wrapError", .text = wraptext, .unwrap = wrapunwrap};

gort_error gort_error_wraptext(gort_error err, const char *text)
{
	if (!err)
		return NULL;
	struct wraperror *w = mallocgc(sizeof(*w));
	w->base.type = &wraptype;
	w->msg = text;
	w->inner = err;
	return &w->base;
}

gort_error gort_error_wrap(gort_error err, const char *fmt, ...)
{
	va_list ap;
	if (!err)
		return NULL;
	va_start(ap, fmt);
	struct wraperror *w = formatbehind(sizeof(*w), fmt, ap);
	va_end(ap);
	*w = (struct wraperror){{&wraptype}, (const char *)(w + 1), err, NULL};
	return &w->base;
}

/* ---- joining ---- */

struct joinerror {
	struct gort_errorobj base;
	void *volatile text;
	gort_isize n;
	gort_error errs[];
};

static const char *jointext(gort_error err)
{
	struct joinerror *j = (struct joinerror *)(uintptr_t)err;
	const char *text = __atomic_load_n(&j->text, __ATOMIC_ACQUIRE);
	size_t len = 0;
	if (text)
		return text;
	for (gort_isize i = 0; i < j->n; i++)
		len += strlen(gort_error_text(j->errs[i])) + 1;
	char *made = mallocgc_noscan(len), *at = made;
	for (gort_isize i = 0; i < j->n; i++) {
		const char *part = gort_error_text(j->errs[i]);
		at = stpncpy(at, part, (size_t)(made + len - at));
		*at++ = i + 1 < j->n ? '\n' : '\0';
	}
	return settext(&j->text, made);
}

static gort_isize joinall(gort_error err, const gort_error **errs)
{
	const struct joinerror *j = (const struct joinerror *)err;
	*errs = j->errs;
	return j->n;
}

static const struct gort_errortype jointype = {
	.name = "*errors.joinError", .text = jointext, .unwrapall = joinall};

gort_error gort_error_join(const gort_error *errs, gort_isize n)
{
	gort_isize some = 0;
	for (gort_isize i = 0; i < n; i++)
		some += errs[i] != NULL;
	if (!some)
		return NULL;
	struct joinerror *j = mallocgc(sizeof(*j) + (size_t)some * sizeof(*errs));
	j->base.type = &jointype;
	for (gort_isize i = 0; i < n; i++)
		if (errs[i])
			j->errs[j->n++] = errs[i];
	return &j->base;
}

/* ---- looking into them ---- */

/* What err wraps, if that is at most one. The most frequent type without a call. */
static inline gort_error inner(gort_error err)
{
	if (err->type == &wraptype)
		return ((const struct wraperror *)err)->inner;
	return err->type->unwrap ? err->type->unwrap(err) : NULL;
}

gort_error gort_error_unwrap(gort_error err)
{
	return err ? inner(err) : NULL;
}

static bool isany(gort_error err, gort_error target)
{
	const gort_error *errs;
	gort_isize n = err->type->unwrapall(err, &errs);
	for (gort_isize i = 0; i < n; i++)
		if (errs[i] && gort_error_is(errs[i], target))
			return true;
	return false;
}

bool gort_error_is(gort_error err, gort_error target)
{
	if (!target)
		return !err;
	for (; err && err != target; err = inner(err)) {
		const struct gort_errortype *t = err->type;
		if (t == &wraptype)
			continue;
		if (t->is && t->is(err, target))
			return true;
		if (t->unwrapall && !t->unwrap)
			return isany(err, target);
	}
	return err != NULL;
}

static const void *asany(gort_error err, const struct gort_errortype *t)
{
	const gort_error *errs;
	const void *found = NULL;
	gort_isize n = err->type->unwrapall(err, &errs);
	for (gort_isize i = 0; i < n && !found; i++)
		found = gort_error_as(errs[i], t);
	return found;
}

const void *gort_error_as(gort_error err, const struct gort_errortype *t)
{
	for (; err; err = inner(err)) {
		if (err->type == t)
			return err;
		const void *found = err->type->as ? err->type->as(err, t) : NULL;
		if (found)
			return found;
		if (err->type->unwrapall && !err->type->unwrap)
			return asany(err, t);
	}
	return NULL;
}
