/* SPDX-License-Identifier: BSD-2-Clause */
/* histtext.h - a histogram of durations as text and as JSON. */
#ifndef GORT_CLI_HISTTEXT_H
#define GORT_CLI_HISTTEXT_H

#include "json.h"
#include "out.h"

/* "p50 9us  p90 12us  p99 41us  max 63us": each is the end of the bucket that holds it. */
void print_quantiles(struct out *out, const struct gsnap_hist *h);
/* A row for each power of two between the least and the most; title heads the first column. */
void print_hist(struct out *out, const char *title, const struct gsnap_hist *h);
/* {"count":..,"p50_ns":..,...,"buckets":[[from_ns,count],...]}; null when not known. */
void json_hist(struct json *j, const char *key, const struct gsnap_hist *h);

/* One row of a bar chart: its range, the count, and a bar in proportion to the most. */
void print_bar(struct out *out, int64_t from, int64_t to, uint64_t count, uint64_t most);

#endif
