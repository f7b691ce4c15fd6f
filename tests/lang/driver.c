/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * driver.c - runs a script of operations on libgort and prints what each gives; driver/main.go does
 * the same in Go, line by line, and diff.py compares. A line is an operation and its arguments:
 * numbers, or text in hex ("-" is empty). Indexes are taken modulo what is allowed, as no script
 * knows the lengths.
 */
#include "driver.h"

#define MAXWORDS 16

/* The words of the line. */
static char *words[MAXWORDS];
static int nwords;

static long num(int i)
{
	return i < nwords ? strtol(words[i], nil, 10) : 0;
}

/* A word of hex as text in the collected heap. */
static string text(int i)
{
	if (i >= nwords || words[i][0] == '-')
		return (string){0};
	size_t n = strlen(words[i]) / 2;
	char *p = gort_new_array(char, n, &gort_noscan);
	for (size_t k = 0; k < n; k++) {
		unsigned c;
		sscanf(words[i] + 2 * k, "%2x", &c);
		p[k] = (char)c;
	}
	return (string){p, (isize)n};
}

static uint64_t word64(int i)
{
	return strtoull(words[i], nil, 10);
}

static double real(int i)
{
	return frombits(word64(i));
}

/* ---- slices ---- */

static void ints_append(void)
{
	longs *s = &ints[num(1)];
	switch (num(2)) {
	case 1:
		append(s, num(3));
		break;
	case 2:
		append(s, num(3), num(4));
		break;
	default:
		append(s, num(3), num(4), num(5));
	}
	SHAPE(*s);
}

static void ints_concat(void)
{
	append_slice(&ints[num(1)], ints[num(2)]);
	if (ints[num(1)].len > 3000)
		ints[num(1)] = (longs){0};
	SHAPE(ints[num(1)]);
}

static void ints_sub(void)
{
	isize a, b;
	longs s = ints[num(2)];
	bounds(s.cap, num(3), num(4), &a, &b);
	ints[num(1)] = sub(s, a, b);
	SHAPE(ints[num(1)]);
}

static void ints_sub3(void)
{
	isize a, b;
	longs s = ints[num(2)];
	bounds(s.cap, num(3), num(4), &a, &b);
	ints[num(1)] = sub3(s, a, b, b + num(5) % (s.cap - b + 1));
	SHAPE(ints[num(1)]);
}

static void ints_set(void)
{
	longs s = ints[num(1)];
	if (s.len)
		at(s, num(2) % s.len) = num(3);
}

static void ints_copy(void)
{
	putnum(copy(ints[num(1)], ints[num(2)]));
}

static void ints_make(void)
{
	ints[num(1)] = make_slice(longs, num(2), num(2) + num(3));
	SHAPE(ints[num(1)]);
}

static void ints_clear(void)
{
	slice_clear(ints[num(1)]);
}

static void ints_dump(void)
{
	for (int i = 0; i < SLOTS; i++) {
		SHAPE(ints[i]);
		for
			range(k, v, ints[i]) printf("%s%ld", k ? "," : ":", v);
	}
}

static void bytes_append(void)
{
	gort_bytes *s = &octets[num(1)];
	append_slice(s, text(2));
	append(s, (uint8_t)num(3));
	SHAPE(*s);
	puttext(bytes_str(*s));
}

static void bytes_of(void)
{
	octets[num(1)] = str_bytes(text(2));
	putnum(octets[num(1)].len);
	octets[num(1)] = sub3(octets[num(1)], 0, octets[num(1)].len, octets[num(1)].len);
}

static void strs_append(void)
{
	for (long i = num(2); i > 0; i--)
		append(&strs[num(1)], text(3));
	SHAPE(strs[num(1)]);
}

static void recs_append(void)
{
	for (long i = num(2); i > 0; i--)
		append(&recs[num(1)], {i, 2, 3});
	SHAPE(recs[num(1)]);
}

static void panics(void)
{
	error err = protect(bad_slice, (int)num(1), num(2), num(3), num(4));
	puterror(err);
}

/* ---- buffer, errors ---- */

static void buffer_write(void)
{
	gort_buffer_string(&buffer, text(1));
	gort_buffer_byte(&buffer, (uint8_t)num(2));
	gort_buffer_rune(&buffer, (int32_t)num(3));
	putnum(gort_buffer_len(&buffer));
}

static void buffer_read(void)
{
	char p[16];
	uint8_t c = 0;
	int32_t r;
	isize got, size;
	string line;
	puterror(gort_buffer_read(&buffer, p, num(1), &got));
	puttext((string){p, got});
	puterror(gort_buffer_unread_rune(&buffer));
	puterror(gort_buffer_read_rune(&buffer, &r, &size));
	putnum(r);
	putnum(size);
	if (num(2))
		puterror(gort_buffer_unread_byte(&buffer));
	else
		puterror(gort_buffer_unread_rune(&buffer));
	gort_bytes next = gort_buffer_next(&buffer, num(3));
	puttext(bytes_str(next));
	puterror(gort_buffer_read_byte(&buffer, &c));
	putnum(c);
	puterror(gort_buffer_read_string(&buffer, (uint8_t)num(4), &line));
	puttext(line);
	putnum(gort_buffer_len(&buffer));
	puttext(gort_buffer_text(&buffer));
}

