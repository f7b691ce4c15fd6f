/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dwtype.c - DWARF types and values of them as text.
 *
 * Everything is bounded: depth, elements, characters. A pointer that the variable itself is, or
 * that the first level of it has, is followed once, into a copy of its own: memory that is gone by
 * then leaves the address alone.
 */
#include "dwtype.h"

#include <dwarf.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "dwscopes.h"

/* internal/abi.Kind, in the attribute that Go's linker adds to its types. */
enum { DW_AT_go_kind = 0x2900, DW_AT_go_elem = 0x2902 };
enum { GO_ARRAY = 17, GO_CHAN, GO_FUNC, GO_INTERFACE, GO_MAP, GO_POINTER, GO_SLICE, GO_STRING };

#define MAX_DEPTH  4   /* of values in values */
#define MAX_PEEL   32  /* typedefs of typedefs */
#define MAX_SHOWN  16  /* elements, members */
#define MAX_CHARS  64  /* of a string */
#define MAX_TARGET 512 /* bytes of what a pointer leads to */

struct printer {
	const struct tmem *mem;
	const struct dwnames *names;
	struct dwtext *out;
	unsigned depth, followed;
};

static void add(struct dwtext *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct dwtext *t, const char *fmt, ...)
{
	va_list ap;
	if (t->n >= sizeof t->s - 4)
		return;
	size_t room = sizeof t->s - 3 - t->n;
	va_start(ap, fmt);
	int n = vsnprintf(t->s + t->n, room, fmt, ap);
	va_end(ap);
	t->n += n > 0 ? (size_t)n : 0;
	if (t->n >= sizeof t->s - 3) {
		t->n = sizeof t->s - 4;
		strcpy(t->s + t->n, "...");
	}
}

