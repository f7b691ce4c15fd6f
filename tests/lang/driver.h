/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * driver.h - what the operations of a script work on, for driver.c, which reads scripts, and for
 * the programs that source.py makes of them. Text is printed in hex.
 */
#ifndef LANG_DRIVER_H
#define LANG_DRIVER_H

#include <gort/bytes.h>
#include <gort/go.h>
#include <inttypes.h>

#define SLOTS 6

typedef slice(long) longs;
typedef slice(string) texts;
struct triple {
	long a, b, c;
};
typedef slice(struct triple) triples;
typedef struct pair {
	long a;
	string b;
} pair;
GORT_KEY(pair, a, b);

static longs ints[SLOTS];
static gort_bytes octets[SLOTS];
static texts strs[SLOTS];
static triples recs[SLOTS];
static map(long, long) intmap;
static map(int, string) smallmap;
static map(string, long) textmap;
static map(double, long) floatmap;
static map(pair, long) pairmap;

static gort_buffer buffer;

#define SHAPE(s) (putnum((s).len), putnum((s).cap))

static double frombits(uint64_t u)
{
	double d;
	memcpy(&d, &u, sizeof(d));
	return d;
}

static void put(const char *s)
{
	fputs(s, stdout);
}

static void putnum(long n)
{
	printf(" %ld", n);
}

static void puttext(string s)
{
	put(" ");
	for
		range(i, c, s) printf("%02x", (uint8_t)c);
	put(".");
}

static void puttexts(gort_strings list)
{
	putnum(list.len);
	for
		range(i, s, list) puttext(s);
}

static void puterror(error err)
{
	printf(" %s", error_text(err));
}

/* a to b of 0 to limit, by two numbers. */
static void bounds(isize limit, long i, long j, isize *a, isize *b)
{
	*a = i % (limit + 1);
	*b = *a + j % (limit - *a + 1);
}

static int bylong(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;
	return (x > y) - (x < y);
}

/* What is out of range panics. */
static void bad_slice(int how, long i, long j, long k)
{
	longs s = make_slice(longs, 5, 9);
	switch (how) {
	case 0:
		putnum(at(s, i));
		break;
	case 1:
		putnum(sub(s, i, j).len);
		break;
	case 2:
		putnum(sub3(s, i, j, k).cap);
		break;
	case 3:
		puttext(str_sub(S("hello"), i, j));
		break;
	case 4:
		putnum(make_slice(longs, i, j).len);
		break;
	default:
		putnum(gort_div(i, j));
	}
}

/* ---- errors ---- */

static const gort_error *bases(void)
{
	static error base[3];
	if (!base[0])
		base[0] = error_new("one"), base[1] = err_syntax, base[2] = gort_err_eof;
	return base;
}

/* Compared by its number, as a structure is in Go. */
struct code_error {
	struct gort_errorobj base;
	long code;
	const char *text;
};
GORT_API extern const struct gort_errortype gort_errortype_code_error;

static const char *code_text(error err)
{
	return ((const struct code_error *)err)->text;
}

static bool code_is(error err, error target)
{
	return target->type == &gort_errortype_code_error &&
	       ((const struct code_error *)err)->code == ((const struct code_error *)target)->code;
}

GORT_ERROR_TYPE(code_error, .text = code_text, .is = code_is);

static error code_error(long code)
{
	return error_make(struct code_error, code_error, .code = code,
		.text = str_cstr(sprint("code ", code)));
}

/* What remains on a stack: letters push or change what is on top. */
static error tree(string how)
{
	typedef slice(error) errors;
	errors s = slice_of(errors, bases()[0]);
	for
		range(i, c, how)
		{
			error *top = &at(s, s.len - 1);
			if (c >= '0' && c <= '9') {
				append(&s, code_error(c - '0'));
			} else if (c >= 'a' && c <= 'c') {
				append(&s, bases()[c - 'a']);
			} else if (c == 'n') {
				append(&s, nil);
			} else if (c == 'w') {
				gort_store(top, error_wrap(*top, "wrap %td", i));
			} else if (s.len > 1) {
				gort_store(top - 1, error_join(top[-1], *top));
				s = sub(s, 0, s.len - 1);
			}
		}
	return at(s, s.len - 1);
}

/* ---- panics ---- */

/*
 * A plan is a letter a frame: N notes, R recovers, S recovers and panics anew, A panics anew, all
 * in a deferred call; T is a protect. The last frame does what its letter says. What recovers is
 * called by a protect: there, Go resumes at the same place.
 */
static string plan;
static void next(long k);

static void note(long k)
{
	printf(" d%ld", k);
}

static void anew(long k)
{
	panic("again %ld", k);
}

static void recovers(long k)
{
	printf(" r%ld:%s", k, error_text(gort_recover()));
}

static void swaps(long k)
{
	recovers(k);
	anew(k);
}

static void noting(long k)
{
	defer(note, k);
	next(k + 1);
	printf(" e%ld", k);
}

static void recovering(long k)
{
	defer(note, k);
	defer(recovers, k);
	next(k + 1);
	printf(" e%ld", k);
}

static void swapping(long k)
{
	defer(swaps, k);
	next(k + 1);
}

static void panicking(long k)
{
	defer(anew, k);
	next(k + 1);
}

static void leaf(int how)
{
	longs few = make_slice(longs, 2), none = {0};
	map(int, int) nomap = nil;
	chan(int) closed = make_chan(int, 1), nochan = nil;
	switch (how) {
	case 'p':
		panic("boom");
	case 'e':
		panic(code_error(few.len));
	case 'i':
		at(none, few.len)++;
		break;
	case 'd':
		putnum(gort_div(1, none.len));
		break;
	case 'm':
		map_at(nomap, 1)++;
		break;
	case 'n':
		chan_close(nochan);
		break;
	case 'c':
		chan_close(closed);
		chan_send(closed, 1);
		break;
	case 'a':
		putnum(*assert_type(int, any_of(S("text"))));
		break;
	case 'x':
		gort_goexit();
	}
}

static void next(long k)
{
	int c = k < plan.len ? plan.ptr[k] : 0;
	error err;
	switch (c) {
	case 'N':
		noting(k);
		return;
	case 'A':
		panicking(k);
		return;
	case 'R':
		err = protect(recovering, k);
		break;
	case 'S':
		err = protect(swapping, k);
		break;
	case 'T':
		err = protect(next, k + 1);
		break;
	default:
		leaf(c);
		return;
	}
	printf(" t%ld:%s", k, error_text(err));
}

static void closes(chan(int) c)
{
	chan_close(c);
}

static void unwinding(chan(int) done)
{
	defer(closes, done);
	printf(" end:%s", error_text(protect(next, 0L)));
}

static void unwind(string how)
{
	chan(int) done = make_chan(int, 0);
	gort_store(&plan.ptr, how.ptr);
	plan.len = how.len;
	go(unwinding, done);
	(void)chan_recv(done);
}

static void begin(void)
{
	memset(ints, 0, sizeof(ints));
	memset(octets, 0, sizeof(octets));
	memset(strs, 0, sizeof(strs));
	memset(recs, 0, sizeof(recs));
	gort_buffer_reset(&buffer);
	intmap = make_map(long, long);
	smallmap = make_map(int, string);
	textmap = make_map(string, long, 10);
	floatmap = make_map(double, long);
	pairmap = make_map(pair, long);
}

#endif
