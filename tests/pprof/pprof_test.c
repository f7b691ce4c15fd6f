/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pprof_test.c - the encoder, the gzip container and the profile builder, each decoded again by
 * other code than ours: zlib for the container, the small reader below for the protobuf.
 */
#include <check.h>
#include <zlib.h>

#include "canned.h"
#include "pprof/gzip.h"
#include "pprof/pprof.h"
#include "pprof/proto.h"

/* --- a reader of protobuf messages ------------------------------------------------------------ */

struct field {
	uint32_t number;
	uint64_t value; /* of a varint */
	const unsigned char *bytes;
	size_t len;
};

static uint64_t read_varint(const unsigned char **at, const unsigned char *end)
{
	uint64_t v = 0;
	for (int shift = 0;; shift += 7) {
		if (*at == end || shift >= 70) /* an assertion per byte would be slow */
			ck_abort_msg("bad varint");
		unsigned char c = *(*at)++;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80)
			return v;
	}
}

static bool next_field(const unsigned char **at, const unsigned char *end, struct field *f)
{
	if (*at == end)
		return false;
	uint64_t tag = read_varint(at, end);
	*f = (struct field){.number = (uint32_t)(tag >> 3)};
	f->value = read_varint(at, end);
	if ((tag & 7) == 0)
		return true;
	if ((tag & 7) != 2 || f->value > (uint64_t)(end - *at))
		ck_abort_msg("bad field %u", f->number);
	f->bytes = *at;
	f->len = f->value;
	*at += f->len;
	return true;
}

/* The nth (from 0) field with this number in a message; false when there are not so many. */
static bool find_field(
	const unsigned char *msg, size_t len, uint32_t number, unsigned nth, struct field *f)
{
	const unsigned char *at = msg;
	while (next_field(&at, msg + len, f))
		if (f->number == number && nth-- == 0)
			return true;
	return false;
}

static unsigned count_fields(const unsigned char *msg, size_t len, uint32_t number)
{
	const unsigned char *at = msg;
	struct field f;
	unsigned n = 0;
	while (next_field(&at, msg + len, &f))
		n += f.number == number;
	return n;
}

static uint64_t get_uint(const struct field *msg, uint32_t number)
{
	struct field f;
	return find_field(msg->bytes, msg->len, number, 0, &f) ? f.value : 0;
}

static unsigned get_packed(const struct field *msg, uint32_t number, uint64_t *out, unsigned max)
{
	struct field f;
	unsigned n = 0;
	if (!find_field(msg->bytes, msg->len, number, 0, &f))
		return 0;
	for (const unsigned char *at = f.bytes; at < f.bytes + f.len;) {
		ck_assert_uint_lt(n, max);
		out[n++] = read_varint(&at, f.bytes + f.len);
	}
	return n;
}

/* A decoded file; strings point into it. */
struct decoded {
	unsigned char *msg;
	size_t len;
};

