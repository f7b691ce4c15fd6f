/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gort/error.h - errors as values, for C and C++ (Go's error and its package errors). An error is a
 * pointer that is compared with others by ==; NULL is no error. Errors are never changed and never
 * freed by hand. go.h has the short words: error, errorf, error_wrap, error_is, error_as ...
 *
 *	GORT_SENTINEL(err_not_found, "not found");            Go's var ErrNotFound = errors.New(...)
 *
 *	struct path_error { struct gort_errorobj base; const char *path; };
 *	static const char *path_text(gort_error e) { return ((const struct path_error *)e)->path; }
 *	GORT_ERROR_TYPE(path_error, .text = path_text);
 *
 *	error err = error_make(struct path_error, path_error, .path = "/etc");
 *	err = error_wrap(err, "open %d", 1);
 *	const struct path_error *pe = error_as(err, struct path_error, path_error);
 *
 * Differences from Go. An error is one pointer, not an interface of two words: a typed pointer that
 * is NULL is the error NULL, so Go's trap of an error that is nil and yet unequal to nil does not
 * exist. Two errors are equal when they are the same object; one that Go compares by value, such as
 * a structure, gets that from the is of its type. error_wrap of NULL is NULL.
 *
 * Nothing here blocks, and all of it may be called by any thread.
 */
#ifndef GORT_ERROR_H
#define GORT_ERROR_H

#include "gort/gort.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What errors of one type can do. All but name and text may be NULL. */
struct gort_errortype {
	const char *name; /* as Go's %T shows it: "*fs.PathError" */
	/* The text, valid as long as the error. Go's Error. */
	const char *(*text)(gort_error err);
	/* What err wraps, NULL for nothing. Go's Unwrap() error. */
	gort_error (*unwrap)(gort_error err);
	/* The same for one that wraps several: their number, and *errs. Go's Unwrap() []error. */
	gort_isize (*unwrapall)(gort_error err, const gort_error **errs);
	/* Whether err counts as target, though it is another object. Go's Is. */
	bool (*is)(gort_error err, gort_error target);
	/* What err is when it is asked for as a t, NULL when it is none. Go's As. */
	const void *(*as)(gort_error err, const struct gort_errortype *t);
};

/* What each error begins with. */
struct gort_errorobj {
	const struct gort_errortype *type;
};

/*
 * Defines the type gort_errortype_NAME. It may be defined in several files, as in a header: all are
 * one type.
 */
#define GORT_ERROR_TYPE(NAME, ...)                                                                \
	__attribute__((weak,                                                                      \
		visibility("default"))) extern const struct gort_errortype gort_errortype_##NAME; \
	const struct gort_errortype gort_errortype_##NAME = {.name = #NAME, __VA_ARGS__}

/* An error that is a text and nothing else. Go's *errors.errorString. */
struct gort_texterror {
	struct gort_errorobj base;
	const char *text;
};
GORT_API extern const struct gort_errortype gort_errortype_text;

/* Errors of the runtime that a panic had: index out of range, nil pointer. Go's runtime.Error. */
GORT_API extern const struct gort_errortype gort_errortype_runtime_error;

/* A global error of its own, equal to no other; `extern const gort_error NAME;` declares it. */
#define GORT_SENTINEL(NAME, lit)                                    \
	static const struct gort_texterror gort_sentinel_##NAME = { \
		{&gort_errortype_text}, "" lit};                    \
	const gort_error NAME = &gort_sentinel_##NAME.base

/* A new error, equal to no other, with a copy of text. Go's errors.New. */
GORT_API gort_error gort_error_new(const char *text);
/* The same with text formatted as by printf. Go's fmt.Errorf without %w. */
GORT_API gort_error gort_errorf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * An error that wraps err and says "<text>: <text of err>"; NULL when err is NULL. The text of err
 * is asked for when that of the new one is, once. Go's fmt.Errorf("...: %w", err).
 */
GORT_API gort_error gort_error_wrap(gort_error err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The same with a text that is kept, not copied: a literal. */
GORT_API gort_error gort_error_wraptext(gort_error err, const char *text);

/* An error that wraps the n errs but those that are NULL; NULL when all are. Go's errors.Join. */
GORT_API gort_error gort_error_join(const gort_error *errs, gort_isize n);

/* What err wraps; NULL when nothing, or several. Go's errors.Unwrap. */
GORT_API gort_error gort_error_unwrap(gort_error err);

/* Whether err, or what it wraps at any depth, is target. Go's errors.Is. */
GORT_API bool gort_error_is(gort_error err, gort_error target);

/*
 * The first of type t among err and what it wraps, in Go's order: itself first, then what is
 * wrapped, from the left; NULL when there is none. Go's errors.As.
 */
GORT_API const void *gort_error_as(gort_error err, const struct gort_errortype *t);

/* The text, valid as long as the error; "<nil>" for NULL. Go's Error method. */
GORT_API const char *gort_error_text(gort_error err);

#ifdef __cplusplus
}
#endif

#endif
