/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mforeign.c - memory that the collector does not look at by itself: malloc's, and what the program
 * has mapped.
 *
 * It is what the kernel lists as private, writable and of no file, less libgort's own and less the
 * mappings in which threads have their stacks, which are roots. Read by process_vm_readv, so that a
 * mapping that goes away meanwhile does no harm. All of it happens in a stop: no call of libc.
 */
#include "mem/mforeign.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/noptr.h"
#include "mem/mgc.h"
#include "sched/runtime2.h"

#define MAXOWN 4096
#define NWORDS 8192u

/* libgort's mappings. Inverted: their first bytes may be objects, and this is such memory. */
static struct {
	_Atomic uint32_t n;
	struct {
		_Atomic uintptr_t notlo, nothi;
	} range[MAXOWN];
} own NOPTRBSS;

static uint32_t ownused(void)
{
	uint32_t n = load_acq(&own.n);
	return n < MAXOWN ? n : MAXOWN;
}

void foreignnot(const void *p, size_t size)
{
	uint32_t i = xadd_acqrel(&own.n, 1);
	if (i >= MAXOWN)
		return; /* it will be looked at: harmless but for the time */
	store_rlx(&own.range[i].notlo, ~(uintptr_t)p);
	store_rel(&own.range[i].nothi, ~((uintptr_t)p + size));
}

void foreignagain(const void *p)
{
	for (uint32_t i = 0; i < ownused(); i++)
		if (load_rlx(&own.range[i].notlo) == ~(uintptr_t)p)
			store_rlx(&own.range[i].nothi, ~(uintptr_t)p);
}

/* The end of the piece that begins at lo, of one kind; *ours: it is libgort's. */
static uintptr_t piece(uintptr_t lo, uintptr_t hi, bool *ours)
{
	*ours = false;
	for (uint32_t i = 0; i < ownused(); i++) {
		uintptr_t a = ~load_rlx(&own.range[i].notlo), b = ~load_rlx(&own.range[i].nothi);
		if (a <= lo && lo < b) {
			*ours = true;
			return b < hi ? b : hi;
		}
		if (a > lo && a < hi && a < b)
			hi = a;
	}
	return hi;
}

/* ---- the kernel's list ---- */

struct mapping {
	uintptr_t lo, hi;
	bool wanted;
};

static uintptr_t hexadecimal(const char **text)
{
	uintptr_t n = 0;
	for (;; (*text)++) {
		unsigned c = (unsigned char)**text, digit = c - '0';
		if (digit > 9)
			digit = c - 'a' < 6 ? c - 'a' + 10 : 16;
		if (digit > 15)
			return n;
		n = n << 4 | digit;
	}
}

static const char *field(const char *text, unsigned n)
{
	for (; n > 0; n--) {
		while (*text && *text != ' ')
			text++;
		while (*text == ' ')
			text++;
	}
	return text;
}

/* lo-hi rw-p offset device inode name */
static struct mapping parsemapping(const char *line)
{
	struct mapping m = {0};
	const char *at = line;
	m.lo = hexadecimal(&at);
	at++;
	m.hi = hexadecimal(&at);
	const char *name = field(line, 5);
	m.wanted = memcmp(field(line, 1), "rw-p", 4) == 0 && memcmp(field(line, 4), "0 ", 2) == 0 &&
		   (!*name || strcmp(name, "[heap]") == 0 || memcmp(name, "[anon:", 6) == 0);
	return m;
}

static struct mapping now;

static void excludethread(uintptr_t tp)
{
	if (tp >= now.lo && tp < now.hi)
		now.wanted = false;
}

static void excludestanding(const struct stopped *t, struct m *mp)
{
	(void)mp;
	excludethread(t->tp);
}

static bool wanted(const char *line)
{
	now = parsemapping(line);
	for (struct m *mp = load_acq(&allm); mp && now.wanted; mp = mp->alllink)
		excludethread(mp->tp);
	if (now.wanted)
		standingdo(excludestanding);
	return now.wanted;
}

static void readpiece(uintptr_t lo, uintptr_t hi, foreignfn *f)
{
	static uintptr_t words[NWORDS] NOPTRBSS;
	for (size_t size; lo < hi; lo += size) {
		size = hi - lo < sizeof(words) ? hi - lo : sizeof(words);
		struct iovec to = {words, size}, from = {(void *)lo, size};
		long n = rawsyscall6(SYS_process_vm_readv, rawsyscall(SYS_getpid, 0, 0, 0, 0),
			(long)&to, 1, (long)&from, 1, 0);
		if (n > 0)
			f(lo, words, (size_t)n / sizeof(words[0]));
	}
	memset(words, 0, sizeof(words)); /* it is such memory itself */
}

static void readmapping(const char *line, foreignfn *f)
{
	if (!wanted(line))
		return;
	bool ours;
	for (uintptr_t lo = now.lo, end; lo < now.hi; lo = end) {
		end = piece(lo, now.hi, &ours);
		if (!ours)
			readpiece(lo, end, f);
	}
}

/* Each whole line of text; returns how many bytes they are. */
static size_t lines(char *text, size_t n, foreignfn *f)
{
	size_t begin = 0;
	for (char *end; (end = memchr(text + begin, '\n', n - begin));) {
		*end = '\0';
		readmapping(text + begin, f);
		begin = (size_t)(end - text) + 1;
	}
	return begin;
}

void foreigndo(foreignfn *f)
{
	static char text[8192] NOPTRBSS;
	size_t have = 0;
	long fd =
		rawsyscall(SYS_openat, AT_FDCWD, (long)"/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return;
	for (long n; (n = rawsyscall(SYS_read, fd, (long)text + (long)have,
			      (long)(sizeof(text) - have), 0)) > 0;) {
		have += (size_t)n;
		size_t used = lines(text, have, f);
		memmove(text, text + used, have -= used);
	}
	rawsyscall(SYS_close, fd, 0, 0, 0);
}