static struct decoded gunzip(const unsigned char *file, size_t len)
{
	struct decoded d = {malloc(1 << 20), 0};
	z_stream z = {.next_in = (unsigned char *)(uintptr_t)file,
		.avail_in = (unsigned)len,
		.next_out = d.msg,
		.avail_out = 1 << 20};
	ck_assert_int_eq(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
	ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	ck_assert_uint_eq(z.avail_in, 0);
	d.len = z.total_out;
	inflateEnd(&z);
	return d;
}

static struct decoded encode_and_free(struct pprof *p)
{
	unsigned char *file;
	size_t len;
	ck_assert_int_eq(pprof_encode(p, &file, &len), 0);
	pprof_free(p);
	struct decoded d = gunzip(file, len);
	free(file);
	return d;
}

static const char *string_at(const struct decoded *d, uint64_t i)
{
	static char text[4][256];
	static unsigned turn;
	struct field f;
	ck_assert(find_field(d->msg, d->len, 6, (unsigned)i, &f));
	ck_assert_uint_lt(f.len, sizeof text[0]);
	char *out = text[turn++ % 4];
	memcpy(out, f.bytes, f.len);
	out[f.len] = '\0';
	return out;
}

static struct field nth(const struct decoded *d, uint32_t number, unsigned n)
{
	struct field f;
	ck_assert_msg(find_field(d->msg, d->len, number, n, &f), "no field %u[%u]", number, n);
	return f;
}

enum { SAMPLE_TYPE = 1, SAMPLE = 2, MAPPING = 3, LOCATION = 4, FUNCTION = 5, PERIOD_TYPE = 11 };

/* --- wire ------------------------------------------------------------------------------------- */

START_TEST(test_varint)
{
	static const struct {
		uint64_t v;
		size_t len;
		unsigned char bytes[10];
	} cases[] = {
		{0, 1, {0}},
		{127, 1, {0x7f}},
		{128, 2, {0x80, 1}},
		{300, 2, {0xac, 2}},
		{UINT64_MAX, 10, {255, 255, 255, 255, 255, 255, 255, 255, 255, 1}},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pbuf b = {0};
		pb_varint(&b, cases[i].v);
		ck_assert_uint_eq(b.len, cases[i].len);
		ck_assert_mem_eq(b.data, cases[i].bytes, b.len);
		pb_free(&b);
	}
}
END_TEST

START_TEST(test_zero_is_absent)
{
	struct pbuf b = {0};
	pb_uint(&b, 3, 0);
	pb_packed(&b, 4, NULL, 0);
	ck_assert_uint_eq(b.len, 0);
	pb_bytes(&b, 6, "", 0); /* but an empty string is an entry of the string table */
	ck_assert_mem_eq(b.data, "\x32\x00", 2);
	pb_free(&b);
}
END_TEST

/* A body of 127 and of 128 bytes: the length takes one byte, then two. */
START_TEST(test_nested)
{
	for (size_t body = 126; body < 131; body++) {
		unsigned char text[200] = {0};
		memset(text, 'x', sizeof text);
		struct pbuf b = {0};
		size_t outer = pb_open(&b, 1), inner = pb_open(&b, 2);
		pb_raw(&b, text, body);
		pb_close(&b, inner);
		pb_close(&b, outer);
		struct field f, g;
		ck_assert(find_field(b.data, b.len, 1, 0, &f));
		ck_assert(find_field(f.bytes, f.len, 2, 0, &g));
		ck_assert_uint_eq(g.len, body);
		ck_assert_mem_eq(g.bytes, text, body);
		pb_free(&b);
	}
}
END_TEST

/* --- gzip ------------------------------------------------------------------------------------- */

START_TEST(test_crc32)
{
	ck_assert_uint_eq(gzip_crc32("123456789", 9), 0xcbf43926u);
	ck_assert_uint_eq(gzip_crc32("", 0), 0);
}
END_TEST

/* Around the size of one stored block, and of two. */
START_TEST(test_gzip_sizes)
{
	static const size_t sizes[] = {0, 1, 65534, 65535, 65536, 131070, 131071, 200000};
	static unsigned char bytes[200000];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 251);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct pbuf file = {0};
		gzip_store(&file, bytes, sizes[i]);
		struct decoded d = gunzip(file.data, file.len);
		ck_assert_uint_eq(d.len, sizes[i]);
		ck_assert(!memcmp(d.msg, bytes, d.len));
		free(d.msg);
		pb_free(&file);
	}
}
END_TEST

