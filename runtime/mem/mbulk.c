/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mbulk.c - functions of libc that write many words, with the barrier: what objects compiled by
 * gort-cc call instead (scripts/gort-cc.names).
 *
 * Most log the range they are about to write and call libc. That is enough: nobody else looks at
 * the range meanwhile, and what this goroutine holds of it is on its stack. It is not enough
 * where pointers move within one object, as in an overlapping memmove, or in a sort: a marker
 * that reads the object at the same time could miss one that moves from what it has not read to
 * what it has. There, test, log and writing are one no-stop section for each short piece.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gort/gc.h"
#include "mem/nostop.h"

#define PIECE 512 /* bytes in one section */

/* Only gort-cc's objects know these. */
GORT_API void *gort_mempcpy(void *dst, const void *src, size_t n);
GORT_API void gort_bcopy(const void *src, void *dst, size_t n);
GORT_API void gort_bzero(void *dst, size_t n);
GORT_API char *gort_strcpy(char *dst, const char *src);
GORT_API char *gort_stpcpy(char *dst, const char *src);
GORT_API char *gort_strncpy(char *dst, const char *src, size_t n);
GORT_API char *gort_strcat(char *dst, const char *src);
GORT_API ssize_t gort_read(int fd, void *buf, size_t n);
GORT_API ssize_t gort_pread(int fd, void *buf, size_t n, off_t at);
GORT_API ssize_t gort_recv(int fd, void *buf, size_t n, int flags);
GORT_API size_t gort_fread(void *buf, size_t size, size_t n, FILE *f);
GORT_API char *gort_fgets(char *buf, int n, FILE *f);
GORT_API void gort_qsort(
	void *base, size_t n, size_t size, int (*compare)(const void *, const void *));

void *gort_memcpy(void *dst, const void *src, size_t n)
{
	gort_wbrange(dst, n);
	return memcpy(dst, src, n);
}

void *gort_mempcpy(void *dst, const void *src, size_t n)
{
	return (char *)gort_memcpy(dst, src, n) + n;
}

static void movepiece(char *dst, const char *src, size_t n)
{
	nostop_begin();
	gort_wbrange(dst, n);
	memmove(dst, src, n);
	nostop_end();
}

void *gort_memmove(void *dst, const void *src, size_t n)
{
	char *d = dst;
	const char *s = src;
	if ((uintptr_t)d - (uintptr_t)s >= n && (uintptr_t)s - (uintptr_t)d >= n)
		return gort_memcpy(dst, src, n);
	if (d < s) {
		for (size_t at = 0; at < n; at += PIECE)
			movepiece(d + at, s + at, n - at < PIECE ? n - at : PIECE);
	} else if (d > s) {
		for (size_t left = n, part; left > 0; left -= part) {
			part = left < PIECE ? left : PIECE;
			movepiece(d + left - part, s + left - part, part);
		}
	}
	return dst;
}

void gort_bcopy(const void *src, void *dst, size_t n)
{
	gort_memmove(dst, src, n);
}

void *gort_memset(void *dst, int c, size_t n)
{
	gort_wbrange(dst, n);
	return memset(dst, c, n);
}

void gort_bzero(void *dst, size_t n)
{
	gort_memset(dst, 0, n);
}

/* ---- text ---- */

char *gort_strcpy(char *dst, const char *src)
{
	return gort_memcpy(dst, src, strlen(src) + 1);
}

char *gort_stpcpy(char *dst, const char *src)
{
	size_t n = strlen(src);
	gort_memcpy(dst, src, n + 1);
	return dst + n;
}

char *gort_strncpy(char *dst, const char *src, size_t n)
{
	gort_wbrange(dst, n);
	return strncpy(dst, src, n);
}

char *gort_strcat(char *dst, const char *src)
{
	gort_strcpy(dst + strlen(dst), src);
	return dst;
}

/* ---- input ---- */

ssize_t gort_read(int fd, void *buf, size_t n)
{
	gort_wbrange(buf, n);
	return read(fd, buf, n);
}

ssize_t gort_pread(int fd, void *buf, size_t n, off_t at)
{
	gort_wbrange(buf, n);
	return pread(fd, buf, n, at);
}

ssize_t gort_recv(int fd, void *buf, size_t n, int flags)
{
	gort_wbrange(buf, n);
	return recv(fd, buf, n, flags);
}

size_t gort_fread(void *buf, size_t size, size_t n, FILE *f)
{
	gort_wbrange(buf, size * n);
	return fread(buf, size, n, f);
}

char *gort_fgets(char *buf, int n, FILE *f)
{
	gort_wbrange(buf, n > 0 ? (size_t)n : 0);
	return fgets(buf, n, f);
}

/* ---- sorting: in place, by heap; libc's keeps elements in memory of malloc meanwhile ---- */

struct array {
	char *base;
	size_t size;
	int (*compare)(const void *, const void *);
};

static void swappiece(char *a, char *b, size_t n)
{
	char t[PIECE];
	nostop_begin();
	gort_wbrange(a, n);
	gort_wbrange(b, n);
	memcpy(t, a, n);
	memcpy(a, b, n);
	memcpy(b, t, n);
	nostop_end();
}

static void swap(const struct array *s, size_t i, size_t j)
{
	for (size_t at = 0; at < s->size; at += PIECE)
		swappiece(s->base + i * s->size + at, s->base + j * s->size + at,
			s->size - at < PIECE ? s->size - at : PIECE);
}

static bool less(const struct array *s, size_t i, size_t j)
{
	return s->compare(s->base + i * s->size, s->base + j * s->size) < 0;
}

static void siftdown(const struct array *s, size_t root, size_t n)
{
	for (size_t child; (child = 2 * root + 1) < n; root = child) {
		if (child + 1 < n && less(s, child, child + 1))
			child++;
		if (!less(s, root, child))
			return;
		swap(s, root, child);
	}
}

void gort_qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	struct array s = {base, size, compare};
	for (size_t i = n / 2; i-- > 0;)
		siftdown(&s, i, n);
	for (size_t i = n; i-- > 1;) {
		swap(&s, 0, i);
		siftdown(&s, 0, i);
	}
}
