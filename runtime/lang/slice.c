/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slice.c - making and growing slices, and what their bounds panic with (Go's slice.go and
 * error.go).
 *
 * A program can see capacities, and appends in place depend on them, so they are Go's: the growth
 * of nextslicecap, rounded up to Go's size classes. Go keeps a header of 8 bytes in objects with
 * pointers of more than 512 bytes; our heap does not, but counts as if it did, for elements that
 * are pointers or strings. A structure counts as one without pointers.
 */
#include "gort/slice.h"

#include <string.h>

#include "base/atomic.h"
#include "base/throw.h"
#include "mem/mallocfast.h"
#include "mem/memclr.h"
#include "mem/sizeclasses.h"
#include "sched/race.h"

#define MINHEADERSIZE 512u /* Go's heapBitsInSpan: objects with pointers above it have a header */
#define HEADERSIZE    8u
#define DOUBLEUPTO    256 /* elements */
#define FEWBYTES      64u /* so many are copied sooner than libc's functions begin */

static char zerobase[16] __attribute__((aligned(16))); /* where objects of no bytes are */

/* ---- growth ---- */

/* Go's nextslicecap. */
static gort_isize nextslicecap(gort_isize n, gort_isize oldcap)
{
	size_t cap = (size_t)oldcap;
	if ((size_t)n > 2 * cap)
		return n;
	if (cap < DOUBLEUPTO)
		return (gort_isize)(2 * cap);
	while (cap < (size_t)n)
		cap += (cap + 3 * DOUBLEUPTO) / 4;
	return (gort_isize)cap;
}

/* The bytes that Go's heap would give for so many; not below size when it overflows. */
static size_t roundupsize(size_t size, enum gort_scan scan)
{
	size_t header = scan == GORT_POINTERS && size > MINHEADERSIZE ? HEADERSIZE : 0;
	if (size <= MAXSMALLSIZE - HEADERSIZE)
		return sizeclasses.size[sizeclassof(size + header)] - header;
	size_t pages = (size + PAGESIZE - 1) & ~(size_t)(PAGESIZE - 1);
	return pages < size ? size : pages;
}

/* How many elements of so many bytes. A shift for most: a division is all that others wait for. */
static inline size_t elements(size_t bytes, size_t size)
{
	return size & (size - 1) ? bytes / size : bytes >> __builtin_ctzll(size);
}

static void *allocate(size_t n, size_t size, enum gort_scan scan)
{
	if (n * size == 0)
		return zerobase;
	return gort_malloc_array(n, size, scan ? NULL : &gort_noscan);
}

/* Writes a new array of size bytes: the first len from old; zero from byte `from` on. */
static inline __attribute__((always_inline)) void fill(
	char *p, const char *old, size_t len, size_t from, size_t size)
{
	typedef uint64_t word __attribute__((may_alias, aligned(1)));
	if (size > FEWBYTES || (len | from | size) % sizeof(word) != 0) {
		if (len > 0)
			memcopy(p, old, len);
		memclr(p + from, size - from);
		return;
	}
	/* The empty assembly keeps compilers from calling those functions. */
	for (size_t i = 0; i < len; i += sizeof(word)) {
		*(word *)(p + i) = *(const word *)(old + i);
		__asm__ volatile("" : "+r"(i));
	}
	for (size_t i = from; i < size; i += sizeof(word)) {
		*(word *)(p + i) = 0;
		__asm__ volatile("" : "+r"(i));
	}
}

/* Of elements without pointers: what is about to be written is not zeroed. n fit into bytes. */
static inline __attribute__((always_inline)) struct gort_array growdirty(
	const void *old, gort_isize len, gort_isize n, size_t size, size_t bytes)
{
	unsigned class = bytes <= MAXSMALLSIZE - HEADERSIZE ? sizeclassof(bytes) : 0;
	size_t room = class ? sizeclasses.size[class] : roundupsize(bytes, GORT_NOPOINTERS);
	size_t cap = elements(room, size), used = cap * size;
	if (unlikely(used != room || class == 0))
		class = used <= MAXSMALLSIZE ? sizeclassof(used) : 0;
	char *p = mallocdirty(used, class);
	fill(p, old, (size_t)len * size, (size_t)n * size, used);
	return (struct gort_array){p, (gort_isize)cap};
}