START_TEST(test_gzip_detects_damage)
{
	struct pbuf file = {0};
	gzip_store(&file, (const unsigned char *)"profile", 7);
	file.data[17] ^= 1;
	unsigned char out[64];
	z_stream z = {.next_in = file.data,
		.avail_in = (unsigned)file.len,
		.next_out = out,
		.avail_out = sizeof out};
	ck_assert_int_eq(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
	ck_assert_int_eq(inflate(&z, Z_FINISH), Z_DATA_ERROR);
	inflateEnd(&z);
	pb_free(&file);
}
END_TEST

/* --- tables ----------------------------------------------------------------------------------- */

START_TEST(test_locations_are_unique)
{
	struct pprof *p = pprof_new(PPROF_CPU, 1000);
	struct pprof_line line = {"f", "f.c", 3};
	ck_assert_uint_eq(pprof_location(p, 0x10, &line, 1), 1);
	ck_assert_uint_eq(pprof_location(p, 0x20, &line, 1), 2);
	ck_assert_uint_eq(pprof_location(p, 0x10, &line, 1), 1);
	struct decoded d = encode_and_free(p);
	ck_assert_uint_eq(count_fields(d.msg, d.len, LOCATION), 2);
	ck_assert_uint_eq(count_fields(d.msg, d.len, FUNCTION), 1);
	free(d.msg);
}
END_TEST

/* Every table has to grow and to find what it already has. */
START_TEST(test_many)
{
	struct pprof *p = pprof_new(PPROF_GOROUTINE, 1);
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < 1000; i++) {
			char name[32];
			snprintf(name, sizeof name, "func%u", i);
			struct pprof_line line = {name, "f.c", i};
			uint64_t loc = pprof_location(p, 0x1000 + i, &line, 1);
			ck_assert_uint_eq(loc, i + 1);
			pprof_sample(p, &loc, 1, &(int64_t){i + 1}, NULL, NULL);
		}
	struct decoded d = encode_and_free(p);
	ck_assert_uint_eq(count_fields(d.msg, d.len, SAMPLE), 1000);
	ck_assert_uint_eq(count_fields(d.msg, d.len, FUNCTION), 1000);
	struct field most = nth(&d, SAMPLE, 0);
	uint64_t value;
	ck_assert_uint_eq(get_packed(&most, 2, &value, 1), 1);
	ck_assert_uint_eq(value, 2000);
	free(d.msg);
}
END_TEST

START_TEST(test_samples_add_up)
{
	struct pprof *p = pprof_new(PPROF_CPU, 10);
	uint64_t ab[] = {pprof_location(p, 1, NULL, 0), pprof_location(p, 2, NULL, 0)};
	uint64_t ba[] = {ab[1], ab[0]};
	int64_t one[] = {1, 10};
	pprof_sample(p, ab, 2, one, NULL, NULL);
	pprof_sample(p, ab, 2, one, NULL, NULL);
	pprof_sample(p, ba, 2, one, NULL, NULL);
	pprof_sample(p, ab, 2, one, "tenant", "a");
	pprof_sample(p, ab, 2, one, "tenant", "b");
	pprof_sample(p, ab, 1, one, NULL, NULL);
	struct decoded d = encode_and_free(p);
	ck_assert_uint_eq(count_fields(d.msg, d.len, SAMPLE), 5);
	struct field s = nth(&d, SAMPLE, 0);
	uint64_t v[2], locs[2];
	ck_assert_uint_eq(get_packed(&s, 2, v, 2), 2);
	ck_assert_uint_eq(v[0], 2);
	ck_assert_uint_eq(v[1], 20);
	ck_assert_uint_eq(get_packed(&s, 1, locs, 2), 2);
	ck_assert_mem_eq(locs, ab, sizeof ab);
	free(d.msg);
}
END_TEST

/* --- encode ----------------------------------------------------------------------------------- */

START_TEST(test_cpu_header)
{
	struct pprof *p = pprof_new(PPROF_CPU, 10000000);
	pprof_set_time(p, 1700000000000000000, 5000000000);
	struct decoded d = encode_and_free(p);
	static const char *want[][2] = {{"samples", "count"}, {"cpu", "nanoseconds"}};
	for (unsigned i = 0; i < 2; i++) {
		struct field t = nth(&d, SAMPLE_TYPE, i);
		ck_assert_str_eq(string_at(&d, get_uint(&t, 1)), want[i][0]);
		ck_assert_str_eq(string_at(&d, get_uint(&t, 2)), want[i][1]);
	}
	struct field t = nth(&d, PERIOD_TYPE, 0);
	ck_assert_str_eq(string_at(&d, get_uint(&t, 1)), "cpu");
	ck_assert_uint_eq(nth(&d, 12, 0).value, 10000000);
	ck_assert_uint_eq(nth(&d, 9, 0).value, 1700000000000000000);
	ck_assert_uint_eq(nth(&d, 10, 0).value, 5000000000);
	ck_assert_str_eq(string_at(&d, 0), "");
	free(d.msg);
}
END_TEST

