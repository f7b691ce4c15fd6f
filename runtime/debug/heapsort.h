/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heapsort.h - sorts in place without memory of its own and without a bad case, for use in signal
 * handlers and on foreign data. The elements are reached through an index, so that both pointers to
 * them and their keys may live elsewhere.
 */
#ifndef GORT_DEBUG_HEAPSORT_H
#define GORT_DEBUG_HEAPSORT_H

#include <stdbool.h>
#include <stddef.h>

struct heapsort {
	bool (*less)(const struct heapsort *h, size_t a, size_t b);
	void (*swap)(const struct heapsort *h, size_t a, size_t b);
	const void *keys;
	void *elements;
};

static inline void heapsort_sift(const struct heapsort *h, size_t root, size_t n)
{
	for (size_t child; (child = root * 2 + 1) < n; root = child) {
		if (child + 1 < n && h->less(h, child, child + 1))
			child++;
		if (!h->less(h, root, child))
			return;
		h->swap(h, root, child);
	}
}

static inline void heapsort_run(const struct heapsort *h, size_t n)
{
	for (size_t i = n / 2; i--;)
		heapsort_sift(h, i, n);
	for (size_t end = n; end-- > 1;) {
		h->swap(h, 0, end);
		heapsort_sift(h, 0, end);
	}
}

#endif