static void chain(void)
{
	error err = bases()[num(1)];
	for (long i = num(2); i > 0; i--)
		err = i % 2 ? error_wrap(err, "level %ld", i) : error_join(err, bases()[num(3)]);
	puterror(err);
	for (int i = 0; i < 3; i++)
		putnum(error_is(err, bases()[i]));
	puterror(error_unwrap(err));
}

static void error_tree(void)
{
	error err = tree(text(1));
	puterror(err);
	for (int i = 0; i < 3; i++)
		putnum(error_is(err, bases()[i]));
	putnum(error_is(err, code_error(num(2))));
	const struct code_error *first = error_as(err, struct code_error, code_error);
	putnum(first ? first->code : -1);
	puterror(error_unwrap(err));
}

static void unwinds(void)
{
	unwind(text(1));
}

/* ---- maps ---- */

static void int_set(void)
{
	map_at(intmap, num(1)) += num(2);
	map_at(smallmap, (int)num(1)) = sprint(num(2));
	map_at(textmap, text(3)) = num(2);
	map_at(pairmap, ((pair){num(1) % 7, text(3)}))++;
}

static void int_get(void)
{
	long *p = map_get(intmap, num(1)), *q = map_get(textmap, text(2));
	string *s = map_get(smallmap, (int)num(1));
	putnum(p ? *p : -1);
	putnum(q ? *q : -1);
	puttext(s ? *s : S("none"));
	putnum(map_value(pairmap, ((pair){num(1) % 7, text(2)})));
}

static void int_delete(void)
{
	map_delete(intmap, num(1));
	map_delete(smallmap, (int)num(1));
	map_delete(textmap, text(2));
	map_delete(pairmap, ((pair){num(1) % 7, text(2)}));
	putnum(map_len(intmap));
	putnum(map_len(textmap));
	putnum(map_len(pairmap));
}

static void float_set(void)
{
	map_at(floatmap, real(1))++;
	putnum(map_len(floatmap));
	putnum(map_value(floatmap, real(1)));
}

static void maps_clear(void)
{
	map_clear(intmap);
	map_clear(textmap);
	map_clear(floatmap);
	putnum(map_len(intmap));
}

/* While it is iterated over, the map loses the even keys and gets new ones. */
static void int_sweep(void)
{
	long visited = 0;
	map_range (long, k, v, intmap) {
		(void)v;
		if (k >= 100000)
			continue;
		if (k % 2 == 0)
			map_delete(intmap, k);
		else
			visited += k;
		map_at(intmap, 100000 + k) = v;
	}
	putnum(visited);
	putnum(map_len(intmap));
	longs keys = {0};
	long sum = 0;
	map_range (long, k, v, intmap) {
		append(&keys, k);
		sum += v;
	}
	if (keys.len)
		qsort(keys.ptr, (size_t)keys.len, sizeof(long), bylong);
	for
		range(i, k, keys) putnum(k);
	putnum(sum);
}

/* ---- strings ---- */

static void str_searches(void)
{
	string s = text(1), t = text(2), before, after;
	putnum(str_index(s, t));
	putnum(str_last_index(s, t));
	putnum(str_count(s, t));
	putnum(str_index_any(s, t));
	putnum(str_contains(s, t));
	putnum(str_has_prefix(s, t));
	putnum(str_has_suffix(s, t));
	putnum(str_compare(s, t));
	putnum(str_equal_fold(s, t));
	putnum(str_index_rune(s, (int32_t)num(3)));
	putnum(str_index_byte(s, (uint8_t)num(3)));
	putnum(str_last_index_byte(s, (uint8_t)num(3)));
	putnum(str_cut(s, t, &before, &after));
	puttext(before);
	puttext(after);
}

static void str_parts(void)
{
	string s = text(1), t = text(2);
	puttexts(str_split(s, t));
	puttexts(str_splitn(s, t, num(3)));
	puttexts(str_split_after(s, t));
	puttexts(str_fields(s));
	puttext(str_join(str_split(s, t), S("--")));
}

static void str_trims(void)
{
	string s = text(1), t = text(2);
	puttext(str_trim(s, t));
	puttext(str_trim_left(s, t));
	puttext(str_trim_right(s, t));
	puttext(str_trim_space(s));
	puttext(str_trim_prefix(s, t));
	puttext(str_trim_suffix(s, t));
}

static void str_changes(void)
{
	string s = text(1), t = text(2);
	puttext(str_replace(s, t, text(3), num(4)));
	puttext(str_replace_all(s, t, text(3)));
	puttext(str_to_upper(s));
	puttext(str_to_lower(s));
	puttext(str_repeat(s, num(4) + 1));
	puttext(str_concat(s, t, text(3)));
	puttext(str_sub(s, 0, s.len / 2));
}