START_TEST(test_inlined_lines_keep_their_order)
{
	struct pprof *p = pprof_new(PPROF_CPU, 1);
	struct pprof_line lines[] = {{"inner", "i.h", 7}, {"outer", "o.c", 70}};
	pprof_location(p, 0x99, lines, 2);
	struct decoded d = encode_and_free(p);
	struct field loc = nth(&d, LOCATION, 0), line;
	ck_assert_uint_eq(get_uint(&loc, 3), 0x99);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert(find_field(loc.bytes, loc.len, 4, i, &line));
		struct field func = nth(&d, FUNCTION, (unsigned)get_uint(&line, 1) - 1);
		ck_assert_str_eq(string_at(&d, get_uint(&func, 2)), lines[i].func);
		ck_assert_str_eq(string_at(&d, get_uint(&func, 4)), lines[i].file);
		ck_assert_uint_eq(get_uint(&line, 2), lines[i].line);
	}
	free(d.msg);
}
END_TEST

/* Two mappings: every location of the first is named, one of the second is not. */
START_TEST(test_mapping_claims)
{
	struct pprof *p = pprof_new(PPROF_CPU, 1);
	pprof_add_mapping(p, &(struct gsnap_map){0x1000, 0x2000, 0, "/bin/app", "ab12"});
	pprof_add_mapping(p, &(struct gsnap_map){0x2000, 0x3000, 0x40, "/lib/l.so", ""});
	struct pprof_line named = {"f", "f.c", 3};
	pprof_location(p, 0x1000, &named, 1);
	pprof_location(p, 0x2000, &named, 1);
	pprof_location(p, 0x2fff, NULL, 0);
	pprof_location(p, 0x3000, &named, 1);
	struct decoded d = encode_and_free(p);
	struct field app = nth(&d, MAPPING, 0), lib = nth(&d, MAPPING, 1);
	ck_assert_str_eq(string_at(&d, get_uint(&app, 5)), "/bin/app");
	ck_assert_str_eq(string_at(&d, get_uint(&app, 6)), "ab12");
	ck_assert_uint_eq(get_uint(&app, 7), 1);
	ck_assert_uint_eq(get_uint(&app, 9), 1);
	ck_assert_uint_eq(get_uint(&lib, 7), 0);
	ck_assert_uint_eq(get_uint(&lib, 4), 0x40);
	static const uint64_t mapping_of[] = {1, 2, 2, 0};
	for (unsigned i = 0; i < 4; i++) {
		struct field loc = nth(&d, LOCATION, i);
		ck_assert_uint_eq(get_uint(&loc, 2), mapping_of[i]);
	}
	free(d.msg);
}
END_TEST

START_TEST(test_no_mapping_known)
{
	struct pprof *p = pprof_new(PPROF_CPU, 1);
	pprof_location(p, 0x1234, &(struct pprof_line){"f", NULL, 0}, 1);
	struct decoded d = encode_and_free(p);
	struct field m = nth(&d, MAPPING, 0), loc = nth(&d, LOCATION, 0);
	ck_assert_uint_eq(get_uint(&loc, 2), get_uint(&m, 1));
	ck_assert_uint_eq(get_uint(&m, 7), 1);
	ck_assert_uint_eq(get_uint(&m, 8), 0); /* no file name known */
	ck_assert_uint_eq(get_uint(&m, 9), 0); /* no line known */
	free(d.msg);
}
END_TEST

/* --- goroutines ------------------------------------------------------------------------------- */

static struct decoded goroutine_profile(const struct gsnap *s)
{
	unsigned char *file;
	size_t len;
	ck_assert_int_eq(pprof_goroutines(s, PPROF_GOROUTINE, &file, &len), 0);
	struct decoded d = gunzip(file, len);
	free(file);
	return d;
}

static uint64_t count_of(const struct decoded *d, unsigned sample)
{
	uint64_t v;
	struct field s = nth(d, SAMPLE, sample);
	ck_assert_uint_eq(get_packed(&s, 2, &v, 1), 1);
	return v;
}

static const char *leaf_of(const struct decoded *d, unsigned sample)
{
	uint64_t locs[32];
	struct field s = nth(d, SAMPLE, sample), line;
	ck_assert_uint_gt(get_packed(&s, 1, locs, 32), 0);
	struct field loc = nth(d, LOCATION, (unsigned)locs[0] - 1);
	ck_assert(find_field(loc.bytes, loc.len, 4, 0, &line));
	struct field func = nth(d, FUNCTION, (unsigned)get_uint(&line, 1) - 1);
	return string_at(d, get_uint(&func, 2));
}

