/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * topnotes.h - what `gort top` says of a group beyond its numbers: that its goroutines can never go
 * on, and who holds, or seems to hold, the lock that they wait for.
 */
#ifndef GORT_CLI_TOPNOTES_H
#define GORT_CLI_TOPNOTES_H

#include "livegroup.h"

/* What is looked for now and then, each at its own cost. */
enum topchore { CHORE_LOCKS, CHORE_LEAKS, NCHORES };

struct chore {
	int64_t last, cost; /* when it was done, or may first have been; ns of CPU, 0: not known */
	bool now;           /* asked for: at the next refresh, whatever it costs */
	bool off;           /* it cannot be had */
};

/* Of one goroutine. */
struct topnote {
	uint64_t goid, holder;        /* holder: goroutine with its lock, 0: it is leaked */
	uint32_t entry, holder_entry; /* of gsnap.gs, GSNAP_NONE: not in the view */
	uint8_t class;                /* enum probe_leak_class */
	bool sure;                    /* the holder is, it does not only seem so */
};

/* Of the goroutines of a group together. */
struct groupnote {
	uint32_t leaked, waiting; /* how many are leaked, wait for a lock that one seems to hold */
	uint8_t class;            /* of the least sure */
	const struct topnote *lock; /* of one of those */
	bool others;                /* they wait for more than one holder */
};

struct topdata;

struct topnotes {
	struct chore chore[NCHORES];
	struct probe_leaks look; /* the last one: the next one has to agree */
	bool wanted;             /* by gort top; gort serve refreshes its figures only */
	bool looked, proved;     /* there was one; there were two */
	char why[128];           /* leaks cannot be had */
	struct topnote *v[NCHORES];
	size_t n[NCHORES];
	struct groupnote *group; /* by number of the group */
	uint32_t ngroups;
};

/* From now on a refresh looks for them; for screens that are printed it begins at once. */
void topnotes_want(struct topnotes *notes, const struct opts *o);
/* After a refresh of the view and its groups. */
void topnotes_refresh(struct topnotes *notes, const struct topdata *d);
/* After the same has been grouped by something else. */
void topnotes_group(struct topnotes *notes, const struct topdata *d);
void topnotes_free(struct topnotes *notes);
/* Leaks are looked for at the next two refreshes, whatever it costs. */
void topnotes_ask(struct topnotes *notes);
/* After what time something of that cost is done again; known: it is not the first time. */
int64_t topnotes_interval(int64_t cost, bool known);
/* NULL when there is nothing to say. */
const struct groupnote *topnotes_of(
	const struct topnotes *notes, const struct topdata *d, const struct livegroup *g);
/* In words, "" for NULL. */
void topnotes_text(const struct groupnote *note, const struct topdata *d, const struct livegroup *g,
	char *buf, size_t size);

#endif
