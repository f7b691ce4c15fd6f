/* SPDX-License-Identifier: BSD-2-Clause */
/* human.c - counts, sizes, times and rates in few characters. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "gort/snap.h"
#include "human.h"

#define US INT64_C(1000)
#define MS (1000 * US)
#define S  (1000 * MS)

static struct human unknown(void)
{
	return (struct human){"-"};
}

struct human human_count(int64_t n)
{
	if (n == GSNAP_UNKNOWN)
		return unknown();
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%" PRId64, n < 0 ? -n : n);
	struct human h;
	char *p = h.s;
	if (n < 0)
		*p++ = '-';
	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			*p++ = ',';
		*p++ = digits[i];
	}
	*p = '\0';
	return h;
}

struct human human_bytes(int64_t bytes)
{
	if (bytes == GSNAP_UNKNOWN)
		return unknown();
	struct human h;
	double v = bytes;
	const char *unit = "BKMGTPE";
	while ((v >= 1024 || v <= -1024) && unit[1]) {
		v /= 1024;
		unit++;
	}
	bool whole = *unit == 'B' || v >= 10 || v <= -10;
	snprintf(h.s, sizeof h.s, "%.*f%c", whole ? 0 : 1, v, *unit);
	return h;
}

static void two_units(struct human *h, int64_t a, char ua, int64_t b, char ub)
{
	snprintf(h->s, sizeof h->s, "%" PRId64 "%c%02" PRId64 "%c", a, ua, b, ub);
}

static void decimal(struct human *h, int64_t ns, int64_t unit, const char *name)
{
	int64_t tenths = ns / (unit / 10);
	if (tenths < 100)
		snprintf(h->s, sizeof h->s, "%" PRId64 ".%" PRId64 "%s", tenths / 10, tenths % 10,
			name);
	else
		snprintf(h->s, sizeof h->s, "%" PRId64 "%s", ns / unit, name);
}

struct human human_time(int64_t ns)
{
	if (ns == GSNAP_UNKNOWN)
		return unknown();
	struct human h;
	int64_t s = ns / S;
	if (ns < US)
		snprintf(h.s, sizeof h.s, "%" PRId64 "ns", ns);
	else if (ns < MS)
		snprintf(h.s, sizeof h.s, "%" PRId64 "us", ns / US);
	else if (ns < S)
		decimal(&h, ns, MS, "ms");
	else if (s < 60)
		decimal(&h, ns, S, "s");
	else if (s < 3600)
		two_units(&h, s / 60, 'm', s % 60, 's');
	else if (s < 86400)
		two_units(&h, s / 3600, 'h', s / 60 % 60, 'm');
	else
		two_units(&h, s / 86400, 'd', s / 3600 % 24, 'h');
	return h;
}

static bool no_rate(int64_t delta, int64_t ns)
{
	return delta == GSNAP_UNKNOWN || ns == GSNAP_UNKNOWN || ns <= 0;
}

struct human human_rate(int64_t delta, int64_t ns)
{
	if (no_rate(delta, ns))
		return unknown();
	double rate = (double)delta * S / ns;
	struct human h;
	if (rate > -10 && rate < 10 && delta != 0)
		snprintf(h.s, sizeof h.s, "%.1f/s", rate);
	else
		snprintf(h.s, sizeof h.s, "%.0f/s", rate);
	return h;
}

struct human human_byte_rate(int64_t delta, int64_t ns)
{
	if (no_rate(delta, ns))
		return unknown();
	struct human h = human_bytes((int64_t)((double)delta * S / ns));
	strcat(h.s, "/s");
	return h;
}

struct human human_time_rate(int64_t delta_ns, int64_t ns)
{
	if (no_rate(delta_ns, ns))
		return unknown();
	struct human h = human_time((int64_t)((double)delta_ns * S / ns));
	strcat(h.s, "/s");
	return h;
}

struct human human_id(int64_t id)
{
	struct human h = {"-"};
	if (id != 0 && id != GSNAP_UNKNOWN)
		snprintf(h.s, sizeof h.s, "%" PRId64, id);
	return h;
}