static void str_runes_(void)
{
	string s = text(1);
	isize size, last;
	builder b = {0};
	putnum(utf8_count(s));
	putnum(utf8_valid(s));
	putnum(utf8_decode(s, &size));
	putnum(utf8_decode_last(s, &last));
	putnum(size);
	putnum(last);
	str_range(i, r, s)
	{
		printf(" %td:%d", i, r);
		builder_rune(&b, r);
		builder_byte(&b, '|');
	}
	puttext(builder_result(&b));
	puttext(runes_str(str_runes(s)));
	puttext(rune_str((int32_t)num(2)));
	putnum(utf8_runelen((int32_t)num(2)));
}

static void fold(void)
{
	string a = rune_str((int32_t)num(1));
	puttext(str_to_upper(a));
	puttext(str_to_lower(a));
	putnum(str_equal_fold(a, str_to_upper(a)));
	putnum(str_equal_fold(a, rune_str((int32_t)num(2))));
	puttext(quote(a));
	puttext(str_trim_space(a));
}

/* A sum over all runes of what becomes of them. */
static void every_rune(void)
{
	uint64_t sum = 0;
	for (int32_t r = 0; r <= GORT_RUNE_MAX; r++) {
		string a = rune_str(r), b = str_concat(str_to_upper(a), str_to_lower(a), quote(a));
		for
			range(i, c, b) sum = sum * 31 + (uint8_t)c;
		sum = sum * 31 + str_equal_fold(a, rune_str(r ^ 32)) + 2 * !str_trim_space(a).len;
	}
	printf(" %" PRIu64, sum);
}

/* ---- strconv ---- */

static void quoting(void)
{
	string s = text(1), back;
	puttext(quote(s));
	puttext(quote_ascii(s));
	error err = unquote(s, &back);
	puterror(err);
	puttext(back);
	puttext(quote_rune((int32_t)num(2)));
	if ((err = unquote(quote(s), &back)))
		puterror(err);
	puttext(back);
}

static void parsing(void)
{
	int64_t i;
	uint64_t u;
	isize a;
	double d;
	bool b;
	string s = text(1);
	int base = (int)num(2), bits = (int)num(3);
	puterror(parse_int(s, base, bits, &i));
	printf(" %" PRId64, i);
	puterror(parse_uint(s, base, bits, &u));
	printf(" %" PRIu64, u);
	puterror(gort_atoi(s, &a));
	putnum(a);
	puterror(parse_float(s, num(4) ? 32 : 64, &d));
	uint64_t image;
	memcpy(&image, &d, sizeof(d));
	printf(" %" PRIu64, d != d ? 1 : image);
	puterror(parse_bool(s, &b));
	putnum(b);
}

static void formatting(void)
{
	int64_t v = (int64_t)word64(1);
	double d = real(1);
	puttext(format_int(v, (int)num(2)));
	puttext(format_uint((uint64_t)v, (int)num(2)));
	puttext(itoa(v));
	for (const char *f = "eEfgG"; *f; f++) {
		puttext(format_float(d, *f, -1, 64));
		puttext(format_float(d, *f, -1, 32));
		puttext(format_float(d, *f, (int)num(3), 64));
		puttext(format_float(d, *f, (int)num(3), 32));
	}
	puttext(sprint(d, " ", v, " ", (float)d, " ", (bool)(d < 0)));
}

static const struct {
	const char *name;
	void (*run)(void);
} operations[] = {{"ints_append", ints_append}, {"ints_concat", ints_concat},
	{"ints_sub", ints_sub}, {"ints_sub3", ints_sub3}, {"ints_set", ints_set},
	{"ints_copy", ints_copy}, {"ints_make", ints_make}, {"ints_clear", ints_clear},
	{"ints_dump", ints_dump}, {"bytes_append", bytes_append}, {"bytes_of", bytes_of},
	{"strs_append", strs_append}, {"recs_append", recs_append}, {"panics", panics},
	{"buffer_write", buffer_write}, {"buffer_read", buffer_read}, {"chain", chain},
	{"error_tree", error_tree}, {"unwinds", unwinds}, {"int_set", int_set},
	{"int_get", int_get}, {"int_delete", int_delete}, {"float_set", float_set},
	{"maps_clear", maps_clear}, {"int_sweep", int_sweep}, {"str_searches", str_searches},
	{"str_parts", str_parts}, {"str_trims", str_trims}, {"str_changes", str_changes},
	{"str_runes", str_runes_}, {"fold", fold}, {"every_rune", every_rune}, {"quoting", quoting},
	{"parsing", parsing}, {"formatting", formatting}};

static void run(char *line)
{
	nwords = 0;
	for (char *w = strtok(line, " \n"); w && nwords < MAXWORDS; w = strtok(nil, " \n"))
		words[nwords++] = w;
	if (nwords == 0)
		return;
	put(words[0]);
	if (strcmp(words[0], "script") == 0) {
		begin();
		putnum(num(1));
	}
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (strcmp(words[0], operations[i].name) == 0)
			operations[i].run();
	}
	put("\n");
}

int gort_main(int argc, char **argv)
{
	char *line = nil;
	size_t room = 0;
	(void)argc, (void)argv;
	begin();
	while (getline(&line, &room, stdin) > 0)
		run(line);
	free(line);
	return 0;
}
