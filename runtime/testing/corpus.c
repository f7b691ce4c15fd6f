/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * corpus.c - files of a fuzz corpus in Go's format (Go's internal/fuzz/encoding.go):
 *
 *	go test fuzz v1
 *	[]byte("text \x00 with Go's escapes")
 *	int(-3)
 *
 * A line a value, in the order of the target's arguments. Such files come from anybody.
 */
#include "testing/corpus.h"

#include <string.h>

#define TYPE(c, go, kind, size) const struct gort_fuzztype gort_fuzz_##c = {go, kind, size}
TYPE(bool, "bool", GORT_FUZZ_BOOL, 1);
TYPE(bytes, "[]byte", GORT_FUZZ_BYTES, sizeof(gort_bytes));
TYPE(string, "string", GORT_FUZZ_STRING, sizeof(gort_string));
TYPE(i8, "int8", GORT_FUZZ_INT, 1);
TYPE(i16, "int16", GORT_FUZZ_INT, 2);
TYPE(i32, "int32", GORT_FUZZ_INT, 4);
TYPE(i64, "int64", GORT_FUZZ_INT, 8);
TYPE(int, "int", GORT_FUZZ_INT, 8);
TYPE(u8, "uint8", GORT_FUZZ_UINT, 1);
TYPE(u16, "uint16", GORT_FUZZ_UINT, 2);
TYPE(u32, "uint32", GORT_FUZZ_UINT, 4);
TYPE(u64, "uint64", GORT_FUZZ_UINT, 8);
TYPE(uint, "uint", GORT_FUZZ_UINT, 8);
TYPE(f32, "float32", GORT_FUZZ_FLOAT, 4);
TYPE(f64, "float64", GORT_FUZZ_FLOAT, 8);

static const string version = {"go test fuzz v1", 15};

/* ---- a value's text to the value ---- */

/* Integers are stored by their low bytes. */
static error take_int(const struct gort_fuzztype *type, string text, union gort_fuzzvalue *v)
{
	int64_t n;
	error err = parse_int(text, 0, (int)type->size * 8, &n);
	memcpy(v->value, &n, type->size);
	return err;
}

/* A byte or a rune may be a character: 'a'. */
static error take_uint(const struct gort_fuzztype *type, string text, union gort_fuzzvalue *v)
{
	uint64_t n;
	error err = parse_uint(text, 0, (int)type->size * 8, &n);
	memcpy(v->value, &n, type->size);
	return err;
}

static error take_char(const struct gort_fuzztype *type, string text, union gort_fuzzvalue *v)
{
	string c;
	isize size;
	error err = unquote(text, &c);
	int32_t r = utf8_decode(c, &size);
	if (r == GORT_RUNE_ERROR && size == 1) /* an escape for a byte */
		r = (uint8_t)c.ptr[0];
	if (!err && type->size == 1 && r > 255)
		return err_range;
	memcpy(v->value, &r, type->size);
	return err;
}

static error take_float(const struct gort_fuzztype *type, string text, union gort_fuzzvalue *v)
{
	double d;
	error err = parse_float(text, (int)type->size * 8, &d);
	float f = (float)d;
	memcpy(v->value, type->size == 4 ? (void *)&f : (void *)&d, type->size);
	return err;
}

static error take_bool(string text, union gort_fuzzvalue *v)
{
	bool b = str_equal(text, S("true"));
	v->value[0] = b;
	return b || str_equal(text, S("false")) ? nil : err_syntax;
}

static error take_text(const struct gort_fuzztype *type, string text, union gort_fuzzvalue *v)
{
	string s;
	error err = text.len && text.ptr[0] == '\'' ? err_syntax : unquote(text, &s);
	if (err)
		return err;
	if (type->kind == GORT_FUZZ_BYTES)
		v->bytes = str_bytes(s);
	else
		v->string = s;
	return nil;
}

