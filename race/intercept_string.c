/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * intercept_string.c - what the program's calls of string functions read and write.
 *
 * This file defines memcpy and its kin, so it does not include builtins.h. The interceptors run
 * before relocation is over (the loader's callers, IFUNC resolvers): until the library is active
 * the moving ones use the detector's own copies and look nothing up.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "front.h"

void *race_memcpy(void *dst, const void *src, size_t n);
void *race_memmove(void *dst, const void *src, size_t n);
void *race_memset(void *dst, int c, size_t n);

/* A fuzzer's own, which learns from what is compared, go before these. */
#define HOOK(name, ...)                                                                       \
	EXPORT __attribute__((weak)) void __sanitizer_weak_hook_##name(__VA_ARGS__);          \
	EXPORT __attribute__((weak, noinline)) void __sanitizer_weak_hook_##name(__VA_ARGS__) \
	{                                                                                     \
	}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
HOOK(memcmp, uint64_t pc, const void *a, const void *b, size_t n, int result)
HOOK(strcmp, uint64_t pc, const char *a, const char *b, int result)
HOOK(strncmp, uint64_t pc, const char *a, const char *b, size_t n, int result)
HOOK(strcasecmp, uint64_t pc, const char *a, const char *b, int result)
HOOK(strncasecmp, uint64_t pc, const char *a, const char *b, size_t n, int result)
HOOK(strstr, uint64_t pc, const char *s, const char *wanted, const char *result)
#pragma GCC diagnostic pop

static size_t length(const char *s)
{
	const char *p = s;
	while (*p) {
		compiler_barrier(); /* or the loop becomes a call of strlen */
		p++;
	}
	return (size_t)(p - s);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

EXPORT void *memcpy(void *dst, const void *src, size_t n)
{
	if (!active)
		return race_memcpy(dst, src, n);
	reads(src, n, PC);
	writes(dst, n, PC);
	return NEXT(memcpy)(dst, src, n);
}

EXPORT void *memmove(void *dst, const void *src, size_t n)
{
	if (!active)
		return race_memmove(dst, src, n);
	reads(src, n, PC);
	writes(dst, n, PC);
	return NEXT(memmove)(dst, src, n);
}

EXPORT void *memset(void *dst, int c, size_t n)
{
	if (!active)
		return race_memset(dst, c, n);
	writes(dst, n, PC);
	return NEXT(memset)(dst, c, n);
}

EXPORT void *mempcpy(void *restrict dst, const void *restrict src, size_t n)
{
	if (!active)
		return (char *)race_memcpy(dst, src, n) + n;
	reads(src, n, PC);
	writes(dst, n, PC);
	return NEXT(mempcpy)(dst, src, n);
}

/* Both are read as far as they are equal, and the byte that decides. */
static size_t equal_bytes(const char *a, const char *b, size_t n, bool text)
{
	size_t i = 0;
	while (i < n && a[i] == b[i] && !(text && !a[i]))
		i++;
	return smaller(i + 1, n);
}

EXPORT int memcmp(const void *a, const void *b, size_t n)
{
	if (me.tag) {
		size_t k = equal_bytes(a, b, n, false);
		reads(a, k, PC);
		reads(b, k, PC);
	}
	int result = NEXT(memcmp)(a, b, n);
	__sanitizer_weak_hook_memcmp(PC, a, b, n, result);
	return result;
}

EXPORT void *memchr(const void *s, int c, size_t n)
{
	void *p = NEXT(memchr)(s, c, n);
	reads(s, p ? (size_t)((char *)p - (const char *)s) + 1 : n, PC);
	return p;
}

EXPORT void *memrchr(const void *s, int c, size_t n)
{
	const char *p = NEXT(memrchr)(s, c, n), *from = p ? p : s;
	reads(from, n - (size_t)(from - (const char *)s), PC);
	return (void *)p;
}

EXPORT size_t strlen(const char *s)
{
	size_t n = active ? NEXT(strlen)(s) : length(s);
	reads(s, n + 1, PC);
	return n;
}

EXPORT size_t strnlen(const char *s, size_t max)
{
	size_t n = NEXT(strnlen)(s, max);
	reads(s, smaller(n + 1, max), PC);
	return n;
}

EXPORT char *strcpy(char *dst, const char *src)
{
	if (me.tag) {
		size_t n = length(src) + 1;
		reads(src, n, PC);
		writes(dst, n, PC);
	}
	return NEXT(strcpy)(dst, src);
}

EXPORT char *stpcpy(char *restrict dst, const char *restrict src)
{
	if (me.tag) {
		size_t n = length(src) + 1;
		reads(src, n, PC);
		writes(dst, n, PC);
	}
	return NEXT(stpcpy)(dst, src);
}

EXPORT char *strncpy(char *dst, const char *src, size_t n)
{
	if (me.tag) {
		reads(src, smaller(NEXT(strnlen)(src, n) + 1, n), PC);
		writes(dst, n, PC);
	}
	return NEXT(strncpy)(dst, src, n);
}

EXPORT char *strcat(char *dst, const char *src)
{
	if (me.tag) {
		size_t at = length(dst), n = length(src) + 1;
		reads(dst, at + 1, PC);
		reads(src, n, PC);
		writes(dst + at, n, PC);
	}
	return NEXT(strcat)(dst, src);
}

EXPORT char *strncat(char *restrict dst, const char *restrict src, size_t max)
{
	if (me.tag) {
		size_t at = length(dst), n = NEXT(strnlen)(src, max);
		reads(dst, at + 1, PC);
		reads(src, smaller(n + 1, max), PC);
		writes(dst + at, n + 1, PC);
	}
	return NEXT(strncat)(dst, src, max);
}

EXPORT char *strdup(const char *s)
{
	if (me.tag)
		reads(s, length(s) + 1, PC);
	return NEXT(strdup)(s);
}

EXPORT char *strndup(const char *s, size_t max)
{
	if (me.tag)
		reads(s, smaller(NEXT(strnlen)(s, max) + 1, max), PC);
	return NEXT(strndup)(s, max);
}

EXPORT int strcmp(const char *a, const char *b)
{
	if (me.tag) {
		size_t n = equal_bytes(a, b, SIZE_MAX, true);
		reads(a, n, PC);
		reads(b, n, PC);
	}
	int result = NEXT(strcmp)(a, b);
	__sanitizer_weak_hook_strcmp(PC, a, b, result);
	return result;
}

EXPORT int strncmp(const char *a, const char *b, size_t max)
{
	if (me.tag) {
		size_t n = equal_bytes(a, b, max, true);
		reads(a, n, PC);
		reads(b, n, PC);
	}
	int result = NEXT(strncmp)(a, b, max);
	__sanitizer_weak_hook_strncmp(PC, a, b, max, result);
	return result;
}

static size_t alike_bytes(const char *a, const char *b, size_t n)
{
	size_t i = 0;
	while (i < n && a[i] && tolower((unsigned char)a[i]) == tolower((unsigned char)b[i]))
		i++;
	return smaller(i + 1, n);
}

EXPORT int strcasecmp(const char *a, const char *b)
{
	if (me.tag) {
		size_t n = alike_bytes(a, b, SIZE_MAX);
		reads(a, n, PC);
		reads(b, n, PC);
	}
	int result = NEXT(strcasecmp)(a, b);
	__sanitizer_weak_hook_strcasecmp(PC, a, b, result);
	return result;
}

EXPORT int strncasecmp(const char *a, const char *b, size_t max)
{
	if (me.tag) {
		size_t n = alike_bytes(a, b, max);
		reads(a, n, PC);
		reads(b, n, PC);
	}
	int result = NEXT(strncasecmp)(a, b, max);
	__sanitizer_weak_hook_strncasecmp(PC, a, b, max, result);
	return result;
}

EXPORT char *strstr(const char *s, const char *wanted)
{
	char *p = NEXT(strstr)(s, wanted);
	if (me.tag) {
		size_t n = length(wanted);
		reads(wanted, n + 1, PC);
		reads(s, p ? (size_t)(p - s) + n : length(s) + 1, PC);
	}
	__sanitizer_weak_hook_strstr(PC, s, wanted, p);
	return p;
}

/* Of the first n bytes the set decides, and of the next one that they are all. */
static void set_decides(const char *s, size_t n, const char *set, uint64_t pc)
{
	if (!me.tag)
		return;
	reads(set, length(set) + 1, pc);
	reads(s, n + 1, pc);
}

EXPORT size_t strspn(const char *s, const char *set)
{
	size_t n = NEXT(strspn)(s, set);
	set_decides(s, n, set, PC);
	return n;
}

EXPORT size_t strcspn(const char *s, const char *set)
{
	size_t n = NEXT(strcspn)(s, set);
	set_decides(s, n, set, PC);
	return n;
}

EXPORT char *strpbrk(const char *s, const char *set)
{
	char *p = NEXT(strpbrk)(s, set);
	set_decides(s, p ? (size_t)(p - s) : me.tag ? length(s) : 0, set, PC);
	return p;
}

EXPORT char *strchr(const char *s, int c)
{
	char *p = NEXT(strchr)(s, c);
	reads(s, (p ? (size_t)(p - s) : me.tag ? length(s) : 0) + 1, PC);
	return p;
}

EXPORT char *strrchr(const char *s, int c)
{
	char *p = NEXT(strrchr)(s, c);
	if (me.tag)
		reads(s, length(s) + 1, PC);
	return p;
}

EXPORT int puts(const char *s)
{
	if (me.tag)
		reads(s, length(s) + 1, PC);
	return NEXT(puts)(s);
}

EXPORT int fputs(const char *restrict s, FILE *restrict f)
{
	if (me.tag)
		reads(s, length(s) + 1, PC);
	return NEXT(fputs)(s, f);
}

EXPORT char *fgets(char *restrict s, int n, FILE *restrict f)
{
	char *line = NEXT(fgets)(s, n, f);
	if (line && me.tag)
		writes(line, length(line) + 1, PC);
	return line;
}

/* What is printed, and its end, as far as there is room. */
static INLINE int printed(const char *s, size_t room, int n, uint64_t pc)
{
	if (n >= 0 && room)
		writes(s, smaller((size_t)n + 1, room), pc);
	return n;
}

EXPORT int vsnprintf(char *restrict s, size_t room, const char *restrict format, va_list ap)
{
	return printed(s, room, NEXT(vsnprintf)(s, room, format, ap), PC);
}

EXPORT int vsprintf(char *restrict s, const char *restrict format, va_list ap)
{
	return printed(s, SIZE_MAX, NEXT(vsprintf)(s, format, ap), PC);
}

EXPORT int snprintf(char *restrict s, size_t room, const char *restrict format, ...)
{
	va_list ap;
	va_start(ap, format);
	int n = NEXT(vsnprintf)(s, room, format, ap);
	va_end(ap);
	return printed(s, room, n, PC);
}

EXPORT int sprintf(char *restrict s, const char *restrict format, ...)
{
	va_list ap;
	va_start(ap, format);
	int n = NEXT(vsprintf)(s, format, ap);
	va_end(ap);
	return printed(s, SIZE_MAX, n, PC);
}

EXPORT size_t fwrite(const void *restrict p, size_t size, size_t n, FILE *restrict f)
{
	reads(p, size * n, PC);
	return NEXT(fwrite)(p, size, n, f);
}

EXPORT size_t fread(void *restrict p, size_t size, size_t n, FILE *restrict f)
{
	size_t got = NEXT(fread)(p, size, n, f);
	writes(p, size * got, PC);
	return got;
}

/* GNU's: the text may be a constant of libc's instead. */
EXPORT char *strerror_r(int error, char *buf, size_t n)
{
	char *text = NEXT(strerror_r)(error, buf, n);
	if (text == buf && n)
		writes(buf, NEXT(strlen)(buf) + 1, PC);
	return text;
}
