/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotype.c - pointer masks of Go types, from the live process.
 *
 * Small types have their mask in the file. Those of large ones are built by the runtime when they
 * are first needed (1.24 on), or run as a program (up to 1.23); while that has not happened the
 * mask is built here, as the runtime does it, from the masks of elements and members.
 */
#include "gotype.h"

#include <string.h>

/* internal/abi.Type, ArrayType and StructType, the same from 1.22 on. */
enum { TYPE_SIZE = 0, TYPE_PTRBYTES = 8, TYPE_TFLAG = 20, TYPE_KIND = 23, TYPE_GCDATA = 32 };
enum { TYPE_BYTES = 72, ARRAY_ELEM = 48, ARRAY_LEN = 64, STRUCT_FIELDS = 56, STRUCT_NFIELDS = 64 };
enum { FIELD_TYPE = 8, FIELD_OFFSET = 16, FIELD_BYTES = 24 };
enum { TFLAG_GCMASK_ONDEMAND = 16, KIND_GCPROG = 64, KIND_MASK = 31 };
enum { KIND_ARRAY = 17, KIND_STRUCT = 25 };
#define MAX_PTRBYTES (1ull << 32)
#define MAX_DEPTH    32
#define MAX_FIELDS   4096

struct rtype {
	uint64_t size, ptrbytes;
	uint8_t raw[TYPE_BYTES];
};

static uint64_t word(const uint8_t *raw, size_t off)
{
	uint64_t v;
	memcpy(&v, raw + off, sizeof v);
	return v;
}

static bool read_rtype(const struct gotarget *g, uint64_t addr, struct rtype *t)
{
	if (addr < 4096 || addr % 8 || !target_read(g->t, addr, t->raw, sizeof t->raw))
		return false;
	t->size = word(t->raw, TYPE_SIZE);
	t->ptrbytes = word(t->raw, TYPE_PTRBYTES);
	return t->size <= MAX_PTRBYTES && t->ptrbytes <= t->size && t->ptrbytes % 8 == 0;
}

/* Address of the finished mask, 0 when there is none. */
static uint64_t mask_of(const struct gotarget *g, const struct rtype *t)
{
	uint64_t gcdata = word(t->raw, TYPE_GCDATA);
	if (g->lay->minor >= 24 && t->raw[TYPE_TFLAG] & TFLAG_GCMASK_ONDEMAND)
		return target_word(g->t, gcdata);
	return g->lay->minor < 24 && t->raw[TYPE_KIND] & KIND_GCPROG ? 0 : gcdata;
}

/* A mask that is being built: n words, of which no more than `budget` parts may be looked at. */
struct build {
	const struct gotarget *g;
	uint64_t *mask, n;
	unsigned depth, budget;
};

static bool build_mask(struct build *b, uint64_t addr, uint64_t at);

static bool build_array(struct build *b, const struct rtype *t, uint64_t at)
{
	uint64_t elem = word(t->raw, ARRAY_ELEM), len = word(t->raw, ARRAY_LEN);
	struct rtype e;
	if (!read_rtype(b->g, elem, &e) || !e.size || len > t->size / e.size)
		return false;
	for (uint64_t i = 0; i < len; i++)
		if (!build_mask(b, elem, at + i * e.size / 8))
			return false;
	return true;
}

static bool build_struct(struct build *b, const struct rtype *t, uint64_t at)
{
	uint64_t fields = word(t->raw, STRUCT_FIELDS), n = word(t->raw, STRUCT_NFIELDS);
	uint8_t raw[FIELD_BYTES];
	if (n > MAX_FIELDS)
		return false;
	for (uint64_t i = 0; i < n; i++) {
		if (!target_read(b->g->t, fields + i * FIELD_BYTES, raw, sizeof raw))
			return false;
		uint64_t off = word(raw, FIELD_OFFSET);
		if (off > t->size || !build_mask(b, word(raw, FIELD_TYPE), at + off / 8))
			return false;
	}
	return true;
}

static bool copy_mask(struct build *b, uint64_t mask, uint64_t words, uint64_t at)
{
	uint8_t *bits = at + words <= b->n ? malloc(words / 8 + 1) : NULL;
	bool ok = bits && target_read(b->g->t, mask, bits, (words + 7) / 8);
	for (uint64_t i = 0; ok && i < words; i++)
		if (bits[i / 8] >> i % 8 & 1)
			b->mask[(at + i) / 64] |= 1ull << (at + i) % 64;
	free(bits);
	return ok;
}

/* The pointers of the type at addr, for a value that begins at word `at`. */
static bool build_mask(struct build *b, uint64_t addr, uint64_t at)
{
	struct rtype t;
	if (b->depth >= MAX_DEPTH || !b->budget || !read_rtype(b->g, addr, &t))
		return false;
	b->budget--;
	if (!t.ptrbytes)
		return true;
	uint64_t mask = mask_of(b->g, &t);
	if (mask)
		return copy_mask(b, mask, t.ptrbytes / 8, at);
	b->depth++;
	bool ok = false;
	if ((t.raw[TYPE_KIND] & KIND_MASK) == KIND_ARRAY)
		ok = build_array(b, &t, at);
	else if ((t.raw[TYPE_KIND] & KIND_MASK) == KIND_STRUCT)
		ok = build_struct(b, &t, at);
	b->depth--;
	return ok;
}

static struct gotype *read_type(const struct gotypes *types, uint64_t addr)
{
	const struct gotarget *g = types->g;
	struct rtype t;
	if (!read_rtype(g, addr, &t) || !t.size || t.size % 8 || t.size > types->most)
		return calloc(1, sizeof(struct gotype));
	uint64_t words = t.ptrbytes / 8;
	struct gotype *type = calloc(1, sizeof *type + (words / 64 + 1) * sizeof type->mask[0]);
	if (!type)
		return NULL;
	struct build b = {.g = g, .mask = type->mask, .n = words, .budget = 1 << 20};
	type->size = t.size;
	type->ptrbytes = t.ptrbytes;
	type->known = build_mask(&b, addr, 0);
	return type;
}

const struct gotype *gotype_get(struct gotypes *types, uint64_t addr)
{
	struct gotype *t = pcmap_get(&types->by_addr, addr);
	if (t)
		return t;
	t = types->read ? types->read(types->ctx, addr) : read_type(types, addr);
	if (t && !pcmap_add(&types->by_addr, addr, t)) {
		free(t);
		return NULL;
	}
	types->n++;
	types->unknown += t && !t->known;
	return t;
}

void gotypes_free(struct gotypes *types)
{
	pcmap_free(&types->by_addr);
	*types = (struct gotypes){0};
}