START_TEST(test_goroutines_by_stack)
{
	struct gsnap s;
	gsnap_init(&s, GSNAP_GO);
	canned_map(&s, "/bin/app");
	canned_g(&s, 1, GSTATUS_RUNNING, "", STACK("main.main"), NULL);
	for (uint64_t id = 10; id < 15; id++)
		canned_g(&s, id, GSTATUS_WAITING, "select", STACK("main.w", "main.r"), "main.main");
	canned_g(&s, 2, GSTATUS_WAITING, "", STACK("runtime.bgsweep"), NULL)->flags =
		GSNAP_G_SYSTEM;
	canned_g(&s, 3, GSTATUS_DEAD, "", NULL, NULL);
	struct decoded d = goroutine_profile(&s);
	ck_assert_uint_eq(count_fields(d.msg, d.len, SAMPLE), 2);
	ck_assert_uint_eq(count_of(&d, 0), 5);
	ck_assert_str_eq(leaf_of(&d, 0), "main.w");
	ck_assert_uint_eq(count_of(&d, 1), 1);
	ck_assert_str_eq(leaf_of(&d, 1), "main.main");
	struct field loc = nth(&d, LOCATION, 0);
	ck_assert_uint_eq(get_uint(&loc, 3), s.locs[canned_loc(&s, "main.main")].pc - 1);
	gsnap_free(&s);
	free(d.msg);
}
END_TEST

/* One more here, one fewer there; what did not change is left out. */
START_TEST(test_delta)
{
	struct gsnap before, after;
	unsigned char *file;
	size_t len;
	gsnap_init(&before, GSNAP_GO);
	gsnap_init(&after, GSNAP_GO);
	before.when = 1000000000;
	after.when = 3000000000;
	for (int i = 0; i < 3; i++)
		canned_g(&before, 10 + i, GSTATUS_WAITING, "select", STACK("main.w"), NULL);
	canned_g(&before, 20, GSTATUS_WAITING, "select", STACK("main.same"), NULL);
	canned_g(&after, 20, GSTATUS_WAITING, "select", STACK("main.same"), NULL);
	canned_g(&after, 10, GSTATUS_WAITING, "select", STACK("main.w"), NULL);
	canned_g(&after, 30, GSTATUS_WAITING, "select", STACK("main.fresh"), NULL);
	ck_assert_int_eq(pprof_goroutines_delta(&before, &after, PPROF_GOROUTINE, &file, &len), 0);
	struct decoded d = gunzip(file, len);
	free(file);
	ck_assert_uint_eq(count_fields(d.msg, d.len, SAMPLE), 2);
	ck_assert_str_eq(leaf_of(&d, 0), "main.fresh");
	ck_assert_uint_eq(count_of(&d, 0), 1);
	ck_assert_str_eq(leaf_of(&d, 1), "main.w");
	ck_assert_int_eq((int64_t)count_of(&d, 1), -2);
	ck_assert_uint_eq(nth(&d, 10, 0).value, 2000000000);
	gsnap_free(&before);
	gsnap_free(&after);
	free(d.msg);
}
END_TEST

/* The shape of debug=1: columns by tabs, most goroutines first, the runtime's leaves hidden. */
START_TEST(test_text)
{
	struct gsnap s;
	struct pprof_text text = {0};
	char want[1024];
	gsnap_init(&s, GSNAP_GO);
	canned_g(&s, 1, GSTATUS_RUNNING, "", NULL, NULL);
	for (int i = 0; i < 2; i++)
		canned_g(&s, 2 + i, GSTATUS_WAITING, "select",
			STACK("runtime.gopark", "main.w", "main.longer", "runtime.goexit"), NULL);
	canned_g(&s, 4, GSTATUS_WAITING, "select", STACK("runtime.gopark"), NULL);
	ck_assert_int_eq(pprof_goroutines_text(&s, PPROF_GOROUTINE, &text), 0);
	const struct gsnap_loc *l[4];
	static const char *const names[] = {
		"runtime.gopark", "main.w", "main.longer", "runtime.goexit"};
	for (int i = 0; i < 4; i++)
		l[i] = &s.locs[canned_loc(&s, names[i])];
	snprintf(want, sizeof want,
		"goroutine profile: total 4\n"
		"2 @ 0x%lx 0x%lx 0x%lx 0x%lx\n"
		"#\t0x%lx\tmain.w+0x0\t/src/main.w.go:%u\n"
		"#\t0x%lx\tmain.longer+0x0\t/src/main.longer.go:%u\n"
		"\n"
		"1 @ 0x%lx\n"
		"#\t0x%lx\truntime.gopark+0x0\t/src/runtime.gopark.go:%u\n"
		"\n"
		"1 @\n\n",
		l[0]->pc, l[1]->pc, l[2]->pc, l[3]->pc, l[1]->pc - 1, s.frames[l[1]->frame].line,
		l[2]->pc - 1, s.frames[l[2]->frame].line, l[0]->pc, l[0]->pc - 1,
		s.frames[l[0]->frame].line);
	ck_assert_str_eq(text.data, want);
	free(text.data);
	gsnap_free(&s);
}
END_TEST