static uint64_t word(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static int64_t number(Dwarf_Die *die, unsigned name, int64_t none)
{
	Dwarf_Attribute at;
	Dwarf_Sword v;
	return dwarf_attr_integrate(die, name, &at) && !dwarf_formsdata(&at, &v) ? v : none;
}

bool dwtype_of(Dwarf_Die *die, Dwarf_Die *type)
{
	Dwarf_Attribute at;
	return dwarf_attr_integrate(die, DW_AT_type, &at) && dwarf_formref_die(&at, type);
}

uint64_t dwtype_size(Dwarf_Die *type)
{
	Dwarf_Word size;
	return dwarf_aggregate_size(type, &size) ? 0 : size;
}

static bool transparent(int tag)
{
	return tag == DW_TAG_typedef || tag == DW_TAG_const_type || tag == DW_TAG_volatile_type ||
	       tag == DW_TAG_restrict_type || tag == DW_TAG_atomic_type;
}

/* The type behind names and qualifiers; false when that is void. */
static bool peel(Dwarf_Die *type)
{
	for (int i = 0; transparent(dwarf_tag(type)); i++)
		if (i == MAX_PEEL || !dwtype_of(type, type))
			return false;
	return true;
}

/* ---- names ---- */

static const char *tag_word(int tag)
{
	switch (tag) {
	case DW_TAG_structure_type:
		return "struct ";
	case DW_TAG_union_type:
		return "union ";
	case DW_TAG_enumeration_type:
		return "enum ";
	case DW_TAG_const_type:
		return "const ";
	case DW_TAG_volatile_type:
		return "volatile ";
	default:
		return "";
	}
}

/* Elements of an array, -1 when that is not told. */
static int64_t array_length(Dwarf_Die *type)
{
	Dwarf_Die range;
	if (dwarf_child(type, &range))
		return -1;
	do {
		if (dwarf_tag(&range) != DW_TAG_subrange_type)
			continue;
		int64_t n = number(&range, DW_AT_count, -1);
		int64_t top = number(&range, DW_AT_upper_bound, -2);
		if (n < 0 && top < UINT32_MAX)
			n = top + 1;
		return n >= 0 && n <= UINT32_MAX ? n : -1;
	} while (dwscopes_next(&range));
	return -1;
}

static void name_at(Dwarf_Die *type, struct dwtext *out, int depth)
{
	Dwarf_Die of;
	int tag = dwarf_tag(type);
	const char *name = dwarf_diename(type), *space = "";
	if (name && number(type, DW_AT_go_kind, 0)) {
		add(out, "%s", name);
		return;
	}
	if (name || depth == MAX_PEEL) {
		add(out, "%s%s", tag_word(tag), name ? name : "...");
		return;
	}
	bool refers = dwtype_of(type, &of);
	if (tag == DW_TAG_const_type || tag == DW_TAG_volatile_type)
		add(out, "%s", tag_word(tag));
	if (tag == DW_TAG_subroutine_type)
		add(out, "function");
	else if (refers)
		name_at(&of, out, depth + 1);
	else
		add(out, tag == DW_TAG_structure_type ? "struct {...}" : "void");
	if (refers && dwarf_tag(&of) != DW_TAG_pointer_type)
		space = " ";
	if (tag == DW_TAG_pointer_type)
		add(out, "%s*", refers ? space : " ");
	else if (tag == DW_TAG_array_type)
		add(out, "[%" PRId64 "]", array_length(type));
}

void dwtype_name(Dwarf_Die *type, struct dwtext *out)
{
	out->n = 0;
	out->s[0] = '\0';
	name_at(type, out, 0);
}

/* ---- values ---- */

static void print_value(struct printer *p, Dwarf_Die *type, const uint8_t *bytes, size_t n);

static void quote(struct printer *p, const char *text, size_t n)
{
	add(p->out, "\"");
	for (size_t i = 0; i < n; i++)
		if (text[i] == '"' || text[i] == '\\')
			add(p->out, "\\%c", text[i]);
		else if (text[i] == '\n')
			add(p->out, "\\n");
		else if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			add(p->out, "\\x%02x", (unsigned char)text[i]);
		else
			add(p->out, "%c", text[i]);
	add(p->out, "\"");
}

/* Text of the target as a literal; len of which MAX_CHARS at most are shown. */
static void print_chars(struct printer *p, uint64_t at, uint64_t len)
{
	char text[MAX_CHARS];
	size_t n = len < sizeof text ? len : sizeof text;
	if (n && !tmem_read(p->mem, (taddr){at}, text, n)) {
		add(p->out, "(%" PRIu64 " bytes at 0x%" PRIx64 ", unreadable)", len, at);
		return;
	}
	quote(p, text, n);
	if (len > n)
		add(p->out, "... (len %" PRIu64 ")", len);
}

/* A string of C: up to its NUL, piece by piece, since what lies behind it may not be mapped. */
static void print_cstring(struct printer *p, uint64_t at)
{
	char text[MAX_CHARS];
	size_t n = 0;
	while (n < sizeof text && tmem_read(p->mem, (taddr){at + n}, text + n, 1) && text[n])
		n++;
	add(p->out, " ");
	quote(p, text, n);
	if (n == sizeof text)
		add(p->out, "...");
}

static uint64_t unsigned_of(const uint8_t *bytes, size_t n)
{
	uint64_t v = 0;
	memcpy(&v, bytes, n < sizeof v ? n : sizeof v);
	return v;
}

static int64_t signed_of(const uint8_t *bytes, size_t n)
{
	uint64_t v = unsigned_of(bytes, n);
	if (n == 0 || n >= sizeof v) /* foreign debug information has types of no bytes, too */
		return (int64_t)v;
	unsigned shift = 64 - 8 * (unsigned)n;
	return (int64_t)(v << shift) >> shift;
}

static void print_float(struct printer *p, const uint8_t *bytes, size_t n)
{
	float f;
	double d;
	long double l = 0;
	if (n == sizeof f) {
		memcpy(&f, bytes, sizeof f);
		add(p->out, "%.9g", (double)f);
	} else if (n == sizeof d) {
		memcpy(&d, bytes, sizeof d);
		add(p->out, "%.17g", d);
	} else {
		memcpy(&l, bytes, n < sizeof l ? n : sizeof l);
		add(p->out, "%.20Lg", l);
	}
}

static void print_complex(struct printer *p, const uint8_t *bytes, size_t n)
{
	add(p->out, "(");
	print_float(p, bytes, n / 2);
	add(p->out, ", ");
	print_float(p, bytes + n / 2, n / 2);
	add(p->out, "i)");
}

static void print_char(struct printer *p, int64_t v)
{
	add(p->out, "%" PRId64, v);
	if (v >= ' ' && v < 0x7f)
		add(p->out, " '%c'", (char)v);
}

static void print_base(struct printer *p, Dwarf_Die *type, const uint8_t *bytes, size_t n)
{
	switch (number(type, DW_AT_encoding, 0)) {
	case DW_ATE_boolean:
		add(p->out, unsigned_of(bytes, n) ? "true" : "false");
		return;
	case DW_ATE_float:
		print_float(p, bytes, n);
		return;
	case DW_ATE_complex_float:
		print_complex(p, bytes, n);
		return;
	case DW_ATE_signed_char:
		print_char(p, signed_of(bytes, n));
		return;
	case DW_ATE_signed:
		add(p->out, "%" PRId64, signed_of(bytes, n));
		return;
	default:
		add(p->out, "%" PRIu64, unsigned_of(bytes, n));
	}
}

static void print_enum(struct printer *p, Dwarf_Die *type, const uint8_t *bytes, size_t n)
{
	Dwarf_Die it;
	int64_t v = signed_of(bytes, n);
	if (!dwarf_child(type, &it))
		do {
			if (dwarf_tag(&it) == DW_TAG_enumerator && dwarf_diename(&it) &&
				number(&it, DW_AT_const_value, ~v) == v) {
				add(p->out, "%s", dwarf_diename(&it));
				return;
			}
		} while (dwscopes_next(&it));
	add(p->out, "%" PRId64, v);
}

/* The first bit of a member, from the start of its structure; -1 when that is not told. */
static int64_t first_bit(Dwarf_Die *member, int64_t bits)
{
	Dwarf_Die type;
	int64_t high =
		number(member, DW_AT_bit_offset, -1); /* up to DWARF 4: from the highest bit */
	if (high < 0)
		return number(member, DW_AT_data_bit_offset, -1);
	int64_t size = number(member, DW_AT_byte_size, 0);
	if (!size && dwtype_of(member, &type))
		size = (int64_t)dwtype_size(&type);
	int64_t at = number(member, DW_AT_data_member_location, 0);
	if (size < 1 || size > 8 || at < 0 || at > INT32_MAX || high > 64)
		return -1;
	return 8 * (at + size) - high - bits;
}

/* A member that shares its bytes with others: a number of so many bits. */
static void print_bits(struct printer *p, Dwarf_Die *member, const uint8_t *bytes, size_t n)
{
	int64_t bits = number(member, DW_AT_bit_size, 0);
	int64_t at = bits > 0 && bits <= 57 ? first_bit(member, bits) : -1;
	if (at < 0 || at > INT32_MAX || (uint64_t)(at + bits) > 8 * n) {
		add(p->out, "?");
		return;
	}
	size_t from = (size_t)at / 8, len = n - from < 8 ? n - from : 8;
	uint64_t v = unsigned_of(bytes + from, len) >> at % 8;
	add(p->out, "%" PRIu64, v & ((UINT64_C(1) << bits) - 1));
}

static void print_member(struct printer *p, Dwarf_Die *member, const uint8_t *bytes, size_t n)
{
	Dwarf_Die type;
	const char *name = dwarf_diename(member);
	int64_t at = number(member, DW_AT_data_member_location, 0);
	if (name)
		add(p->out, "%s: ", name);
	if (number(member, DW_AT_bit_size, 0))
		print_bits(p, member, bytes, n);
	else if (!dwtype_of(member, &type) || at < 0 || (uint64_t)at > n)
		add(p->out, "...");
	else
		print_value(p, &type, bytes + at, n - (size_t)at);
}

static void print_members(struct printer *p, Dwarf_Die *type, const uint8_t *bytes, size_t n)
{
	Dwarf_Die it;
	unsigned shown = 0;
	add(p->out, "{");
	if (!dwarf_child(type, &it))
		do {
			if (dwarf_tag(&it) != DW_TAG_member)
				continue;
			add(p->out, shown ? ", " : "");
			if (shown++ == MAX_SHOWN) {
				add(p->out, "...");
				break;
			}
			print_member(p, &it, bytes, n);
		} while (dwscopes_next(&it));
	add(p->out, "}");
}

/* len elements, of which those in the first n bytes can be shown. */
static void print_elements(
	struct printer *p, Dwarf_Die *elem, uint64_t len, const uint8_t *bytes, size_t n)
{
	uint64_t size = dwtype_size(elem), i;
	add(p->out, "[");
	for (i = 0; i < len && i < MAX_SHOWN && size && size <= n / (i + 1); i++) {
		add(p->out, i ? ", " : "");
		print_value(p, elem, bytes + size * i, size);
	}
	add(p->out, i < len ? i ? ", ...]" : "...]" : "]");
}

static bool is_char(Dwarf_Die *type)
{
	return dwarf_tag(type) == DW_TAG_base_type && dwtype_size(type) == 1 &&
	       number(type, DW_AT_encoding, 0) == DW_ATE_signed_char;
}

static void print_array(struct printer *p, Dwarf_Die *type, const uint8_t *bytes, size_t n)
{
	Dwarf_Die elem, plain;
	int64_t len = array_length(type);
	bool known = dwtype_of(type, &elem);
	if (known && !p->names->type && (plain = elem, peel(&plain)) && is_char(&plain)) {
		size_t chars = strnlen((const char *)bytes, n);
		quote(p, (const char *)bytes, chars < MAX_CHARS ? chars : MAX_CHARS);
	} else if (known && len >= 0) {
		print_elements(p, &elem, (uint64_t)len, bytes, n);
	} else {
		add(p->out, "[...]");
	}
}

/* What a pointer leads to, once, when it is more than a word of no meaning. */
static void follow(struct printer *p, Dwarf_Die *type, uint64_t at)
{
	uint8_t bytes[MAX_TARGET];
	uint64_t size = dwtype_size(type);
	size = size < sizeof bytes ? size : sizeof bytes;
	if (p->followed || p->depth > 2 || !size || !tmem_read(p->mem, (taddr){at}, bytes, size))
		return;
	p->followed++;
	add(p->out, " -> ");
	print_value(p, type, bytes, size);
	p->followed--;
}

static void print_pointer(struct printer *p, Dwarf_Die *type, const uint8_t *bytes, size_t n)
{
	Dwarf_Die to, plain;
	uint64_t at = unsigned_of(bytes, n);
	if (!at) {
		add(p->out, p->names->type ? "nil" : "NULL");
		return;
	}
	add(p->out, "0x%" PRIx64, at);
	if (!dwtype_of(type, &to))
		return;
	plain = to;
	if (!peel(&plain) || dwarf_tag(&plain) == DW_TAG_subroutine_type)
		return;
	if (is_char(&plain) && !p->names->type)
		print_cstring(p, at);
	else
		follow(p, &to, at);
}

/* ---- values of Go ---- */

/* The word at a member of what a map or channel points to, by the names it has had. */
static bool runtime_word(
	struct printer *p, Dwarf_Die *pointer, uint64_t at, const char *const *names, uint64_t *v)
{
	Dwarf_Die type, it;
	if (!dwtype_of(pointer, &type) || !peel(&type) || dwarf_child(&type, &it))
		return false;
	do {
		const char *name = dwarf_diename(&it);
		int64_t off = number(&it, DW_AT_data_member_location, 0);
		for (int i = 0; name && names[i]; i++)
			if (!strcmp(name, names[i]))
				return tmem_read(p->mem, (taddr){at + (uint64_t)off}, v, sizeof *v);
	} while (dwscopes_next(&it));
	return false;
}

static void print_map(struct printer *p, Dwarf_Die *type, uint64_t at)
{
	static const char *const len[] = {"used", "count", NULL};
	uint64_t n;
	if (!at)
		add(p->out, "nil");
	else
		add(p->out, "0x%" PRIx64, at);
	if (at && runtime_word(p, type, at, len, &n))
		add(p->out, " (len %" PRIu64 ")", n);
}

static void print_chan(struct printer *p, Dwarf_Die *type, uint64_t at)
{
	static const char *const len[] = {"qcount", NULL}, *const cap[] = {"dataqsiz", NULL};
	uint64_t n, size;
	if (!at)
		add(p->out, "nil");
	else
		add(p->out, "0x%" PRIx64, at);
	if (at && runtime_word(p, type, at, len, &n) && runtime_word(p, type, at, cap, &size))
		add(p->out, " (len %" PRIu64 ", cap %" PRIu64 ")", n, size);
}

static void print_func(struct printer *p, uint64_t closure)
{
	uint64_t pc = 0;
	const char *name = NULL;
	if (!closure) {
		add(p->out, "nil");
		return;
	}
	if (tmem_read(p->mem, (taddr){closure}, &pc, sizeof pc))
		name = p->names->func(p->names->ctx, pc);
	if (name)
		add(p->out, "%s", name);
	else
		add(p->out, "0x%" PRIx64, closure);
}

/* Two words: the type, or a table that has it as its second word; and the value or a pointer. */
static void print_interface(struct printer *p, Dwarf_Die *type, const uint8_t *bytes)
{
	Dwarf_Die first;
	char name[128];
	uint64_t tab = word(bytes);
	if (!tab) {
		add(p->out, "nil");
		return;
	}
	bool empty = !dwarf_child(type, &first) && dwarf_diename(&first) &&
		     !strcmp(dwarf_diename(&first), "_type");
	if (!empty && !tmem_read(p->mem, (taddr){tab + 8}, &tab, sizeof tab))
		tab = 0;
	if (p->names->type(p->names->ctx, tab, name, sizeof name))
		add(p->out, "%s 0x%" PRIx64, name, word(bytes + 8));
	else
		add(p->out, "? (of a type that makes no sense)");
}

static void print_slice(struct printer *p, Dwarf_Die *type, const uint8_t *bytes)
{
	Dwarf_Attribute at;
	Dwarf_Die elem;
	uint8_t head[MAX_TARGET];
	uint64_t base = word(bytes), len = word(bytes + 8), cap = word(bytes + 16);
	if (!base) {
		add(p->out, "nil");
		return;
	}
	uint64_t size = 0, n = len < MAX_SHOWN ? len : MAX_SHOWN;
	if (dwarf_attr(type, DW_AT_go_elem, &at) && dwarf_formref_die(&at, &elem))
		size = dwtype_size(&elem);
	if (size > sizeof head)
		n = 0;
	else if (size && n > sizeof head / size)
		n = sizeof head / size;
	if (!size || (n && !tmem_read(p->mem, (taddr){base}, head, n * size)))
		add(p->out, "0x%" PRIx64, base);
	else
		print_elements(p, &elem, len, head, n * size);
	if (len > cap)
		add(p->out, " (torn)");
	else if (len > n || len != cap)
		add(p->out, " (len %" PRIu64 ", cap %" PRIu64 ")", len, cap);
}

/* The first of a type's names that has its kind, 0: none has. */
static int64_t kind_of(Dwarf_Die *type)
{
	int64_t kind;
	for (int i = 0; !(kind = number(type, DW_AT_go_kind, 0)); i++)
		if (i == MAX_PEEL || !transparent(dwarf_tag(type)) || !dwtype_of(type, type))
			return 0;
	return kind;
}

static size_t least_size(int64_t kind)
{
	return kind == GO_SLICE ? 24 : kind == GO_STRING || kind == GO_INTERFACE ? 16 : 8;
}

/* Values that have a meaning beyond their members. False: it is none of them, or cut off. */
static bool print_go(struct printer *p, const Dwarf_Die *named, const uint8_t *bytes, size_t n)
{
	Dwarf_Die type = *named;
	int64_t kind = p->names->type ? kind_of(&type) : 0;
	if (kind < GO_CHAN || kind > GO_STRING || kind == GO_POINTER || n < least_size(kind) ||
		!peel(&type))
		return false;
	if (kind == GO_STRING)
		print_chars(p, word(bytes), word(bytes + 8));
	else if (kind == GO_SLICE)
		print_slice(p, &type, bytes);
	else if (kind == GO_INTERFACE)
		print_interface(p, &type, bytes);
	else if (kind == GO_FUNC)
		print_func(p, word(bytes));
	else if (kind == GO_MAP)
		print_map(p, &type, word(bytes));
	else
		print_chan(p, &type, word(bytes));
	return true;
}

static void print_plain(struct printer *p, Dwarf_Die *type, const uint8_t *bytes, size_t n)
{
	switch (dwarf_tag(type)) {
	case DW_TAG_base_type:
		print_base(p, type, bytes, n);
		return;
	case DW_TAG_enumeration_type:
		print_enum(p, type, bytes, n);
		return;
	case DW_TAG_pointer_type:
		print_pointer(p, type, bytes, n);
		return;
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_class_type:
		print_members(p, type, bytes, n);
		return;
	case DW_TAG_array_type:
		print_array(p, type, bytes, n);
		return;
	default:
		add(p->out, "?");
	}
}

static bool aggregate(int tag)
{
	return tag == DW_TAG_structure_type || tag == DW_TAG_union_type ||
	       tag == DW_TAG_class_type || tag == DW_TAG_array_type;
}

static void print_value(struct printer *p, Dwarf_Die *type, const uint8_t *bytes, size_t n)
{
	Dwarf_Die plain = *type;
	uint64_t size = dwtype_size(type);
	n = size && size < n ? size : n;
	if (p->out->n >= sizeof p->out->s - 4)
		return;
	if (p->depth >= MAX_DEPTH) {
		add(p->out, "...");
		return;
	}
	p->depth++;
	if (!print_go(p, type, bytes, n)) {
		if (!peel(&plain) || (n < size && !aggregate(dwarf_tag(&plain))))
			add(p->out, "...");
		else
			print_plain(p, &plain, bytes, n);
	}
	p->depth--;
}

void dwtype_value(const struct tmem *mem, const struct dwnames *names, Dwarf_Die *type,
	const uint8_t *bytes, size_t n, struct dwtext *out)
{
	struct printer p = {.mem = mem, .names = names, .out = out};
	out->n = 0;
	out->s[0] = '\0';
	print_value(&p, type, bytes, n);
}
