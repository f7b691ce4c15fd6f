/* SPDX-License-Identifier: BSD-2-Clause */
/* unicode.c - properties of runes, by tables of ranges. */
#include "lib/unicode.h"

static int32_t changed(const struct caserange *ranges, int32_t r)
{
	uint32_t u = (uint32_t)r;
	const struct caserange *c = ranges;
	while (u > c->hi && c->lo != UINT32_MAX) /* some 150: most text is ASCII or near it */
		c++;
	return u >= c->lo && (u - c->lo) % (uint32_t)c->stride == 0 ? r + c->delta : r;
}

int32_t toupperrune(int32_t r)
{
	if (r < 0x80)
		return r >= 'a' && r <= 'z' ? r - 'a' + 'A' : r;
	return changed(upperranges, r);
}

int32_t tolowerrune(int32_t r)
{
	if (r < 0x80)
		return r >= 'A' && r <= 'Z' ? r - 'A' + 'a' : r;
	return changed(lowerranges, r);
}

int32_t simplefold(int32_t r)
{
	const struct foldpair *f = folds;
	while (f->from < (uint32_t)r)
		f++;
	if (f->from == (uint32_t)r)
		return (int32_t)f->to;
	int32_t lower = tolowerrune(r);
	return lower != r ? lower : toupperrune(r);
}

bool isspacerune(int32_t r)
{
	switch (r) {
	case '\t' ... '\r':
	case ' ':
	case 0x85:
	case 0xa0:
	case 0x1680:
	case 0x2000 ... 0x200a:
	case 0x2028:
	case 0x2029:
	case 0x202f:
	case 0x205f:
	case 0x3000:
		return true;
	default:
		return false;
	}
}

/* How many of the limits are not above r: an odd number, if r is in a range. */
bool isprintrune(int32_t r)
{
	int lo = 0, hi = nprintables;
	while (lo < hi) {
		int mid = (lo + hi) / 2;
		if (printables[mid] <= (uint32_t)r)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo % 2 != 0;
}