static error take(const struct gort_fuzztype *type, string text, union gort_fuzzvalue *v)
{
	bool character = text.len && text.ptr[0] == '\'';
	switch (type->kind) {
	case GORT_FUZZ_BYTES:
	case GORT_FUZZ_STRING:
		return take_text(type, text, v);
	case GORT_FUZZ_BOOL:
		return take_bool(text, v);
	case GORT_FUZZ_INT:
		return character && type->size == 4 ? take_char(type, text, v)
						    : take_int(type, text, v);
	case GORT_FUZZ_UINT:
		return character && type->size == 1 ? take_char(type, text, v)
						    : take_uint(type, text, v);
	default:
		return take_float(type, text, v);
	}
}

/* ---- a line ---- */

/* The bits of a floating point number, by which Go writes a NaN that is not the usual one. */
static bool frombits(const struct gort_fuzztype *type, string name)
{
	return type->kind == GORT_FUZZ_FLOAT &&
	       str_equal(name,
		       type->size == 4 ? S("math.Float32frombits") : S("math.Float64frombits"));
}

/* Go's other names of two types; and a target of FUZZ takes a string as well as a []byte. */
static bool named(const struct gort_fuzztype *type, string name)
{
	if (str_equal(name, S("byte")))
		name = S("uint8");
	else if (str_equal(name, S("rune")))
		name = S("int32");
	return str_equal(name, str_view(type->name)) ||
	       (type->kind == GORT_FUZZ_BYTES && str_equal(name, S("string")));
}

static error decode_line(string line, const struct gort_fuzztype *type, union gort_fuzzvalue *v)
{
	isize open = str_index_byte(line, '(');
	if (open < 0 || line.ptr[line.len - 1] != ')')
		return errorf("malformed line %s: expected call expression", str_cstr(quote(line)));
	string name = str_sub(line, 0, open), text = str_sub(line, open + 1, line.len - 1);
	if (!named(type, name) && !frombits(type, name))
		return errorf("mismatched types in corpus entry: [%s], want [%s]", str_cstr(name),
			type->name);
	error err = frombits(type, name) ? take_uint(type, str_trim_space(text), v)
					 : take(type, str_trim_space(text), v);
	return err ? errorf("malformed line %s: %s", str_cstr(quote(line)), error_text(err)) : nil;
}

static isize count(const struct gort_fuzztype *const *types)
{
	isize n = 0;
	while (types[n])
		n++;
	return n;
}

error corpus_decode(
	string text, const struct gort_fuzztype *const *types, union gort_fuzzvalue *args)
{
	string first, rest;
	isize n = 0, want = count(types);
	if (!str_cut(text, S("\n"), &first, &rest))
		return error_new("must include version and at least one value");
	if (!str_equal(str_trim_suffix(first, S("\r")), version))
		return errorf("unknown encoding version: %s", str_cstr(first));
	for
		range(i, whole, str_split(rest, S("\n")))
		{
			string line = str_trim_space(whole);
			if (!line.len)
				continue;
			error err = n < want ? decode_line(line, types[n], &args[n]) : nil;
			if (err)
				return err;
			n++;
		}
	return n == want ? nil
			 : errorf("wrong number of values in corpus entry: %td, want %td", n, want);
}

/* ---- the other way ---- */

static int64_t load_int(const struct gort_fuzztype *type, const union gort_fuzzvalue *v)
{
	int64_t n = 0;
	unsigned unused = 64 - 8 * type->size;
	memcpy(&n, v->value, type->size);
	return (int64_t)((uint64_t)n << unused) >> unused;
}

static string float_text(const struct gort_fuzztype *type, const union gort_fuzzvalue *v)
{
	double d;
	float f;
	uint64_t bits = 0;
	memcpy(&f, v->value, sizeof(f));
	memcpy(&d, v->value, sizeof(d));
	memcpy(&bits, v->value, type->size);
	d = type->size == 4 ? (double)f : d;
	if (d != d)
		return gort_sprintf("math.Float%dfrombits(0x%llx)", (int)type->size * 8,
			(unsigned long long)bits);
	string text = format_float(d, 'g', -1, (int)type->size * 8);
	return gort_sprintf("%s(%.*s)", type->name, (int)text.len, text.ptr);
}