START_TEST(test_goroutine_names_are_labels)
{
	struct gsnap s;
	gsnap_init(&s, GSNAP_GORT);
	canned_g(&s, 1, GSTATUS_WAITING, "sleep", STACK("worker"), NULL)->name = "ticker";
	canned_g(&s, 2, GSTATUS_WAITING, "sleep", STACK("worker"), NULL);
	canned_g(&s, 3, GSTATUS_WAITING, "sleep", STACK("worker"), NULL)->name = "ticker";
	struct decoded d = goroutine_profile(&s);
	ck_assert_uint_eq(count_fields(d.msg, d.len, SAMPLE), 2);
	ck_assert_uint_eq(count_of(&d, 0), 2);
	struct field named = nth(&d, SAMPLE, 0), label;
	ck_assert(find_field(named.bytes, named.len, 3, 0, &label));
	ck_assert_str_eq(string_at(&d, get_uint(&label, 1)), "name");
	ck_assert_str_eq(string_at(&d, get_uint(&label, 2)), "ticker");
	struct field plain = nth(&d, SAMPLE, 1);
	ck_assert(!find_field(plain.bytes, plain.len, 3, 0, &label));
	gsnap_free(&s);
	free(d.msg);
}
END_TEST

START_TEST(test_goroutine_without_stack_counts)
{
	struct gsnap s;
	gsnap_init(&s, GSNAP_GO);
	canned_g(&s, 1, GSTATUS_RUNNING, "", NULL, NULL)->flags = GSNAP_G_MOVING;
	struct decoded d = goroutine_profile(&s);
	ck_assert_uint_eq(count_of(&d, 0), 1);
	ck_assert_str_eq(leaf_of(&d, 0), "[stack not read]");
	gsnap_free(&s);
	free(d.msg);
}
END_TEST

START_TEST(test_empty_snapshot)
{
	struct gsnap s;
	gsnap_init(&s, GSNAP_GO);
	struct decoded d = goroutine_profile(&s);
	ck_assert_uint_eq(count_fields(d.msg, d.len, SAMPLE), 0);
	ck_assert_uint_eq(count_fields(d.msg, d.len, MAPPING), 1);
	ck_assert_uint_gt(nth(&d, 9, 0).value, 0);
	gsnap_free(&s);
	free(d.msg);
}
END_TEST

static void add_case(Suite *suite, const char *name, const TTest *const *tests)
{
	TCase *tc = tcase_create(name);
	for (; *tests; tests++)
		tcase_add_test(tc, *tests);
	suite_add_tcase(suite, tc);
}

#define CASE(suite, name, ...) add_case(suite, name, (const TTest *const[]){__VA_ARGS__, NULL})

static Suite *test_suite(void)
{
	Suite *suite = suite_create("pprof");
	CASE(suite, "wire", test_varint, test_zero_is_absent, test_nested);
	CASE(suite, "gzip", test_crc32, test_gzip_sizes, test_gzip_detects_damage);
	CASE(suite, "tables", test_locations_are_unique, test_many, test_samples_add_up);
	CASE(suite, "encode", test_cpu_header, test_inlined_lines_keep_their_order,
		test_mapping_claims, test_no_mapping_known);
	CASE(suite, "goroutines", test_goroutines_by_stack, test_goroutine_names_are_labels,
		test_goroutine_without_stack_counts, test_empty_snapshot, test_delta, test_text);
	return suite;
}

#include "check_main.h"