struct gort_array gort_growslice(const void *old, gort_isize len, gort_isize cap, gort_isize num,
	size_t size, enum gort_scan scan)
{
	gort_isize n = (gort_isize)((size_t)len + (size_t)num);
	size_t bytes;
	if (len > 0)
		raceread(old, (size_t)len * size, CALLER);
	if (unlikely(n < 0))
		gopanic_text("runtime error: growslice: len out of range");
	if (size == 0)
		return (struct gort_array){zerobase, n};
	gort_isize newcap = nextslicecap(n, cap);
	if (unlikely(__builtin_mul_overflow((size_t)newcap, size, &bytes) || bytes > PTRDIFF_MAX))
		gopanic_text("runtime error: growslice: len out of range");
	if (!scan)
		return growdirty(old, len, n, size, bytes);
	newcap = (gort_isize)elements(roundupsize(bytes, scan), size);
	char *p = allocate((size_t)newcap, size, scan);
	if (len > 0)
		memcpy(p, old, (size_t)len * size);
	return (struct gort_array){p, newcap};
}

void *gort_makeslice(size_t size, gort_isize len, gort_isize cap, enum gort_scan scan)
{
	size_t bytes;
	if (unlikely(len < 0 || __builtin_mul_overflow((size_t)len, size, &bytes) ||
		     bytes > PTRDIFF_MAX))
		gopanic_text("runtime error: makeslice: len out of range");
	if (unlikely(cap < len || __builtin_mul_overflow((size_t)cap, size, &bytes) ||
		     bytes > PTRDIFF_MAX))
		gopanic_text("runtime error: makeslice: cap out of range");
	return allocate((size_t)cap, size, scan);
}

gort_isize gort_copyslice(void *dst, gort_isize dstlen, const void *src, gort_isize srclen,
	size_t size, enum gort_scan scan)
{
	gort_isize n = dstlen < srclen ? dstlen : srclen;
	if (n > 0) {
		raceread(src, (size_t)n * size, CALLER);
		racewrite(dst, (size_t)n * size, CALLER);
		(scan ? gort_memmove : memmove)(dst, src, (size_t)n * size);
	}
	return n;
}

void gort_clearslice(void *p, gort_isize len, size_t size, enum gort_scan scan)
{
	if (len <= 0)
		return;
	racewrite(p, (size_t)len * size, CALLER);
	(scan ? gort_memset : memset)(p, 0, (size_t)len * size);
}

/* ---- bounds ---- */

void gort_panicindex(gort_isize i, gort_isize len)
{
	if (i < 0)
		gopanic_text("runtime error: index out of range [%td]", i);
	gopanic_text("runtime error: index out of range [%td] with length %td", i, len);
}

/* what: of which limit is the capacity or length. Go checks j first, then i. */
static _Noreturn void panicsub(gort_isize i, gort_isize j, gort_isize limit, const char *what)
{
	if (j < 0)
		gopanic_text("runtime error: slice bounds out of range [:%td]", j);
	if (j > limit)
		gopanic_text("runtime error: slice bounds out of range [:%td] with %s %td", j, what,
			limit);
	if (i < 0)
		gopanic_text("runtime error: slice bounds out of range [%td:]", i);
	gopanic_text("runtime error: slice bounds out of range [%td:%td]", i, j);
}

void gort_panicslice(gort_isize i, gort_isize j, gort_isize cap)
{
	panicsub(i, j, cap, "capacity");
}

void gort_panicstring(gort_isize i, gort_isize j, gort_isize len)
{
	panicsub(i, j, len, "length");
}

void gort_panicslice3(gort_isize i, gort_isize j, gort_isize k, gort_isize cap)
{
	if (k < 0)
		gopanic_text("runtime error: slice bounds out of range [::%td]", k);
	if (k > cap)
		gopanic_text("runtime error: slice bounds out of range [::%td] with capacity %td",
			k, cap);
	if (j < 0)
		gopanic_text("runtime error: slice bounds out of range [:%td:]", j);
	if (j > k)
		gopanic_text("runtime error: slice bounds out of range [:%td:%td]", j, k);
	if (i < 0)
		gopanic_text("runtime error: slice bounds out of range [%td::]", i);
	gopanic_text("runtime error: slice bounds out of range [%td:%td:]", i, j);
}