static string value_text(const struct gort_fuzztype *type, const union gort_fuzzvalue *v)
{
	uint64_t n = 0;
	switch (type->kind) {
	case GORT_FUZZ_BYTES:
		return str_concat(S("[]byte("), quote(bytes_str(v->bytes)), S(")"));
	case GORT_FUZZ_STRING:
		return str_concat(S("string("), quote(v->string), S(")"));
	case GORT_FUZZ_BOOL:
		return v->value[0] ? S("bool(true)") : S("bool(false)");
	case GORT_FUZZ_INT:
		return gort_sprintf("%s(%lld)", type->name, (long long)load_int(type, v));
	case GORT_FUZZ_UINT:
		memcpy(&n, v->value, type->size);
		return gort_sprintf("%s(%llu)", type->name, (unsigned long long)n);
	default:
		return float_text(type, v);
	}
}

string corpus_encode(const struct gort_fuzztype *const *types, const union gort_fuzzvalue *args)
{
	builder b = {0};
	builder_string(&b, version);
	builder_byte(&b, '\n');
	for (; *types; types++, args++) {
		builder_string(&b, value_text(*types, args));
		builder_byte(&b, '\n');
	}
	return builder_result(&b);
}

/* ---- from a fuzzer ---- */

/*
 * A text but the last begins with its length: a byte, or LONG and four; the last one is what
 * remains. Most texts that a fuzzer makes are short, and one byte is soon hit upon.
 */
#define LONG 255u

static size_t split_length(const uint8_t *data, size_t size, size_t *n)
{
	uint32_t length = 0;
	*n = size ? data[0] : 0;
	if (*n < LONG)
		return size ? 1 : 0;
	memcpy(&length, data + 1, size - 1 < 4 ? size - 1 : 4);
	*n = length;
	return size < 5 ? size : 5;
}

static size_t split_text(const uint8_t *data, size_t size, const struct gort_fuzztype *type,
	bool last, union gort_fuzzvalue *v)
{
	size_t n = size, head = last ? 0 : split_length(data, size, &n);
	if (n > size - head)
		n = size - head;
	if (type->kind == GORT_FUZZ_BYTES)
		v->bytes = (gort_bytes){(uint8_t *)(uintptr_t)data + head, (isize)n, (isize)n};
	else
		v->string = str_unsafe(data + head, (isize)n);
	return head + n;
}

static size_t split_value(
	const uint8_t *data, size_t size, const struct gort_fuzztype *type, union gort_fuzzvalue *v)
{
	size_t n = type->size < size ? type->size : size;
	memset(v->value, 0, sizeof(v->value));
	if (n)
		memcpy(v->value, data, n);
	if (type->kind == GORT_FUZZ_BOOL)
		v->value[0] &= 1;
	return n;
}

void corpus_split(const uint8_t *data, size_t size, const struct gort_fuzztype *const *types,
	union gort_fuzzvalue *args)
{
	for (; *types; types++, args++) {
		bool text = (*types)->kind <= GORT_FUZZ_STRING;
		size_t n = text ? split_text(data, size, *types, !types[1], args)
				: split_value(data, size, *types, args);
		data += n;
		size -= n;
	}
}

static void join_text(
	builder *to, const struct gort_fuzztype *type, bool last, const union gort_fuzzvalue *v)
{
	string s =
		type->kind == GORT_FUZZ_BYTES ? str_unsafe(v->bytes.ptr, v->bytes.len) : v->string;
	uint32_t length = (uint32_t)s.len;
	if (!last)
		builder_byte(to, length < LONG ? (uint8_t)length : LONG);
	if (!last && length >= LONG)
		gort_builder_write(to, &length, sizeof(length));
	builder_string(to, s);
}

gort_bytes corpus_join(const struct gort_fuzztype *const *types, const union gort_fuzzvalue *args)
{
	builder to = {0};
	for (; *types; types++, args++) {
		if ((*types)->kind <= GORT_FUZZ_STRING)
			join_text(&to, *types, !types[1], args);
		else
			gort_builder_write(&to, args->value, (*types)->size);
	}
	return to.buf;
}
