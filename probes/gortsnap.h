/* SPDX-License-Identifier: BSD-2-Clause */
/* gortsnap.h - snapshots of a program on libgort, as probe.c wants them. */
#ifndef GORT_PROBES_GORTSNAP_H
#define GORT_PROBES_GORTSNAP_H

#include "probes/probes.h"
#include "target.h"

struct gortsnap;
struct gortread;

/*
 * Recognises a program on libgort; t must outlive what is opened. 0 with *out to be closed;
 * -ENOENT, err untouched, when it is something else; any other error with err filled.
 */
int gortsnap_open(struct target *t, struct gortsnap **out, struct gsnap_err *err);
void gortsnap_close(struct gortsnap *s);

/*
 * Fills out, which gsnap_init has prepared: all that the table, the memory and the mapped files
 * tell; what: enum probe_what. 0, or a negative errno with err filled; -ESRCH, without: it ended.
 */
int gortsnap_read(struct gortsnap *s, unsigned what, struct gsnap *out, struct gsnap_err *err);

/* The same of what it has recorded of itself; as probe_profile. */
int gortsnap_profile(struct gortsnap *s, enum probe_profile_kind kind, unsigned what,
	struct gsnap *out, struct gsnap_err *err);

/* A view that fills out, which gsnap_init has prepared; NULL when out of memory. */
struct liveview *gortsnap_view(struct gortsnap *s, struct gsnap *out);
/* Brings v, whose view is of s, up to date. 0 or -errno, with err filled unless it says enough. */
int gortsnap_refresh(struct gortsnap *s, struct probe_view *v, struct gsnap_err *err);

/* As probe_waits. */
int gortsnap_waits(struct gortsnap *s, struct gsnap *out);

/* Appends the variables of a goroutine of l->s, which has its stack. */
struct locals;
void gortsnap_locals(struct gortsnap *s, struct locals *l, const struct gsnap_g *gp);
/* The files that it has mapped. */
struct modules *gortsnap_modules(struct gortsnap *s);

/* The reader, while s is open. */
const struct gortread *gortsnap_reader(const struct gortsnap *s);

/* "gort 0.1.0"; valid until the close. */
const char *gortsnap_version(const struct gortsnap *s);
/* Number of goroutines that exist, GSNAP_UNKNOWN when it cannot be read. */
int64_t gortsnap_count(struct gortsnap *s);
bool gortsnap_stripped(struct gortsnap *s);
bool gortsnap_pie(struct gortsnap *s);

#endif
