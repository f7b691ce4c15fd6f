/* SPDX-License-Identifier: BSD-2-Clause */
#include "histtext.h"

#include "human.h"

#define BAR_WIDTH 40
#define POWERS    (GSNAP_HIST_BUCKETS / GSNAP_HIST_SUB)

void print_bar(struct out *out, int64_t from, int64_t to, uint64_t count, uint64_t most)
{
	int fill = most ? (int)((count * BAR_WIDTH + most - 1) / most) : 0;
	out_printf(out, "%8s - %8s  %10s%s%.*s\n", human_time(from).s, human_time(to).s,
		human_count((int64_t)count).s, fill ? "  " : "", fill,
		"||||||||||||||||||||||||||||||||||||||||");
}

void print_quantiles(struct out *out, const struct gsnap_hist *h)
{
	out_printf(out, "p50 %s  p90 %s  p99 %s  max %s", human_time(gsnap_hist_quantile(h, 0.5)).s,
		human_time(gsnap_hist_quantile(h, 0.9)).s,
		human_time(gsnap_hist_quantile(h, 0.99)).s,
		human_time(gsnap_hist_quantile(h, 1)).s);
}

static uint64_t power(const struct gsnap_hist *h, unsigned i)
{
	uint64_t n = 0;
	for (unsigned k = 0; k < GSNAP_HIST_SUB; k++)
		n += h->counts[i * GSNAP_HIST_SUB + k];
	return n;
}

void print_hist(struct out *out, const char *title, const struct gsnap_hist *h)
{
	unsigned first = 0, last = POWERS - 1;
	uint64_t most = 0;
	while (first < POWERS && !power(h, first))
		first++;
	while (last > first && !power(h, last))
		last--;
	for (unsigned i = first; i <= last && i < POWERS; i++)
		most = most < power(h, i) ? power(h, i) : most;
	if (most == 0)
		return;
	out_printf(out, "\n%19s  %10s\n", title, "count");
	for (unsigned i = first; i <= last; i++)
		print_bar(out, (int64_t)gsnap_hist_from(i * GSNAP_HIST_SUB),
			(int64_t)gsnap_hist_from((i + 1) * GSNAP_HIST_SUB), power(h, i), most);
}

void json_hist(struct json *j, const char *key, const struct gsnap_hist *h)
{
	if (!h->known) {
		jw_str(j, key, NULL);
		return;
	}
	jw_object(j, key);
	jw_uint(j, "count", gsnap_hist_total(h));
	jw_int(j, "p50_ns", gsnap_hist_quantile(h, 0.5));
	jw_int(j, "p90_ns", gsnap_hist_quantile(h, 0.9));
	jw_int(j, "p99_ns", gsnap_hist_quantile(h, 0.99));
	jw_int(j, "max_ns", gsnap_hist_quantile(h, 1));
	jw_array(j, "buckets");
	for (unsigned i = 0; i < GSNAP_HIST_BUCKETS; i++) {
		if (!h->counts[i])
			continue;
		jw_array(j, NULL);
		jw_uint(j, NULL, gsnap_hist_from(i));
		jw_uint(j, NULL, h->counts[i]);
		jw_close_array(j);
	}
	jw_close_array(j);
	jw_close_object(j);
}
